"""What runs at this moment, and what was stopped before it was done."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.leases import PROGRESS, Owner, owned
from recurbench.harness.results.sweeps import Sweep, SweepFolder, all_sweeps
from recurbench.harness.results.tally import Tally


@dataclass(frozen=True)
class Running:
    """A run under way.

    Attributes:
        title: the run in a few words.
        state: how far it is.
        where: process and host.
        sweep: the name of its sweep, if it is of one.
    """

    title: str
    state: str
    where: str
    sweep: str | None


@dataclass(frozen=True)
class Standing:
    """How a sweep stands.

    Attributes:
        alive: whether it runs; None where that cannot be known, on another host.
    """

    sweep: Sweep
    alive: bool | None
    tally: Tally
    running: list[Running]

    @property
    def command(self) -> str:
        """What started it, and goes on."""
        return shlex.join(self.sweep.command)


@dataclass(frozen=True)
class Status:
    """What there is to say of a results folder.

    Attributes:
        sweeps: under way, or stopped before they were done; the newest at the end.
        alone: runs under way that are of none of these.
        saved: folders of runs that were interrupted and wait to be gone on with.
    """

    sweeps: list[Standing]
    alone: list[Running]
    saved: list[Path]

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "sweeps": [
                {
                    "name": standing.sweep.name,
                    "alive": standing.alive,
                    "host": standing.sweep.node,
                    "pid": standing.sweep.pid,
                    "command": standing.command,
                    **standing.tally.as_json(),
                    "running": [vars(run) for run in standing.running],
                }
                for standing in self.sweeps
            ],
            "running": [vars(run) for run in self.alone],
            "saved": [folder.name.partition(".")[0] for folder in self.saved],
        }


def status_of(folder: ResultsFolder) -> Status:
    """Looks into a results folder; what cannot be read is left out."""
    running, saved = [], []
    for place, owner in owned(folder.runs_under_way):
        if owner is not None:
            running.append(_running(owner))
        elif (place / PROGRESS).exists():
            saved.append(place)
    sweeps = []
    for sweep in all_sweeps(folder.sweeps):
        standing = _standing(sweep, running)
        if standing is not None:
            sweeps.append(standing)
    named = {standing.sweep.name for standing in sweeps}
    return Status(sweeps, [run for run in running if run.sweep not in named], saved)


def _running(owner: Owner) -> Running:
    where = f"process {owner.pid} on {owner.node}"
    return Running(owner.title, owner.state or "starts", where, owner.sweep)


def _standing(place: SweepFolder, running: list[Running]) -> Standing | None:
    """How a sweep stands; None if it is over."""
    sweep = place.sweep()
    if sweep is None:
        return None
    tally = Tally(sweep.jobs, since=_seconds_since(sweep.started_at))
    for outcome in place.outcomes().values():
        if outcome.status != "interrupted":
            tally.count(outcome)
    over = sweep.ended if sweep.jobs is None else tally.done >= sweep.jobs
    if sweep.alive is not True and over:
        return None
    of_it = [run for run in running if run.sweep == sweep.name] if sweep.alive is not False else []
    return Standing(sweep, sweep.alive, tally, of_it)


def _seconds_since(moment: str) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
