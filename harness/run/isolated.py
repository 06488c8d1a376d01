"""A run in a process of its own, so that whatever happens to it costs this run alone."""

import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import asdict
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.console import say
from recurbench.harness.errors import UserError
from recurbench.harness.results.record import Failure, Record, Status, decode, encode
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.outcome import (
    KilledError,
    Outcome,
    now,
    record_without_data,
    write_record,
)

PRELOADED = ["recurbench.harness.run.execute"]
"""What the process that all runs are forked from has imported: torch and Lightning take seconds."""


def run_isolated(config: Config, log: Path) -> Outcome:
    """Runs a configuration in a process of its own, and says what it prints.

    Args:
        config: with all that can be left open still open.
        log: the file of everything that the run prints.

    Returns:
        How it ended. A run that died has a record that says so.

    Raises:
        UserError: a record cannot be written.
    """
    run = _Run(config, log)
    try:
        run.wait()
    finally:
        run.close()
    if run.outcome is not None:
        return run.outcome
    status, message = _what_happened(run.exit_code)
    return _record_death(config, run.begun, status, f"{message}; see {log}")


class _Run:
    """One run under way in its process.

    Attributes:
        begun: the run's record as far as it was known when training began.
        outcome: how it ended, if it could say so itself.
    """

    def __init__(self, config: Config, log: Path) -> None:
        self.begun: Record | None = None
        self.outcome: Outcome | None = None
        # A new process is told the way that this one was started; joblib's own it would not know.
        multiprocessing.set_start_method("forkserver", force=True)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("wb")
        self._printed, printing = context.Pipe(duplex=False)
        self._heard, telling = context.Pipe(duplex=False)
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_child,
            args=(asdict(config), dict(os.environ), os.getcwd(), printing, telling, lifeline),
        )
        self._process.start()
        for end in (printing, telling, lifeline):
            end.close()
        self._line = b""

    def wait(self) -> None:
        """Passes on what the run prints, and takes what it tells, until it ends."""
        sources: list[Any] = [self._printed, self._heard]
        while sources:
            ready = wait([*sources, self._process.sentinel])
            if self._printed in ready and not self._pass_on():
                sources.remove(self._printed)
            if self._heard in ready and not self._hear():
                sources.remove(self._heard)
            if ready == [self._process.sentinel]:  # and nothing is left to be read
                break
        self._process.join()

    @property
    def exit_code(self) -> int:
        """Minus the signal's number if one ended the process."""
        return self._process.exitcode or 0

    def close(self) -> None:
        """Ends the process if it still runs, with all that it started."""
        assert self._process.pid is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()  # if it has not made its group yet
        self._process.join()
        for end in (self._printed, self._heard, self._lifeline):
            end.close()
        self._log.close()

    def _pass_on(self) -> bool:
        """Writes what was printed to the log and says whole lines; False at the end."""
        found = os.read(self._printed.fileno(), 1 << 16)
        self._log.write(found)
        self._log.flush()
        *lines, self._line = (self._line + found).split(b"\n")
        if not found and self._line:
            lines.append(self._line)
        for line in lines:
            say(line.decode("utf-8", "replace"))
        return bool(found)

    def _hear(self) -> bool:
        """Takes what the run tells of itself; False at the end."""
        try:
            what, content = self._heard.recv()
        except (EOFError, OSError):
            return False
        if what == "begun":
            found = decode(content, Path("the run"))
            self.begun = found if isinstance(found, Record) else None
        else:
            self.outcome = Outcome(**content)
        return True


def _child(
    sections: dict[str, Any],
    environment: dict[str, str],
    folder: str,
    printing: Connection,
    telling: Connection,
    lifeline: Connection,
) -> None:
    """The process of a run."""
    os.setsid()  # so that all that a plugin starts can be ended with it
    threading.Thread(target=_end_with_the_sweep, args=(lifeline,), daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(printing.fileno(), number)
        stream = os.fdopen(number, "w", 1, encoding="utf-8", errors="replace", closefd=False)
        setattr(sys, name, stream)
    printing.close()
    from recurbench.harness.run.execute import execute

    try:
        register()
        config = resolve(OmegaConf.create(sections))
        outcome = execute(config, lambda record: telling.send(("begun", encode(record))))
    except UserError as error:
        outcome = Outcome("refused", str(error))
    telling.send(("ended", asdict(outcome)))


def _end_with_the_sweep(lifeline: Connection) -> None:
    """Waits until the sweep's process is gone, and then ends the run: nobody would count it."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os.killpg(os.getpid(), signal.SIGKILL)


def _what_happened(code: int) -> tuple[Status, str]:
    """The status and the message of a run that could not say itself how it ended."""
    number = code - 128 if code > 128 else -code  # a signal that was caught, or that was not
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        hint = " (by the kernel, if memory was short)" if number == signal.SIGKILL else ""
        return "killed", f"the process was ended by {name}{hint}"
    return "failed", f"a plugin ended the process with exit code {code}"


def _record_death(config: Config, begun: Record | None, status: Status, message: str) -> Outcome:
    """Writes the record of a run that died, from what was known of it."""
    record = begun
    if record is None:
        device = choose_device(config.trainer.accelerator)
        record = record_without_data(config, device, now(), KilledError())
    record.status, record.finished_at = status, now()
    record.error = Failure(type=status, message=message, traceback="")
    return write_record(record, config)
