"""Asks every plugin what it is."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import get_args, get_type_hints

import torch

from recurbench.harness.commands.catalogue import KINDS, Broken, Catalogue, Knob, Plugin
from recurbench.harness.config.measures import state_size
from recurbench.harness.config.sections import Config
from recurbench.harness.console import as_override
from recurbench.harness.errors import PLUGIN_ERRORS
from recurbench.harness.plugins import registry as registered
from recurbench.harness.plugins.knobs import is_choice


def ask_plugins() -> Catalogue:
    """What all plugins say, by kind and name."""
    found = registered.registry()
    return Catalogue(
        [_shown(plugin) for kind in KINDS for _, plugin in sorted(found.plugins[kind].items())],
        [Broken(failed.kind.split("/"), failed.origin, failed.error) for failed in found.broken],
        list(_options(Config)),
    )


def _options(section: type, prefix: str = "") -> Iterator[Knob]:
    """The options of a section, and of those within it."""
    for name, annotation in get_type_hints(section).items():
        if is_dataclass(annotation):
            yield from _options(annotation, f"{prefix}{name}.")  # type: ignore[arg-type] # a class
        elif name not in KINDS:
            choices = get_args(annotation) if is_choice(annotation) else ()
            yield Knob(f"{prefix}{name}", "|".join(choices) or getattr(annotation, "__name__", ""))


def _shown(plugin: registered.Plugin) -> Plugin:
    section = f"logger.{plugin.name}" if plugin.kind == "logger" else plugin.kind
    facts = {"cell": _facts, "task": _claims}
    return Plugin(
        kind=plugin.kind,
        name=plugin.name,
        summary=plugin.summary,
        origin=plugin.origin,
        facts=list(facts[plugin.kind](plugin)) if plugin.kind in facts else [],
        knobs=[
            Knob(f"{section}.{knob.name}={as_override(knob.default)}", knob.type_name)
            for knob in plugin.knobs
        ],
    )


def _facts(plugin: registered.Plugin) -> Iterator[str]:
    """Year, family, gates, state size per unit at the default knobs, and how it runs."""
    cls = plugin.cls
    facts = [
        str(getattr(cls, "year", "year unknown")),
        getattr(cls, "family", "family unknown"),
        f"{cls.gates} gates" if hasattr(cls, "gates") else "gates unknown",
        f"state per unit {_state_per_unit(plugin)}",
        "parallel over time" if getattr(cls, "parallel", False) else "step by step",
    ]
    yield ", ".join(facts)


def _claims(plugin: registered.Plugin) -> Iterator[str]:
    """What a good score shows, the scores of references, and how long a run takes, if known."""
    cls = plugin.cls
    if cls.measures:
        yield f"measures {cls.measures}"
    if cls.default_references:
        scores = (f"{name} {value:.4g}" for name, value in cls.default_references.items())
        yield f"references {', '.join(scores)}"
    if cls.seconds:
        yield f"a GRU trains {cls.seconds:g} s on one core"


def _state_per_unit(plugin: registered.Plugin) -> str:
    """How many numbers a row carries from step to step, over the hidden size."""
    try:
        with torch.device("meta"):
            cell = plugin.cls(1)
            return f"{state_size(cell) / cell.hidden_size:.3g}"
    except PLUGIN_ERRORS:  # `recurbench check cell` says what
        return "unknown"
