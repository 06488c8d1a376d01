"""Refuses a command line with a job that cannot work, or hands it to Hydra."""

import argparse
import gc
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.commands.flags import INFORMATION, add_flags
from recurbench.harness.commands.loaded.chosen import run_search, run_tuned
from recurbench.harness.config.compose import check_overrides
from recurbench.harness.config.overrides import readable
from recurbench.harness.config.schema import Source, register
from recurbench.harness.console import as_override, complain, say
from recurbench.harness.errors import UserError, first_line, first_words, nearest
from recurbench.harness.run.execute import pass_over
from recurbench.harness.sweep.ending import say_ending
from recurbench.harness.sweep.jobs import title_of_job
from recurbench.harness.sweep.launching import run_job
from recurbench.harness.sweep.local import begin_sweep, sweep_here
from recurbench.harness.sweep.plan import Plan, plan


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
    if not gc.get_freeze_count():  # else each collection of a run looks through all imports
        gc.freeze()
    flags = _read_flags(arguments)
    source = Source(flags.config_name, Path(flags.config_dir) if flags.config_dir else None)
    overrides = readable(flags.overrides, flags.multirun)
    if flags.cfg or flags.info or flags.hydra_help:
        _answer(flags, check_overrides(overrides, flags.multirun, source), overrides)
        return 0
    if flags.resolve or flags.package:
        raise UserError("--resolve and --package go with --cfg, as in --cfg job --package cell")
    asked = plan(overrides, flags.multirun, source)
    if flags.dry_run:
        _list(asked)
        return 0
    command = ["recurbench", "run", *arguments]
    if asked.elsewhere:
        return _sweep_by_hydra(asked, flags, overrides, command)
    if asked.search is not None:
        return run_search(asked.search, source, command)
    if asked.tuned:
        return run_tuned(asked.configs, command)
    if asked.multirun or asked.first.run.timeout is not None:  # somebody has to watch it
        return sweep_here(asked.configs, command, asked.whole)
    _hydra(flags, [], overrides)
    return 0


def _list(asked: Plan) -> None:
    """Says which runs there would be, and which are known to be completed."""
    if asked.search is not None:
        say(f"a search of {asked.search.options.n_trials} trials, which it chooses as it goes")
        return
    done = 0
    for config in asked.tried:
        known = pass_over(config)
        done += known is not None
        say(f"{'completed' if known else 'to run':<10} {title_of_job(config)}")
    say(f"{len(asked.tried)} runs, {done} of them completed")


def _sweep_by_hydra(
    asked: Plan, flags: argparse.Namespace, overrides: list[str], command: list[str]
) -> int:
    """Sweeps by a launcher or a sweeper of Hydra's plugins."""
    first = asked.first
    if first.workers > 1:
        raise UserError(
            f"workers={first.workers}: launchers and sweepers of Hydra's say themselves how many "
            "run at a time"
        )
    expected = None if asked.open_ended else len(asked.configs)
    folder, _ = begin_sweep(first, expected, command)
    number: int | None = None
    try:
        name = f"sweep={as_override(folder.root.name)}"
        _hydra(flags, ["--multirun"] if flags.multirun else [], [*overrides, name])
    except KeyboardInterrupt:
        number = signal.SIGINT
    except Exception as error:  # what plugins raise about processes and jobs that were lost
        complain(first_line(error))
    finally:
        folder.end()
    outcomes = folder.outcomes().values()
    return say_ending(folder.root.name, outcomes, expected, number, Path(first.results_dir))


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


class _Flags(argparse.ArgumentParser):
    """A parser whose complaints are ours."""

    def error(self, message: str) -> NoReturn:
        """Refuses in one line."""
        raise UserError(message.removeprefix("argument "))


def _flags() -> argparse.ArgumentParser:
    """Overrides and flags."""
    parser = _Flags(add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    add_flags(parser)
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
        if flag.startswith(("--shell-completion", "-sc")):
            raise UserError(f'{flag}: write eval "$(register-python-argcomplete recurbench)"')
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
