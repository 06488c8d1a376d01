"""Sweeps whose jobs are not all known beforehand: tuned ones, and searches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recurbench.harness.config.complaints import missing_extra
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import Source
from recurbench.harness.config.search import SearchRequest
from recurbench.harness.config.sections import Config
from recurbench.harness.console import say
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import load_task
from recurbench.harness.model.encoders import resolve_encoder
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.index import read_runs
from recurbench.harness.results.record import digest
from recurbench.harness.results.runs import Run
from recurbench.harness.run.feasible import require_feasible
from recurbench.harness.run.module import higher_is_better
from recurbench.harness.run.outcome import require_writable
from recurbench.harness.run.prepare import identity_of
from recurbench.harness.sweep.local import LocalSweep, StoppedEarlyError
from recurbench.harness.tuning.plan import finals, jobs, widened

if TYPE_CHECKING:  # an extra may be missing
    from optuna.trial import FrozenTrial

    from recurbench.harness.tuning.search import Search


def run_tuned(configs: Sequence[Config], command: Sequence[str]) -> int:
    """Runs the trials of a tuned sweep, and those beyond an edge at which a best one lies.

    Args:
        configs: of the sweep, as they are before tuning.
        command: what started it.

    Returns:
        The exit code, as `say_ending` gives it.

    Raises:
        UserError: a job cannot work.
    """
    with LocalSweep(configs[0], None, command) as sweep, suppress(StoppedEarlyError):
        first = jobs(configs)
        say(f"tuning: {len(first)} runs")
        sweep.run(first)
        more = widened(configs, _recorded(configs[0]))
        if more:
            say(f"tuning: the best value of an entry is at an edge; {len(more)} runs beyond")
            sweep.run(more)
        last = finals(configs, _recorded(configs[0]))
        if last:
            say(f"tuning: the best trials with all seeds: {len(last)} runs")
            sweep.run(last)
    return sweep.end()


def _recorded(config: Config) -> Iterator[Run]:
    records = read_runs(ResultsFolder(Path(config.results_dir)).runs)
    return (found for found in records if isinstance(found, Run))


def run_search(request: SearchRequest, source: Source, command: Sequence[str]) -> int:
    """Runs the trials that a search still lacks, and says which was best.

    A trial with a run that failed or diverged has failed. One that was cut off is run when the same
    search is asked for again; its completed runs are skipped then.

    Args:
        request: what is searched, and how.
        source: where the configuration begins.
        command: what started it.

    Returns:
        0, 1 if no trial completed, or 128 and the number of a signal that stopped it.

    Raises:
        UserError: the search cannot work, or Optuna is not there.
    """
    try:
        from recurbench.harness.tuning.search import Search, alone, as_overrides
    except ImportError as error:
        extra = missing_extra("hydra/sweeper", "optuna")
        raise UserError(f"hydra/sweeper=optuna: {error.name} is not there{extra}") from error

    def configured(*overrides: str) -> Config:
        composed, _ = compose_jobs([*request.fixed, *overrides], False, source)
        return resolve(composed[0])

    options, usual = request.options, configured()
    task = load_task(usual)
    lines = sorted(str(override.input_line) for override in request.space.values())
    settled = replace(usual, model=resolve_encoder(usual.model, task.spec))
    run_id = identity_of(settled, task.fingerprint()).run_id
    content = digest([run_id, lines, options.seeds, options.sampler, options.sampler_seed])
    name = options.study_name or content
    path = ResultsFolder(Path(usual.results_dir)).search(name)
    require_writable(path.parent)
    with alone(path):
        search = Search(path, name, content, request.space, higher_is_better(task), options)
        say(f"search {name}: {search.finished} of {options.n_trials} trials done, {path}")
        with LocalSweep(usual, None, command) as sweep:
            try:
                for batch in search.trials():
                    _try(batch, search, configured, sweep)
            except StoppedEarlyError:
                say(f"search {name}: {search.finished} of {options.n_trials} trials done")
                return sweep.end()
        best = search.best
    if best is None:
        say(f"search {name}: none of {search.finished} trials completed")
        return 1
    words = " ".join(as_overrides(best))
    say(f"search {name}: best of {search.finished} trials: val {task.primary} {best.value:.4g}")
    say(f"  trial {best.number}: {words}")
    return 0


def _try(
    batch: Iterable["FrozenTrial"],
    search: "Search",
    configured: Callable[..., Config],
    sweep: LocalSweep,
) -> None:
    """Runs some trials, each with every seed, and tells of their scores."""
    from recurbench.harness.tuning.search import as_overrides, mean_score

    ready = {}
    for trial in batch:
        try:
            config = configured(*as_overrides(trial))
            require_feasible([config])
            ready[trial.number] = [replace(config, seed=seed) for seed in search.options.seeds]
        except UserError as error:
            say(f"trial {trial.number}: {error}")
    outcomes = iter(sweep.run([config for configs in ready.values() for config in configs]))
    for trial in batch:
        scores = [next(outcomes).val for _ in ready.get(trial.number, ())] or [None]
        search.tell(trial, mean_score(scores))
