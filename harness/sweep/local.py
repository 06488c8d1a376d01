"""A sweep on this machine, from its first jobs to its end."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain, say
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.sweeps import Outcome, SweepFolder, begin
from recurbench.harness.run.outcome import require_writable
from recurbench.harness.sweep.ending import say_ending
from recurbench.harness.sweep.engine import Engine
from recurbench.harness.sweep.jobs import Job
from recurbench.harness.sweep.stop import stop_by_signals
from recurbench.harness.sweep.view import view_of


class StoppedEarlyError(Exception):
    """Not all jobs of a sweep have an outcome: it was asked to stop, or too many failed."""


class LocalSweep:
    """A sweep on this machine, whose jobs may come in several batches.

    It is made to be used in a `with`, in which signals stop it.

    Args:
        config: of any of its jobs; name, folder and workers are the same for all.
        jobs: how many there are, if that is known.
        command: what started it.

    Attributes:
        outcomes: of the jobs that have ended.

    Raises:
        UserError: the results folder cannot be written to.
    """

    def __init__(self, config: Config, jobs: int | None, command: Sequence[str]) -> None:
        self._config, self._jobs = config, jobs
        self._folder, self._name = begin_sweep(config, jobs, command)
        self._started = 0
        self._failures_left = config.max_failures
        self.outcomes: list[Outcome] = []
        self._open = ExitStack()

    def __enter__(self) -> "LocalSweep":
        self._stop = self._open.enter_context(stop_by_signals())
        self._view = self._open.enter_context(view_of(self._name, self._jobs))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._folder.end()

    def run(self, configs: Sequence[Config]) -> list[Outcome]:
        """Runs jobs.

        Returns:
            Their outcomes, in the order of the jobs.

        Raises:
            StoppedEarlyError: not all have one.
        """
        found = {}
        first, self._started = self._started, self._started + len(configs)
        engine = Engine(self._stop, self._view, self._config.workers, self._failures_left)
        with closing(run_all(engine, configs, first, self._folder, self._name)) as run:
            for job, outcome in run:
                self.outcomes.append(outcome)
                if outcome.status != "interrupted":
                    found[job.number - first] = outcome
        self._failures_left = engine.failures_left
        if len(found) < len(configs):
            raise StoppedEarlyError
        return [found[number] for number in range(len(configs))]

    def keep_configuration(self, whole: DictConfig) -> None:
        """Leaves what the jobs share where Hydra leaves it; a full disk costs no run."""
        whole.sweep = self._folder.root.name
        place = Path(whole.hydra.sweep.dir)
        try:
            place.mkdir(parents=True, exist_ok=True)
            OmegaConf.save(whole, place / "multirun.yaml")
        except OSError as error:
            complain(f"{place}: {error.strerror}")

    def end(self) -> int:
        """Says how it ended; gives the exit code, as `say_ending` does."""
        results = Path(self._config.results_dir)
        return say_ending(self._name, self.outcomes, self._jobs, self._stop.number, results)


def sweep_here(
    configs: Sequence[Config], command: Sequence[str], whole: DictConfig | None = None
) -> int:
    """Runs a sweep on this machine and says how it goes.

    Args:
        configs: of its jobs, checked.
        command: what started it.
        whole: what they share, for `multirun.yaml` in `hydra.sweep.dir`, as Hydra leaves it.

    Returns:
        The exit code, as `say_ending` gives it.

    Raises:
        UserError: the results folder cannot be written to.
    """
    with LocalSweep(configs[0], len(configs), command) as sweep, suppress(StoppedEarlyError):
        if whole is not None:
            sweep.keep_configuration(whole)
        sweep.run(configs)
    return sweep.end()


def begin_sweep(
    config: Config, jobs: int | None, command: Sequence[str]
) -> tuple[SweepFolder, str]:
    """Makes the folder of a sweep and says its name.

    Args:
        config: of any of its jobs; name and folder are the same for all.
        jobs: how many there are, if that is known.
        command: what started it.

    Raises:
        UserError: the folder cannot be written to.
    """
    sweeps = ResultsFolder(Path(config.results_dir)).sweeps
    require_writable(sweeps)
    folder, name = begin(sweeps, config.sweep, jobs, config.workers, list(command))
    say(f"sweep {name}" + (f": {jobs} runs" if jobs is not None and jobs > 1 else ""))
    return folder, name


def run_all(
    engine: Engine, configs: Sequence[Config], first: int, folder: SweepFolder, name: str
) -> Generator[tuple[Job, Outcome]]:
    """Runs jobs of a sweep, whose outcomes are kept in its folder.

    Args:
        engine: runs them.
        configs: of the jobs.
        first: the number of the first one.
        folder: the sweep's.
        name: the sweep's, which its runs are told.
    """
    jobs = []
    for number, config in enumerate(configs, first):
        config.sweep = name
        jobs.append(Job(number, config, folder.log(number)))
    with closing(engine.outcomes(jobs)) as outcomes:
        for job, outcome in outcomes:
            keep(folder, job.number, outcome)
            yield job, outcome


def keep(folder: SweepFolder, number: int, outcome: Outcome) -> None:
    """Keeps the outcome of a job; without it the run is done, but `status` does not know."""
    try:
        folder.put(number, outcome)
    except OSError as error:
        complain(f"{folder.root}: {error.strerror}")
