"""Stops a run at the end of a step when a person or the system asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2
"""Ctrl-C, `kill` and most clusters, a terminal that closes, and the warnings that Slurm sends."""


class StoppedError(BaseException):
    """A run was asked to stop, and has saved what it could; no error that a plugin may catch.

    Attributes:
        number: the signal that asked.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _Request:
    """What was asked of this process, and whether it may finish a step first."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.finishing = False
        self.hurries = True
        self.heeded: list[int] = []

    def heed(self) -> None:
        """Becomes the handler of the signals that stop a run."""
        for number in self.heeded:
            signal.signal(number, self.take)

    def take(self, number: int, _: FrameType | None = None) -> None:
        """A handler of signals: the first one waits for the end of a step, a second for nothing."""
        again, self.number = self.number is not None, number
        if (again and self.hurries) or not self.finishing:
            raise StoppedError(number)


_REQUEST = _Request()


@contextmanager
def stoppable(hurries: bool = True) -> Iterator[None]:
    """Lets signals stop what runs within by a `StoppedError`, in the main thread.

    Another thread gets no signals, and whoever started it has handlers of its own.

    Args:
        hurries: whether a second signal stops it in the middle of a step. Slurm sends each to all
            processes, so that one whose parent passes signals on gets them twice.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    _REQUEST.number, _REQUEST.hurries = None, hurries
    _REQUEST.heeded = [n for n in SIGNALS if before[n] is not signal.SIG_IGN]  # as of `nohup`
    _REQUEST.heed()
    try:
        yield
    finally:
        _REQUEST.heeded = []
        for number in SIGNALS:
            signal.signal(number, before[number])


@contextmanager
def finishing_steps() -> Iterator[None]:
    """Lets the first signal wait until the code within asks for it, between two steps."""
    _REQUEST.finishing = True
    try:
        yield
    finally:
        _REQUEST.finishing = False


def heed_again() -> None:
    """Takes back the handlers that Lightning has put before ours."""
    _REQUEST.heed()


def asked() -> int | None:
    """The signal that asked this process to stop, if one has."""
    return _REQUEST.number
