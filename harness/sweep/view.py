"""How a sweep looks while it runs: a line for each run that has ended, and more on a terminal."""

import sys

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from recurbench.harness.console import say, showable
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.results.tally import Tally
from recurbench.harness.sweep.jobs import Job


class View:
    """Says a line for each run that has ended. It is made to be used in a `with`."""

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def started(self, worker: int, job: Job) -> None:
        """A worker begins a job."""

    def progressed(self, worker: int, done: float, state: str) -> None:
        """A worker's run has come so far, as observers are told it."""

    def ended(self, worker: int, outcome: Outcome) -> None:
        """A worker's run has ended."""
        say(outcome.line)

    def passed(self, outcome: Outcome) -> None:
        """A run was completed before."""
        say(outcome.line)

    def left(self, worker: int) -> None:
        """A worker passes over a run that another process has."""


class SilentView(View):
    """Says nothing."""

    def passed(self, outcome: Outcome) -> None:
        """Says nothing of it."""

    def ended(self, worker: int, outcome: Outcome) -> None:
        """Says nothing of it."""


class LiveView(View):
    """On a terminal, below these lines, how the sweep stands and what each worker does.

    Args:
        name: the sweep's.
        jobs: how many there are, if that is known.
    """

    def __init__(self, name: str, jobs: int | None) -> None:
        self._name = name
        self._tally = Tally(jobs)
        self._lines: dict[int, tuple[Job, str]] = {}
        self._live = Live(console=Console(highlight=False), transient=True, auto_refresh=False)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, worker: int, job: Job) -> None:
        """Gives it a line."""
        self._lines[worker] = job, "starts"
        self._show()

    def progressed(self, worker: int, done: float, state: str) -> None:
        """Shows the newest point of its curve."""
        self._lines[worker] = self._lines[worker][0], f"{done:4.0%}  {state}"
        self._show()

    def ended(self, worker: int, outcome: Outcome) -> None:
        """Takes its line away, and says its outcome above what is shown."""
        del self._lines[worker]
        self.passed(outcome)

    def passed(self, outcome: Outcome) -> None:
        """Says its outcome, above what is shown."""
        self._tally.count(outcome)
        self._live.console.print(Text(showable(outcome.line)), soft_wrap=True)
        self._show()

    def left(self, worker: int) -> None:
        """Takes its line away."""
        del self._lines[worker]
        self._show()

    def _show(self) -> None:
        lines = [f"sweep {self._name}: {self._tally}"]
        lines += [f"  {job.title}  {state}" for _, (job, state) in sorted(self._lines.items())]
        texts = [Text(showable(line), overflow="ellipsis", no_wrap=True) for line in lines]
        self._live.update(Group(*texts), refresh=True)


def view_of(name: str, jobs: int | None) -> View:
    """What fits where the output goes."""
    return LiveView(name, jobs) if sys.stdout.isatty() else View()
