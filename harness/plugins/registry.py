"""The registry: every cell and task by its name, and why others cannot be used."""

import inspect
import re
from dataclasses import dataclass, field, make_dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from recurbench.harness.errors import PluginError
from recurbench.harness.plugins.discovery import CONTRACTS, sources
from recurbench.harness.plugins.knobs import PROVIDED, Knob, read_knobs, where
from recurbench.harness.plugins.versions import version_of


@dataclass(frozen=True)
class Plugin:
    """A cell or task that a configuration can name."""

    kind: str
    name: str
    cls: Any
    origin: str
    knobs: tuple[Knob, ...]

    @cached_property
    def version(self) -> str:
        """A hash of its code, which is read when somebody asks."""
        return version_of(self.cls)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    def config_class(self, *, named: bool = True) -> type:
        """A dataclass with the plugin's name, if wanted, and knobs, for Hydra's ConfigStore."""
        fields: list[tuple[str, Any, Any]] = []
        if named:
            fields.append(("name", str, field(default=self.name)))
        for knob in self.knobs:
            default = knob.default
            if isinstance(default, list):
                fields.append((knob.name, knob.type, field(default_factory=default.copy)))
            else:
                fields.append((knob.name, knob.type, field(default=default)))
        return make_dataclass(f"{self.cls.__name__}Config", fields)


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be used, and why."""

    kind: str
    origin: str
    error: str


@dataclass
class Registry:
    """All plugins by kind and name, and those that are broken."""

    plugins: dict[str, dict[str, Plugin]] = field(
        default_factory=lambda: {k: {} for k in CONTRACTS}
    )
    broken: list[Broken] = field(default_factory=list)

    def add(self, kind: str, cls: type, origin: str) -> None:
        """Adds a class; one that breaks the contract or whose name is taken is listed as broken."""
        try:
            plugin = describe(kind, cls, origin)
            taken = self.plugins[kind].get(plugin.name)
            if taken is not None:
                raise PluginError(
                    f"the name {plugin.name!r} is taken by {taken.origin}; "
                    f"give {where(cls)} another"
                )
        except PluginError as error:
            self.broken.append(Broken(kind, origin, str(error)))
        else:
            self.plugins[kind][plugin.name] = plugin


@cache
def registry() -> Registry:
    """Discovers all plugins once; built-ins come first and so win a name."""
    found = Registry()
    for source in sources():
        try:
            candidates = source.load()
        except PluginError as error:
            found.broken.append(Broken("/".join(source.kinds), source.origin, str(error)))
            continue
        for cls in candidates:
            for kind in source.kinds:
                if issubclass(cls, CONTRACTS[kind]):
                    found.add(kind, cls, source.origin)
    return found


def describe(kind: str, cls: type, origin: str) -> Plugin:
    """Reads a class's name and knobs.

    Raises:
        PluginError: it has no name that can be used or lacks methods, or a knob without a type or
            default, or of another type.
    """
    name = cls.__dict__.get("name")
    if not isinstance(name, str) or not name:
        raise PluginError(f'{where(cls)}: add the class attribute name = "..."')
    if not re.fullmatch(r"\w+([.-]\w+)*", name):  # Hydra splits at others, and it names a folder
        raise PluginError(f"{where(cls)}: name {name!r}: use letters, digits and _ alone")
    preset = files("recurbench.conf") / kind / f"{name}.yaml"
    if preset.is_file():
        raise PluginError(f"the name {name!r} is taken by {preset}; give {where(cls)} another")
    missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
    if missing:
        raise PluginError(f"{where(cls)}: add what it lacks of the contract: {missing}")
    if kind == "cell" and PROVIDED not in inspect.signature(cls).parameters:
        raise PluginError(f"{where(cls)}: add the constructor argument `{PROVIDED}: int`")
    # A cell's or task's section holds its name among its options.
    knobs = tuple(read_knobs(cls, reserved=() if kind == "logger" else ("name",)))
    if kind == "cell" and "hidden_size" not in {knob.name for knob in knobs}:
        raise PluginError(f"{where(cls)}: add the constructor argument `hidden_size: int = 64`")
    return Plugin(kind, name, cls, origin, knobs)
