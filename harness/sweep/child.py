"""The process of an isolated run."""

import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.errors import UserError
from recurbench.harness.results.record import Record, encode
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.execute import execute
from recurbench.harness.run.observer import Observer
from recurbench.harness.run.stopping import SIGNALS, StoppedError, stoppable
from recurbench.harness.sweep.shares import Share

GRACE_SECONDS = 20.0
"""A run that was asked to stop is ended after so long; Slurm waits for 30 seconds."""


class _Teller(Observer):
    """Tells the process that started the run; if that is gone nobody needs to know."""

    def __init__(self, telling: Connection) -> None:
        self._telling = telling

    def begun(self, record: Record) -> None:
        self.tell("begun", encode(record))

    def progressed(self, done: float, state: str) -> None:
        self.tell("progressed", (done, state))

    def tell(self, what: str, content: Any) -> None:
        with suppress(OSError):
            self._telling.send((what, content))


def run_here(
    sections: dict[str, Any],
    environment: dict[str, str],
    folder: str,
    log: Path,
    share: Share,
    telling: Connection,
    lifeline: Connection,
) -> None:
    """Runs a configuration and tells how it ended.

    Args:
        sections: of the configuration.
        environment: all of the process's variables.
        folder: the one to work in.
        log: the file of all that is printed.
        share: what of the machine it may use.
        telling: where it tells of itself.
        lifeline: ends when the process that started it does.
    """
    for number in SIGNALS:  # which the process that we are forked from ignores
        signal.signal(number, signal.SIG_DFL)
    os.setsid()  # so that all that a plugin starts can be ended with it
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    share.keep_to_cores()
    _print_to(log)
    threading.Thread(target=_end_with_the_sweep, args=(lifeline,), daemon=True).start()
    teller = _Teller(telling)
    teller.tell("started", None)
    try:
        with stoppable(hurries=False):
            register()
            outcome = execute(resolve(OmegaConf.create(sections)), teller)
    except UserError as error:
        outcome = Outcome("refused", str(error))
    except StoppedError as stop:
        outcome = Outcome("interrupted", str(stop))
    teller.tell("ended", outcome)


def _print_to(log: Path) -> None:
    """Sends all output to a file, that of libraries in C too."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(file, number)
        stream = os.fdopen(number, "w", 1, encoding="utf-8", errors="replace", closefd=False)
        setattr(sys, name, stream)
    os.close(file)


def _end_with_the_sweep(lifeline: Connection) -> None:
    """Waits until the sweep's process is gone, and stops the run: nobody would count it."""
    with suppress(EOFError, OSError):
        lifeline.recv()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os.killpg(os.getpid(), signal.SIGKILL)
