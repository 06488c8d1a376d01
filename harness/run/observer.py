"""Who is told how a run goes while it goes."""

import time

from recurbench.harness.results.record import Record

TELLING_SECONDS = 0.2
"""Observers are told of progress no more often than that."""


class Observer:
    """Is told how a run goes, and makes nothing of it; who wants to know derives from it."""

    _told_at = 0.0

    def begun(self, record: Record) -> None:
        """Training begins.

        Args:
            record: the run's as far as it is known, as if the run had died.
        """

    def progressed(self, done: float, state: str) -> None:
        """Training has come so far.

        Args:
            done: the part of its limit that is used up, from 0 to 1.
            state: step, rate and newest scores in a few words.
        """

    def wants_more(self) -> bool:
        """Whether it was told of progress long enough ago."""
        now = time.monotonic()
        if now - self._told_at < TELLING_SECONDS:
            return False
        self._told_at = now
        return True
