"""What Hydra is told of the sections and of every plugin's knobs: names, types and defaults."""

import dataclasses
from typing import Any, get_type_hints

from hydra.core.config_store import ConfigStore

from recurbench.harness.config.sections import Config
from recurbench.harness.plugins.knobs import is_choice
from recurbench.harness.plugins.registry import registry


def register() -> None:
    """Stores the schema and every plugin's knobs in Hydra's ConfigStore."""
    store = ConfigStore.instance()
    store.store(name="schema", node=node_of(Config))
    for kind, plugins in registry().plugins.items():
        for plugin in plugins.values():
            node: Any = plugin.config_class()
            if kind == "logger":  # several may be chosen, each under its name
                node = {plugin.name: plugin.config_class(named=False)}
            store.store(group=kind, name=plugin.name, node=node)


def node_of(section: type) -> type:
    """A section as OmegaConf can hold it: no limits, and a `str` for a `Literal`."""
    hints = get_type_hints(section)
    fields: list[tuple[str, Any, Any]] = []
    for option in dataclasses.fields(section):
        held = hints[option.name]
        default = dataclasses.field(default=option.default)
        if dataclasses.is_dataclass(held):
            held = node_of(held)  # type: ignore[arg-type] # a class, not an instance
            default = dataclasses.field(default_factory=held)
        elif option.default_factory is not dataclasses.MISSING:
            default = dataclasses.field(default_factory=option.default_factory)
        fields.append((option.name, str if is_choice(held) else held, default))
    return dataclasses.make_dataclass(section.__name__, fields)
