"""Runs jobs, some at a time, until all have an outcome or the sweep is to stop."""

import signal
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

from recurbench.harness.errors import UserError
from recurbench.harness.results.leases import WATCH, Owner, take
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.execute import pass_over
from recurbench.harness.sweep.child import GRACE_SECONDS
from recurbench.harness.sweep.isolated import IsolatedRun
from recurbench.harness.sweep.jobs import Job
from recurbench.harness.sweep.shares import shares
from recurbench.harness.sweep.stop import Stop
from recurbench.harness.sweep.view import View

BUSY_SECONDS = 1.0
"""A run that another process has is asked after so often, once nothing else is to be done."""


class Engine:
    """Runs jobs, each in a process of its own.

    A run that another process has is passed over and come back to at the end: it is completed then,
    or has no owner any more.

    Args:
        stop: asks the engine to stop; no more jobs are started, and those under way save.
        view: is shown what happens.
        workers: how many run at a time.
        max_failures: after so many that did not complete it stops by itself.

    Attributes:
        failures_left: of these; None without a limit.
    """

    def __init__(
        self, stop: Stop, view: View, workers: int = 1, max_failures: int | None = None
    ) -> None:
        self.failures_left = max_failures
        self._waiting: deque[Job] = deque()
        self._busy: dict[int, tuple[Job, Path]] = {}
        self._passed: list[tuple[Job, Outcome]] = []
        self._running: dict[int, tuple[Job, IsolatedRun]] = {}
        self._shares = shares(workers)
        self._stop, self._view = stop, view
        self._told = 0

    def outcomes(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Outcome]]:
        """The jobs in the order in which they end; when it stops early, fewer than all.

        Args:
            jobs: in the order in which they start.
        """
        self._waiting.extend(jobs)
        try:
            while self._running or (not self._stopping and (self._waiting or self._busy)):
                self._start()
                self._wait()
                yield from self._collect()
                self._heed()
        finally:
            for _, run in self._running.values():
                run.ask_to_stop()
            for _, run in self._running.values():
                _end_within(run, GRACE_SECONDS)

    @property
    def _stopping(self) -> bool:
        return self._stop.number is not None or self.failures_left == 0

    def _start(self) -> None:
        """Gives every worker that has nothing to do a job."""
        for worker, share in enumerate(self._shares):
            if worker in self._running or self._stopping:
                continue
            job = self._next()
            if job is None:
                return
            self._running[worker] = job, IsolatedRun(job.config, job.log, share)
            self._view.started(worker, job)

    def _next(self) -> Job | None:
        while self._waiting and not self._stopping:
            job = self._waiting.popleft()
            outcome = _known_outcome(job)
            if outcome is None:
                return job
            self._passed.append((job, outcome))
        for number, (job, place) in self._busy.items():
            if WATCH.owner(place) is None:
                del self._busy[number]
                _let_go(place)
                return job
        return None

    def _wait(self) -> None:
        """Waits until something happens, or is due."""
        if self._passed:
            return
        due = [run.deadline for _, run in self._running.values() if run.deadline is not None]
        if self._busy and len(self._running) < len(self._shares):
            due.append(time.monotonic() + BUSY_SECONDS)
        if self._stop.number is not None:
            due.append(self._stop.since + GRACE_SECONDS)
        sources = [source for _, run in self._running.values() for source in run.sources]
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        if self._stop.fileno() in wait([*sources, self._stop.fileno()], timeout):
            self._stop.heard()

    def _collect(self) -> Iterator[tuple[Job, Outcome]]:
        """The jobs that have ended meanwhile, and those that were completed before."""
        for job, outcome in self._passed:
            self._view.passed(outcome)
            yield job, outcome
        self._passed.clear()
        for worker, (job, run) in list(self._running.items()):
            if run.listen():
                if run.deadline is None or time.monotonic() < run.deadline:
                    self._view.progressed(worker, run.done, run.state)
                    continue
                run.end_late()
            run.close()
            del self._running[worker]
            try:
                outcome = run.outcome()
            except UserError as error:
                outcome = Outcome("refused", str(error))
            if outcome.status == "busy":
                assert outcome.run_id is not None
                self._busy[job.number] = job, job.folder.unfinished(outcome.run_id)
                self._view.left(worker)
                continue
            if outcome.status == "interrupted":
                outcome = Outcome("interrupted", f"interrupted {job.title}")
            if self.failures_left and not outcome.ok and outcome.status != "interrupted":
                self.failures_left -= 1
            self._view.ended(worker, outcome)
            yield job, outcome

    def _heed(self) -> None:
        """Tells the runs to stop, once if there is time, and at once if there is none."""
        if self._told == 0 and self._stopping:
            self._told = 1
            for _, run in self._running.values():
                run.ask_to_stop()
        hurried = self._stop.times > 1
        patient = self._stop.number in (None, signal.SIGINT)
        late = not patient and self._stop.waited() >= GRACE_SECONDS
        if self._told == 1 and (hurried or late):
            self._told = 2
            for _, run in self._running.values():
                run.end()


def _known_outcome(job: Job) -> Outcome | None:
    """The outcome of a run of which it is known, without its data, that it is completed."""
    with suppress(UserError):  # which the run will meet as well
        return pass_over(job.config)
    return None


def _let_go(place: Path) -> None:
    """Takes a run from a dead owner and lets it go, for the process that will do it.

    That one has not seen for how long an owner on another host wrote nothing.
    """
    lease = take(place)
    if not isinstance(lease, Owner):
        lease.release(keep=True)


def _end_within(run: IsolatedRun, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while run.listen() and time.monotonic() < deadline:
        wait(run.sources, 0.1)
    run.close()
