"""What is refused before the first run of a command line starts."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import torch

from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import budgets_of, build_task, make_cell
from recurbench.harness.plugins.errors import refusals_of
from recurbench.harness.results.sweeps import require_name
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.identity import identify
from recurbench.harness.run.loggers.together import Loggers


def require_feasible(configs: Sequence[Config]) -> None:
    """Refuses what can be known to fail before any data is loaded.

    Raises:
        UserError: a knob, size, logger, device or folder cannot work.
    """
    tried = set()
    for config in configs:
        for check, parts in CHECKS.items():
            content = check, repr(parts(config))
            if content not in tried:
                check(config)
                tried.add(content)


def require_distinct(configs: Sequence[Config]) -> None:
    """Refuses a sweep over what is one for all its jobs, or makes no other run.

    Raises:
        UserError: names the option.
    """
    first = configs[0]
    for name in ("results_dir", "sweep"):
        if len({getattr(config, name) for config in configs}) > 1:
            raise UserError(f"{name} is one for all jobs of a sweep; give it one value")
    if first.sweep is not None:
        require_name(first.sweep)
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


def _require_device(config: Config) -> None:
    choose_device(config.trainer)
    if config.trainer.devices > config.train.batch_size:
        raise UserError(
            f"trainer.devices={config.trainer.devices}: a batch has {config.train.batch_size} rows "
            "(train.batch_size), and each device takes some of them"
        )


def _require_loggers(config: Config) -> None:
    Loggers(config)


def _require_task(config: Config) -> None:
    with refusals_of("task", config.task["name"]):
        build_task(config)


def _require_cell(config: Config) -> None:
    if not budgets_of(config):
        with refusals_of("cell", config.cell["name"]), torch.device("meta"):
            make_cell(config, config.model.embedding_size, config.cell["hidden_size"])


CHECKS: dict[Callable[[Config], None], Callable[[Config], Any]] = {
    _require_device: lambda config: (config.trainer, config.train.batch_size),
    _require_loggers: lambda config: config.logger,
    _require_task: lambda config: config.task,
    _require_cell: lambda config: (config.cell, config.model.embedding_size, config.budget),
}
"""What can be tried of a configuration, and the parts of it that decide; tried once for each."""
