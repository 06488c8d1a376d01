"""How a sweep is asked to stop."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from recurbench.harness.run.stopping import SIGNALS


class Stop:
    """Whether a sweep is asked to stop, and how urgently.

    Attributes:
        number: the signal that asked, if one has.
        times: how often one has; the second time there is nothing to wait for.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.times = 0
        self.since = 0.0
        self._heard, self._told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ask(self, number: int, _: FrameType | None = None) -> None:
        """Asks; a handler of signals."""
        if self.number is None:
            self.number, self.since = number, time.monotonic()
        self.times += 1
        os.write(self._told, b"!")  # wakes up whoever waits

    def fileno(self) -> int:
        """Becomes ready when it asks."""
        return self._heard

    def heard(self) -> None:
        """Is not ready any more until it asks again."""
        os.read(self._heard, 1 << 10)

    def waited(self) -> float:
        """Seconds since it asked first."""
        return time.monotonic() - self.since

    def close(self) -> None:
        """Gives back what it waits with."""
        os.close(self._heard)
        os.close(self._told)


@contextmanager
def stop_by_signals() -> Iterator[Stop]:
    """A stop that signals ask for, while this runs in the main thread."""
    stop = Stop()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as `nohup` wants it
            signal.signal(number, stop.ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
