"""How far a sweep is, in numbers."""

import time
from datetime import timedelta
from typing import Any

from recurbench.harness.results.sweeps import Outcome


class Tally:
    """Counts the outcomes of a sweep as they come.

    Args:
        jobs: how many runs there are, if that is known.
        since: for so many seconds it has run.
    """

    def __init__(self, jobs: int | None, since: float = 0.0) -> None:
        self.jobs = jobs
        self.completed = self.skipped = self.failed = 0
        self._began = time.monotonic() - since

    def count(self, outcome: Outcome) -> None:
        """Counts an outcome."""
        if outcome.status == "skipped":
            self.skipped += 1
        elif outcome.ok:
            self.completed += 1
        else:
            self.failed += 1

    @property
    def done(self) -> int:
        """Runs that have ended."""
        return self.completed + self.skipped + self.failed

    def seconds_left(self) -> float | None:
        """How long the rest will take, if it goes on as fast as it went without what was skipped.

        None as long as nothing ran, or where nobody knows how many there are.
        """
        ran = self.completed + self.failed
        if self.jobs is None or ran == 0 or self.done >= self.jobs:
            return None
        return (time.monotonic() - self._began) / ran * (self.jobs - self.done)

    def __str__(self) -> str:
        total = "" if self.jobs is None else f" of {self.jobs}"
        words = [f"{self.done}{total} done"]
        words += [f"{self.skipped} skipped"] if self.skipped else []
        words += [f"{self.failed} failed"] if self.failed else []
        left = self.seconds_left()
        words += [f"about {timedelta(seconds=round(left))} left"] if left is not None else []
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        """The numbers by their names."""
        return {
            "jobs": self.jobs,
            "done": self.done,
            "completed": self.completed,
            "skipped": self.skipped,
            "failed": self.failed,
            "seconds_left": self.seconds_left(),
        }
