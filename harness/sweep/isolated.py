"""A run in a process of its own, so that whatever happens to it costs this run alone."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from recurbench.harness.config.sections import Config
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.leases import clear
from recurbench.harness.results.record import Failure, Record, Status, decode
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.outcome import (
    KilledError,
    now,
    record_without_data,
    write_record,
)
from recurbench.harness.sweep.child import run_here
from recurbench.harness.sweep.forking import forking
from recurbench.harness.sweep.shares import Share


class IsolatedRun:
    """A run under way in its process.

    Args:
        config: with all that can be left open still open.
        log: the file of everything that it prints.
        share: what of the machine it may use.

    Attributes:
        done: the part of its training that is done, from 0 to 1.
        state: how far it is, in a few words.
        deadline: when it has to be over, as `time.monotonic` says it; None if it may last.
    """

    def __init__(self, config: Config, log: Path, share: Share) -> None:
        self.config, self.log = config, log
        self.done, self.state = 0.0, "starts"
        self.deadline: float | None = None
        self._begun: Record | None = None
        self._outcome: Outcome | None = None
        self._asked = self._late = self._deaf = False
        self._killings = _killings()
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        context = forking()
        self._heard, telling = context.Pipe(duplex=False)
        lifeline, self._lifeline = context.Pipe(duplex=False)
        environment = dict(os.environ) | share.environment()
        self._process = context.Process(
            target=run_here,
            args=(asdict(config), environment, os.getcwd(), log, share, telling, lifeline),
        )
        with _main_left_out():
            self._process.start()
        telling.close()
        lifeline.close()

    @property
    def sources(self) -> list[Any]:
        """What becomes ready when `listen` has something to hear, or the run has ended."""
        sentinel: Any = self._process.sentinel
        return [sentinel] if self._deaf else [self._heard, sentinel]

    def listen(self) -> bool:
        """Takes what the run tells of itself; False once it has ended."""
        try:
            while not self._deaf and self._heard.poll():
                self._take(*self._heard.recv())
        except (EOFError, OSError):  # it says no more, and may still do something
            self._deaf = True
        return self._process.exitcode is None

    def _take(self, what: str, content: Any) -> None:
        if what == "started":  # which may be long after it was asked for
            timeout = self.config.run.timeout
            self.deadline = None if timeout is None else time.monotonic() + timeout
        elif what == "begun":
            found = decode(content, Path("the run"))
            self._begun = found if isinstance(found, Record) else None
        elif what == "progressed":
            self.done, self.state = content
        else:
            self._outcome = content

    def ask_to_stop(self) -> None:
        """Asks the run to finish its step, save and end."""
        self._asked = True
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)

    def end_late(self) -> None:
        """Ends a run that took too long."""
        self._late = True
        self.end()

    def end(self) -> None:
        """Ends the process if it still runs, with all that it started."""
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()  # if it has not made its group yet
        self._process.join()

    def close(self) -> None:
        """Ends it, and gives back what it was heard by."""
        self.end()
        for end in (self._heard, self._lifeline):
            end.close()

    @property
    def _pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def outcome(self) -> Outcome:
        """How a run that has ended did so; one that died gets a record that says it.

        Raises:
            UserError: the record cannot be written.
        """
        found = self._outcome
        if found is None or (found.status == "interrupted" and not self._asked):
            if self._asked and not self._late:  # it was ended before it could save
                return Outcome("interrupted", signal.Signals(signal.SIGKILL).name)
            found = self._record_death(*self._what_happened())
        return msgspec.structs.replace(found, log=str(self.log))

    def _what_happened(self) -> tuple[Status, str]:
        """The status and the message of a run that could not say itself how it ended."""
        if self._late:
            return "timed_out", f"it took more than run.timeout={self.config.run.timeout:g} seconds"
        if self._outcome is not None:  # it was asked by somebody else, and has saved
            return "killed", f"the process was ended by {self._outcome.line}"
        code = self._process.exitcode or 0
        number = code - 128 if code > 128 else -code  # a signal that was caught, or was not
        if number not in set(signal.Signals):
            return "failed", f"a plugin ended the process with exit code {code}"
        if number == signal.SIGKILL and _killings() > self._killings:
            return "out_of_memory", "the kernel ended the process, since memory was short"
        return "killed", f"the process was ended by {signal.Signals(number).name}"

    def _record_death(self, status: Status, message: str) -> Outcome:
        """Writes the record of a run that died, from what was known of it."""
        config, record = self.config, self._begun
        if record is None:
            device = choose_device(config.trainer)
            record = record_without_data(config, device, now(), KilledError())
        record.status, record.finished_at = status, now()
        record.error = Failure(type=status, message=message, traceback="")
        outcome = write_record(record, config)
        place = ResultsFolder(Path(config.results_dir)).unfinished(record.run_id)
        clear(place, keep_progress=status == "killed")
        return outcome


@contextmanager
def _main_left_out() -> Iterator[None]:
    """Keeps a new process from importing the program that sweeps, which would sweep again.

    A run needs nothing of it, and a script may have no `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    file, spec = vars(main).pop("__file__", None), main.__spec__
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def _killings() -> int:
    """How often the kernel of this machine has killed since memory was short."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text("utf-8").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
