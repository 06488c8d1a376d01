"""Refuses a command line with a job that cannot work, or hands it to Hydra."""

import argparse
import json
import os
import shlex
import shutil
import sys
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.config.compose import check_overrides, compose_jobs
from recurbench.harness.config.overrides import readable
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import Source, register
from recurbench.harness.config.sections import Config
from recurbench.harness.console import as_override, complain, say, speak_anywhere
from recurbench.harness.errors import UserError, first_words, nearest
from recurbench.harness.model.build import budgets_of, build_task, make_cell
from recurbench.harness.plugins.errors import refusals_of
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.execute import execute
from recurbench.harness.run.identity import identify
from recurbench.harness.run.isolated import run_isolated
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.outcome import Outcome, require_writable

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"

INFORMATION = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
"""What `--info` tells; all of it by default."""


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
    flags = _read_flags(arguments)
    source = Source(flags.config_name, Path(flags.config_dir) if flags.config_dir else None)
    overrides = readable(flags.overrides, flags.multirun)
    if flags.cfg or flags.info or flags.hydra_help:
        _answer(flags, check_overrides(overrides, flags.multirun, source), overrides)
        return 0
    if flags.resolve or flags.package:
        raise UserError("--resolve and --package go with --cfg, as in --cfg job --package cell")
    composed, multirun = compose_jobs(overrides, flags.multirun, source)
    configs = [resolve(config) for config in composed]
    for config in configs:
        require_feasible(config)
    if not multirun:
        _hydra(flags, [], overrides)
        return 0
    require_distinct(configs)
    sweep = configs[0].sweep or datetime.now(UTC).strftime("%Y-%m-%d_%H-%M-%S")
    outcomes = _outcomes(configs[0].results_dir, sweep)
    require_writable(outcomes.parent)
    shutil.rmtree(outcomes, ignore_errors=True)  # of an earlier sweep of this name
    say(f"sweep {sweep}" + (f": {len(configs)} runs" if len(configs) > 1 else ""))
    multi = ["--multirun"] if flags.multirun else []
    _hydra(flags, multi, [*overrides, f"sweep={as_override(sweep)}"])
    return _summarise(sweep, outcomes, len(configs))


def require_distinct(configs: list[Config]) -> None:
    """Refuses a sweep over what is one for all its jobs, or makes no other run.

    Raises:
        UserError: names the option.
    """
    first = configs[0]
    for name in ("results_dir", "sweep"):
        if len({getattr(config, name) for config in configs}) > 1:
            raise UserError(f"{name} is one for all jobs of a sweep; give it one value")
    if first.sweep and (Path(first.sweep).is_absolute() or ".." in Path(first.sweep).parts):
        raise UserError(f"sweep={first.sweep}: a sweep's name names a folder in its results")
    seen: dict[tuple[str, str], Config] = {}
    for config in configs:
        machine = asdict(config.trainer)  # counts for runs that are limited by seconds
        key = identify(config, None, machine).run_id, repr(config.task)
        other = seen.setdefault(key, config)
        for option in (f.name for f in fields(Config) if config is not other):
            if getattr(config, option) != getattr(other, option):
                raise UserError(
                    f"the sweep varies {_differing(option, config, other)}, which makes no other "
                    "run: it is neither part of what is run nor of its result; give it one value"
                )


def _differing(name: str, one: Config, other: Config) -> str:
    """The option of a section that two configurations differ in, as `trainer.threads`."""
    mine, theirs = (getattr(config, name) for config in (one, other))
    if is_dataclass(mine):
        mine, theirs = vars(mine), vars(theirs)
    if not isinstance(mine, dict) or set(mine) != set(theirs):
        return name
    return next(f"{name}.{key}" for key in mine if mine[key] != theirs[key])


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

    Launchers with processes of their own lose all their jobs when one of these dies, so that each
    job there is run in a further one. A sweep's job leaves its outcome in a file, which reaches the
    sweep from any process; a single run ends the program with its exit code.

    Returns:
        The validation score, for sweepers that search by it.
    """
    speak_anywhere()
    running = HydraConfig.get()
    composed.study = composed.study or running.runtime.choices.get("experiment")
    multirun = running.mode == RunMode.MULTIRUN
    try:
        config = resolve(composed)
        if multirun and running.launcher._target_ != BASIC_LAUNCHER:
            log = ResultsFolder(Path(config.results_dir)).job_log(composed.sweep, running.job.num)
            outcome = run_isolated(config, log)
        else:
            outcome = execute(config)
    except UserError as error:
        outcome = Outcome("refused", str(error))
    if multirun:
        say(outcome.line)
        file = _outcomes(composed.results_dir, composed.sweep) / f"{running.job.num}.json"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        except OSError as error:
            complain(f"{file}: {error.strerror}")
        return outcome.val
    if outcome.status == "refused":
        complain(outcome.line)
        sys.exit(2)
    say(outcome.line)
    _say_how_to_sync([outcome])
    if not outcome.ok:
        sys.exit(1)
    return outcome.val


def _answer(flags: argparse.Namespace, job: list[str], overrides: list[str]) -> None:
    """Lets Hydra show the configuration of a job, and runs nothing."""
    if job != overrides:
        say(f"# the first job of the sweep: {shlex.join(job)}")
    asked = [f"--cfg={flags.cfg}"] if flags.cfg else []
    asked += [f"--info={flags.info}"] if flags.info else []
    asked += ["--hydra-help"] if flags.hydra_help else []
    asked += ["--resolve"] if flags.resolve else []
    asked += [f"--package={flags.package}"] if flags.package else []
    try:
        _hydra(flags, asked, job)
    except (ValueError, OmegaConfBaseException) as error:  # flags that do not go together
        raise UserError(first_words(error)) from error


def _hydra(flags: argparse.Namespace, asked: list[str], overrides: list[str]) -> None:
    """Hands the command line to Hydra, whose errors come back as they are."""
    where = [f"--config-name={flags.config_name}"]
    where += [f"--config-dir={flags.config_dir}"] if flags.config_dir else []
    sys.argv = ["recurbench run", *asked, *where, *overrides]
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
    outcomes = [Outcome(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
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


class _Flags(argparse.ArgumentParser):
    """A parser whose complaints are ours."""

    def error(self, message: str) -> NoReturn:
        """Refuses in one line."""
        raise UserError(message.removeprefix("argument "))


def _flags() -> argparse.ArgumentParser:
    """Hydra's flags, as far as they make sense here."""
    parser = _Flags(add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--multirun", "-m", action="store_true")
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
    parser.add_argument("--resolve", action="store_true")
    parser.add_argument("--package", "-p")
    parser.add_argument("--info", "-i", choices=INFORMATION)
    parser.add_argument("--hydra-help", action="store_true")
    parser.add_argument("--config-dir", "-cd", metavar="DIR")
    parser.add_argument("--config-name", "-cn", default="config", metavar="NAME")
    return parser


def _read_flags(arguments: list[str]) -> argparse.Namespace:
    """The flags of a command line, and its overrides, which may stand between them.

    Raises:
        UserError: there is no such flag.
    """
    flags, others = _flags().parse_known_intermixed_args(_closed(arguments))
    for flag in others:
        if flag.startswith(("--config-path", "-cp")):
            raise UserError(f"{flag}: our groups are needed; add your folder by --config-dir")
        known = [name for name in _flags()._option_string_actions if name.startswith("--")]
        raise UserError(f"{flag}: no such flag{nearest(flag.partition('=')[0], known)}")
    return flags


def _closed(arguments: list[str]) -> list[str]:
    """`--info` alone asks for all, whatever override comes next."""
    following = [*arguments[1:], ""]
    return [
        "--info=all" if word in ("--info", "-i") and after not in INFORMATION else word
        for word, after in zip(arguments, following, strict=True)
    ]
