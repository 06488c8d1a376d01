"""Refuses a command line with a job that cannot work, or hands it to Hydra."""

import json
import os
import shlex
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from recurbench.harness.config.compose import check_overrides, compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.model.build import budgets_of, build_task, make_cell
from recurbench.harness.plugins.errors import refusals_of
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.execute import execute
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.outcome import Outcome, require_writable

MULTIRUN = {"-m", "--multirun"}
QUESTIONS = {"--cfg", "-c", "--info", "-i", "--hydra-help", "--resolve", "--package", "-p"}
"""Flags by which Hydra answers something and runs nothing."""


def run_jobs(arguments: list[str]) -> int:
    """Runs what a command line asks for.

    Args:
        arguments: Hydra's, overrides and flags.

    Returns:
        0, or 1 if a run did not complete.

    Raises:
        UserError: something cannot work; nothing was written.
    """
    register()
    overrides = [a for a in arguments if not a.startswith("-")]
    flags = {a.partition("=")[0] for a in arguments if a.startswith("-")}
    if flags & QUESTIONS:
        check_overrides([o for o in overrides if "=" in o])  # `--cfg job` has a word of its own
        _hydra(arguments)
        return 0
    for flag in flags - MULTIRUN:
        raise UserError(f"{flag}: no such flag{nearest(flag, MULTIRUN | QUESTIONS)}")
    arguments = [*flags, *overrides]  # Hydra reads no override after a flag between others
    composed, multirun = compose_jobs(overrides, multirun=bool(flags))
    configs = [resolve(config) for config in composed]
    for config in configs:
        require_feasible(config)
    if not multirun:
        _hydra(arguments)
        return 0
    sweep = configs[0].sweep or datetime.now(UTC).strftime("%Y-%m-%d_%H-%M-%S")
    outcomes = _outcomes(configs[0].results_dir, sweep)
    require_writable(outcomes.parent)
    shutil.rmtree(outcomes, ignore_errors=True)  # of an earlier sweep of this name
    say(f"sweep {sweep}" + (f": {len(configs)} runs" if len(configs) > 1 else ""))
    _hydra([*arguments, f"sweep={sweep}"])
    return _summarise(sweep, outcomes, len(configs))


def require_feasible(config: Config) -> None:
    """Refuses what can be known to fail before any data is loaded.

    Raises:
        UserError: a knob, size, logger, device or folder cannot work.
    """
    choose_device(config.trainer.accelerator)
    Loggers(config)
    with refusals_of("task", config.task["name"]):
        build_task(config)
    if not budgets_of(config):
        with refusals_of("cell", config.cell["name"]), torch.device("meta"):
            make_cell(config, config.model.embedding_size, config.cell["hidden_size"])


def run_job(composed: DictConfig) -> float | None:
    """One job: in this process, or in one that a launcher started for a sweep.

    A sweep's job leaves its outcome in a file, which reaches the sweep from any process; a single
    run ends the program with its exit code.

    Returns:
        The validation score, for sweepers that search by it.
    """
    running = HydraConfig.get()
    composed.study = composed.study or running.runtime.choices.get("experiment")
    try:
        outcome = execute(resolve(composed))
    except UserError as error:
        outcome = Outcome("refused", str(error))
    if running.mode == RunMode.MULTIRUN:
        say(outcome.line)
        folder = _outcomes(composed.results_dir, composed.sweep)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{running.job.num}.json").write_text(json.dumps(asdict(outcome)))
        return outcome.val
    if outcome.status == "refused":
        complain(outcome.line)
        sys.exit(2)
    say(outcome.line)
    _say_how_to_sync([outcome])
    if not outcome.ok:
        sys.exit(1)
    return outcome.val


def _hydra(arguments: list[str]) -> None:
    """Hands the command line to Hydra, whose errors come back as they are."""
    sys.argv = ["recurbench run", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    hydra.main(version_base="1.3", config_path="pkg://recurbench.conf", config_name="config")(
        run_job
    )()


def _outcomes(results_dir: str, sweep: str) -> Path:
    """The folder where the jobs of a sweep leave their outcomes."""
    return ResultsFolder(Path(results_dir)).outcomes(sweep)


def _summarise(sweep: str, folder: Path, jobs: int) -> int:
    """Prints how a sweep ended; 0 if all is well, 2 if every run was refused, else 1."""
    files = sorted(folder.glob("*.json"), key=lambda file: int(file.stem))
    outcomes = [Outcome(**json.loads(file.read_text())) for file in files]
    bad = [outcome for outcome in outcomes if not outcome.ok]
    missing = max(0, jobs - len(outcomes))
    say(f"sweep {sweep}: {len(outcomes) - len(bad)} completed, {len(bad) + missing} not")
    for outcome in bad:
        say(f"  {outcome.line}")
    if missing:
        say(f"  {missing} left no outcome: their process was killed; run again for these")
    _say_how_to_sync(outcomes)
    if not bad and not missing:
        return 0
    return 2 if len(bad) == jobs and all(o.status == "refused" for o in bad) else 1


def _say_how_to_sync(outcomes: list[Outcome]) -> None:
    folders = sorted({str(Path(o.offline).parent) for o in outcomes if o.offline})
    for folder in folders:
        say(f"wandb was offline; upload with: wandb sync {shlex.quote(folder)}/offline-run-*")
