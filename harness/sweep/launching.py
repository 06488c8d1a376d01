"""A job that Hydra starts: a single run, or one of a sweep in a process of a launcher's."""

import os
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.sections import Config
from recurbench.harness.config.shared import name_study
from recurbench.harness.console import complain, say, speak_anywhere
from recurbench.harness.errors import UserError
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.sweeps import Outcome, SweepFolder
from recurbench.harness.run.stopping import StoppedError
from recurbench.harness.sweep.alone import run_alone
from recurbench.harness.sweep.ending import say_how_to_sync
from recurbench.harness.sweep.engine import Engine
from recurbench.harness.sweep.jobs import Job
from recurbench.harness.sweep.leaving import end_with_parent, leave
from recurbench.harness.sweep.local import keep
from recurbench.harness.sweep.stop import stop_by_signals
from recurbench.harness.sweep.view import View


def run_job(composed: DictConfig) -> float | None:
    """One job, as Hydra and its launchers call it.

    Returns:
        The validation score, for sweepers that search by it.
    """
    speak_anywhere()
    running = HydraConfig.get()
    # Where the command was given: workers of a cluster that runs already start elsewhere.
    os.chdir(running.runtime.cwd)
    name_study(composed, running.runtime.choices.get("experiment"))
    if running.mode == RunMode.MULTIRUN:
        folder = ResultsFolder(Path(composed.results_dir)).sweep(composed.sweep)
        return run_of_sweep(composed, folder, int(running.job.num))
    run_single(resolve(composed))
    return None


def run_single(config: Config) -> None:
    """A single run in this process, which it ends with its exit code."""
    try:
        outcome = run_alone(config)
    except UserError as error:
        complain(str(error))
        sys.exit(2)
    except StoppedError as stop:
        complain(f"stopped by {stop}; the same command goes on")
        sys.exit(128 + stop.number)
    say(outcome.line)
    say_how_to_sync([outcome])
    if not outcome.ok:
        sys.exit(1)


def run_of_sweep(composed: DictConfig, folder: SweepFolder, number: int) -> float | None:
    """A run of a sweep, in a process of its own; its outcome reaches the sweep by a file.

    A signal that asks this process to stop lets the run save first, and then does what it would
    have done: Slurm's launcher, say, puts the job back into the queue.
    """
    sweep = folder.sweep()
    if sweep is not None and sweep.pid != os.getpid():
        end_with_parent()
    try:
        config = resolve(composed)
        _refuse_after_failures(config, folder)
        with stop_by_signals() as stop:
            jobs = [Job(number, config, folder.log(number))]
            outcomes = [outcome for _, outcome in Engine(stop, View()).outcomes(jobs)]
        if stop.number is not None and not any(outcome.ok for outcome in outcomes):
            leave(stop.number)
        (outcome,) = outcomes
    except UserError as error:
        outcome = Outcome("refused", str(error))
        say(outcome.line)
    keep(folder, number, outcome)
    return outcome.val


def _refuse_after_failures(config: Config, folder: SweepFolder) -> None:
    limit = config.max_failures
    if limit is None:
        return
    failed = [outcome for outcome in folder.outcomes().values() if not outcome.ok]
    if len(failed) >= limit:
        raise UserError(f"not started, after max_failures={limit}")
