"""The jobs of a tuned sweep: first the trials, then those beyond an edge where a best one lies."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from recurbench.harness.config.effects import settled
from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import load_task
from recurbench.harness.model.encoders import resolve_encoder
from recurbench.harness.results.runs import Run
from recurbench.harness.results.selection import choose, count, edge
from recurbench.harness.run.prepare import identity_of
from recurbench.harness.tuning.trials import (
    Setting,
    Sides,
    further_settings,
    settings,
    tuned_options,
)
from recurbench.tasks.base import Task


def jobs(configs: Sequence[Config]) -> list[Config]:
    """Each run of a sweep with each trial of its tuning; as they are without `tuning`.

    A job is an ordinary run, its rate and further options in its optimizer.

    Raises:
        UserError: values of the tuning cannot be tried, or the sweep varies what is tuned too.
    """
    found = [job for config in configs for job in _tried(config, _first(config))]
    if len({repr(job) for job in found}) < len(found):
        raise UserError("the sweep varies an option that tuning sets too; leave one of them out")
    return found


def widened(configs: Sequence[Config], runs: Iterable[Run]) -> list[Config]:
    """The further jobs: on every track, all entries get the trials beyond the edges of any of them.

    An entry's best trial is chosen as the leaderboard chooses it. Loads the data of each task.

    Args:
        configs: as for `jobs`, of which those with `tuning.widen` count.
        runs: recorded so far; only those of the jobs matter.

    Raises:
        UserError: the data cannot be loaded.
    """
    recorded = {run.run_id: run for run in runs}
    by_track: dict[str, list[Config]] = defaultdict(list)
    found: dict[str, list[Run]] = defaultdict(list)
    tasks: dict[str, Task] = {}
    for config in configs:
        if config.tuning.name == "none" or not config.tuning.widen:
            continue
        task = _task(config, tasks)
        fingerprint = task.fingerprint()
        for job in _tried(config, _first(config)):
            settled = replace(job, model=resolve_encoder(job.model, task.spec))
            identity = identity_of(settled, fingerprint)
            if identity.run_id in recorded:
                found[identity.track.id].append(recorded[identity.run_id])
        by_track[identity.track.id].append(config)
    return [
        job
        for track, planned in by_track.items()
        for sides in [_sides(planned[0], found[track])]
        for config in planned
        for job in _tried(config, further_settings(config.tuning, sides))
    ]


def _first(config: Config) -> list[Setting]:
    return [{}] if config.tuning.name == "none" else settings(config.tuning)


def _tried(config: Config, found: Iterable[Setting]) -> Iterator[Config]:
    """A job for each setting; those that differ in options without effect alone are one."""
    tried = (replace(config, optimizer=replace(config.optimizer, **setting)) for setting in found)
    yield from {repr(job.optimizer): job for job in map(settled, tried)}.values()


def _sides(config: Config, runs: Iterable[Run]) -> Sides:
    """The edges of a track's tuning at which the best trial of an entry lies."""
    options = tuned_options(config.tuning)
    by_entry: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_entry[run.setting.entry.id].append(run)
    sides = set()
    for same in by_entry.values():
        trials = count(same).trials
        primary = next((run.setting.primary for run in same if run.setting.primary), None)
        if primary is None:
            continue
        chosen = choose(trials, higher_is_better=primary.higher_is_better)
        for option in options if chosen else ():
            assert chosen is not None
            if (side := edge(trials, chosen, option, options)) is not None:
                sides.add((option, side))
    return frozenset(sides)


def _task(config: Config, known: dict[str, Task]) -> Task:
    """The task with its data, which all seeds share."""
    key = repr((config.task, config.train.batch_size))
    if key not in known:
        known[key] = load_task(config)
    return known[key]
