"""Finds options without effect; each would make a second run, or trial, of what is one.

What an option needs of others in its section stands in its annotation, `GoesWith`.
"""

import dataclasses
from functools import cache
from typing import Any, get_type_hints

from recurbench.harness.config.sections import Config, OptimizerConfig
from recurbench.harness.errors import UserError
from recurbench.harness.plugins.registry import registry
from recurbench.limits import misplaced

SECTIONS = ("model", "optimizer", "tuning")
"""Sections in which some options need others."""


def require_effects(config: Config) -> None:
    """Refuses options of the harness that are set and have no effect.

    Raises:
        UserError: names the option, and what it would need.
    """
    for name in SECTIONS:
        for reason in _misplaced(getattr(config, name), f"{name}.").values():
            raise UserError(reason)
    if _factor_is_idle(config):
        cells = registry().plugins["cell"]
        slow = ", ".join(sorted(name for name, cell in cells.items() if cell.cls.own_rate))
        raise UserError(
            f"optimizer.lr_factor={config.optimizer.lr_factor} has no effect with "
            f"cell={config.cell['name']}, which names no parameters for it; it goes with {slow}"
        )


def settled(config: Config) -> Config:
    """A configuration in whose optimizer options without effect have their defaults.

    Tuning combines options with all values of others, also with those beside which they are idle;
    then equal trials are equal.
    """
    idle = [*_misplaced(config.optimizer), *(["lr_factor"] if _factor_is_idle(config) else [])]
    fresh = OptimizerConfig()
    changes: dict[str, Any] = {name: getattr(fresh, name) for name in idle}
    return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, **changes))


def _factor_is_idle(config: Config) -> bool:
    cell = registry().plugins["cell"][config.cell["name"]].cls
    return config.optimizer.lr_factor != 1 and not cell.own_rate


def _misplaced(section: Any, prefix: str = "") -> dict[str, str]:
    defaults = {option.name: option.default for option in dataclasses.fields(section)}
    kind: type = type(section)
    return misplaced(dataclasses.asdict(section), _annotations(kind), defaults, prefix)


@cache
def _annotations(section: type) -> dict[str, Any]:
    return get_type_hints(section, include_extras=True)
