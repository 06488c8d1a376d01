"""From a record back to the configuration that it tells of, and to the command that repeats it."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import knobs_of, plugin_of, resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import (
    BudgetConfig,
    Config,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    TrainerConfig,
)
from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.record import Record
from recurbench.harness.run.first_defaults import FIRST_DEFAULTS
from recurbench.limits import misplaced

SECTIONS: dict[str, type[Any]] = {
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
    "budget": BudgetConfig,
}


def config_of(record: Record) -> Config:
    """The configuration that a record tells of; options that came later have their first default.

    Raises:
        UserError: its plugins are not there, or it has options that they and we no longer have.
    """
    config = Config(cell=record.cell, task=record.task, seed=record.seed)
    for kind in ("cell", "task"):
        knobs = {knob.name for knob in plugin_of(config, kind).knobs}
        section = getattr(record, kind)
        _refuse_options(record, kind, set(knobs_of(section)) - knobs)
        setattr(config, kind, plugin_section(kind, section))
    for name, section_type in SECTIONS.items():
        found = getattr(record, name)
        options = {option.name for option in dataclasses.fields(section_type)}
        _refuse_options(record, name, set(found) - options)
        setattr(config, name, section_type(**(FIRST_DEFAULTS[name] | found)))
    precision: Any = record.track.precision
    config.trainer = TrainerConfig(accelerator="cpu", precision=precision)
    return config


def plugin_section(kind: str, section: dict[str, Any]) -> dict[str, Any]:
    """A cell's or task's section of a record as a command of today would have it.

    Knobs that came later have their defaults, and so have those without effect: they were left at
    what the default was then, and today are refused.
    """
    knobs = registry().plugins[kind][section["name"]].knobs
    defaults = {knob.name: knob.default for knob in knobs}
    annotations = {knob.name: knob.annotation for knob in knobs}
    idle = misplaced(knobs_of(section), annotations, defaults)
    return defaults | section | {name: defaults[name] for name in idle}


def command_of(record: Record, results: Path) -> str:
    """The command that makes a record's run again and keeps its checkpoint."""
    register()
    chosen = [
        f"{group}={getattr(record, group)['name']}" for group in ("cell", "task", "optimizer")
    ]
    (composed,), _ = compose_jobs(chosen, multirun=False)
    usual = resolve(composed)
    changed = []
    for group in ("cell", "task", *SECTIONS):
        section = getattr(usual, group)
        known = section if isinstance(section, dict) else dataclasses.asdict(section)
        changed += [
            f"{group}.{key}={as_override(value)}"
            for key, value in _recorded(record, group).items()
            # What `auto` has become it will become again.
            if value != known[key] and not (key == "encoder" and value in ("embedding", "linear"))
        ]
    if record.track.precision != usual.trainer.precision:
        changed.append(f"trainer.precision={record.track.precision}")
    if record.seed != usual.seed:
        changed.append(f"seed={record.seed}")
    if str(results) != usual.results_dir:
        changed.append(f"results_dir={as_override(str(results))}")
    parts = [*chosen, *changed, "train.keep_checkpoint=true"]
    return shlex.join(["recurbench", "run", *parts])


def _recorded(record: Record, group: str) -> dict[str, Any]:
    section: dict[str, Any] = getattr(record, group)
    return plugin_section(group, section) if group in ("cell", "task") else section


def _refuse_options(record: Record, section: str, options: set[str]) -> None:
    """Refuses a section of a record that has options which are no longer there."""
    if options:
        raise UserError(
            f"run {record.run_id}: was made by other code: its {section} has "
            f"{', '.join(sorted(options))}, which is no longer there; run it again"
        )
