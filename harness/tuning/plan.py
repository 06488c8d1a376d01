"""The jobs of a tuned sweep: first the trials, then those beyond an edge where a best one lies."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from recurbench.harness.config.effects import settled
from recurbench.harness.config.sections import Config, OptimizerConfig
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import load_task
from recurbench.harness.model.encoders import resolve_encoder
from recurbench.harness.results.runs import Run
from recurbench.harness.results.selection import Trial, choose, count, edge
from recurbench.harness.run.identity import Identity
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

    A job is an ordinary run, its rate and further options in its optimizer. With
    `tuning.trial_seeds` the trials have the first seeds of the sweep alone, and `finals` follow.

    Raises:
        UserError: values of the tuning cannot be tried, or the sweep varies what is tuned too.
    """
    found = [job for config in _trying(configs) for job in _tried(config, _first(config))]
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
    return [job for _, job in _widened(configs, {run.run_id: run for run in runs}, {})]


def finals(configs: Sequence[Config], runs: Iterable[Run]) -> list[Config]:
    """The last jobs: with `tuning.trial_seeds`, each entry's best trial gets all seeds.

    Args:
        configs: as for `jobs`.
        runs: recorded so far, those of `jobs` and of `widened`.

    Raises:
        UserError: the data cannot be loaded.
    """
    if all(config.tuning.trial_seeds is None for config in configs):
        return []
    recorded, tasks = {run.run_id: run for run in runs}, dict[str, Task]()
    tried = [(config, job) for config in _trying(configs) for job in _tried(config, _first(config))]
    tried += _widened(configs, recorded, tasks)
    settings_of: dict[str, dict[str, OptimizerConfig]] = defaultdict(dict)
    found: dict[str, list[Run]] = defaultdict(list)
    for config, job in tried:
        run = recorded.get(_identity(job, tasks).run_id)
        if run is not None:
            found[_apart_from_seed(config)].append(run)
            settings_of[_apart_from_seed(config)][run.run_id] = job.optimizer
    chosen = {
        key: settings_of[key][trial.runs[0].run_id]
        for key, same in found.items()
        if (trial := _best(same)) is not None
    }
    return [
        replace(config, optimizer=chosen[key])
        for config in configs
        if config.tuning.trial_seeds is not None and (key := _apart_from_seed(config)) in chosen
    ]


def _widened(
    configs: Sequence[Config], recorded: Mapping[str, Run], tasks: dict[str, Task]
) -> list[tuple[Config, Config]]:
    """The jobs beyond an edge, each behind the run of the sweep that it is a trial of."""
    by_track: dict[str, list[Config]] = defaultdict(list)
    found: dict[str, list[Run]] = defaultdict(list)
    for config in _trying(configs):
        if config.tuning.name == "none" or not config.tuning.widen:
            continue
        for job in _tried(config, _first(config)):
            identity = _identity(job, tasks)
            if identity.run_id in recorded:
                found[identity.track.id].append(recorded[identity.run_id])
        by_track[identity.track.id].append(config)
    return [
        (config, job)
        for track, planned in by_track.items()
        for sides in [_sides(planned[0], found[track])]
        for config in planned
        for job in _tried(config, further_settings(config.tuning, sides))
    ]


def _trying(configs: Sequence[Config]) -> list[Config]:
    """The runs of a sweep that are run with each trial: with `tuning.trial_seeds`, the first."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for config in configs:
        number = seen[_apart_from_seed(config)]
        seen[_apart_from_seed(config)] += 1
        if config.tuning.trial_seeds is None or number < config.tuning.trial_seeds:
            found.append(config)
    return found


def _apart_from_seed(config: Config) -> str:
    return repr(replace(config, seed=0))


def _identity(job: Config, tasks: dict[str, Task]) -> Identity:
    """The identity of a job, whose task is loaded once for all seeds."""
    key = repr((job.task, job.train.batch_size))
    if key not in tasks:
        tasks[key] = load_task(job)
    task = tasks[key]
    settled = replace(job, model=resolve_encoder(job.model, task.spec))
    return identity_of(settled, task.fingerprint())


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
        chosen = _best(same)
        for option in options if chosen else ():
            assert chosen is not None
            if (side := edge(count(same).trials, chosen, option, options)) is not None:
                sides.add((option, side))
    return frozenset(sides)


def _best(runs: Sequence[Run]) -> Trial | None:
    """An entry's best trial, as the leaderboard chooses it."""
    primary = next((run.setting.primary for run in runs if run.setting.primary), None)
    if primary is None:
        return None
    return choose(count(runs).trials, higher_is_better=primary.higher_is_better)
