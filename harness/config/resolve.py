"""From a composed configuration to checked sections."""

import dataclasses
from functools import cache
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.config.budgets import LIMITS
from recurbench.harness.config.effects import require_effects
from recurbench.harness.config.sections import Config, TrainConfig
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.plugins.registry import Plugin, registry
from recurbench.limits import complaint


def resolve(composed: DictConfig) -> Config:
    """The composed configuration as plain typed objects, checked against every limit.

    Raises:
        UserError: names the option, its value and what would be right.
    """
    try:
        found: dict[str, Any] = OmegaConf.to_container(  # type: ignore[assignment]
            composed, resolve=True, throw_on_missing=True
        )
    except OmegaConfBaseException as error:  # `???`, or an interpolation that leads nowhere
        reason = str(error).partition("\n")[0]
        raise UserError(f"{error.full_key}: {reason}") from error
    _require_our_sections(found)
    config: Config = _typed(Config, found, "")
    for kind in ("cell", "task"):
        _check_knobs(plugin_of(config, kind), getattr(config, kind))
    require_effects(config)
    config.train = _limited(config)
    if config.optimizer.schedule == "cosine" and config.train.max_steps is None:
        raise UserError("optimizer.schedule=cosine needs budget.steps or train.max_steps")
    return config


def plugin_of(config: Config, kind: str) -> Plugin:
    """The plugin that the section `cell` or `task` names."""
    plugins = registry().plugins[kind]
    name = getattr(config, kind)["name"]
    if name not in plugins:
        raise UserError(f"{kind}.name={name}: no such {kind}{nearest(name, plugins)}")
    return plugins[name]


def knobs_of(section: dict[str, Any]) -> dict[str, Any]:
    """A plugin's section without the plugin's name: its constructor's arguments."""
    return {key: value for key, value in section.items() if key != "name"}


def _limited(config: Config) -> TrainConfig:
    """The training with its limits: those of the budget, if it has any, in place of its own.

    Raises:
        UserError: it has none.
    """
    limits = {f"max_{name}": getattr(config.budget, name) for name in LIMITS}
    if any(limit is not None for limit in limits.values()):
        return dataclasses.replace(config.train, **limits)
    if all(getattr(config.train, name) is None for name in limits):
        names = " or ".join(f"budget.{name}" for name in LIMITS)
        raise UserError(f"nothing ends the training; set {names}")
    return config.train


def _require_our_sections(found: dict[str, Any]) -> None:
    """Refuses what a primary configuration of the user's own, `--config-name`, has left out."""
    sections = get_type_hints(Config)
    for name in found:
        if name not in sections:
            raise UserError(f"the configuration has no option {name}{nearest(name, sections)}")
    for name in sections:
        if name not in found:
            raise UserError(
                f"the primary configuration has no {name}; let it begin with "
                "`defaults: [config, _self_]`"
            )


def _typed(section: type, values: dict[str, Any], prefix: str) -> Any:
    """A section, and those within it, after refusing values beyond their limits."""
    hints = _hints_of(section)
    typed = {}
    for name, value in values.items():
        if dataclasses.is_dataclass(hints[name]):
            typed[name] = _typed(hints[name], value, f"{prefix}{name}.")
            continue
        _refuse(complaint(prefix + name, value, hints[name]))
        typed[name] = value
    return section(**typed)


@cache
def _hints_of(section: type) -> dict[str, Any]:
    return get_type_hints(section, include_extras=True)


def _check_knobs(plugin: Plugin, section: dict[str, Any]) -> None:
    if set(section) != {"name", *(knob.name for knob in plugin.knobs)}:
        # Its knobs are another plugin's: only the choice of the group brings both.
        raise UserError(f"{plugin.kind}.name={plugin.name}: write {plugin.kind}={plugin.name}")
    for knob in plugin.knobs:
        _refuse(knob.complaint(f"{plugin.kind}.{knob.name}", section[knob.name]))


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise UserError(reason)
