"""Prints every plugin with its origin, knobs and import errors."""

from collections.abc import Iterator

import torch
from rich.console import Console
from rich.markup import escape

from recurbench.harness.config.measures import state_size
from recurbench.harness.console import as_override
from recurbench.harness.plugins.registry import Plugin, registry


def print_plugins(kinds: list[str]) -> None:
    """Prints plugins of some kinds (`cell`, `task`, `logger`) and those that could not be used."""
    console = Console(highlight=False)
    found = registry()
    for kind in kinds:
        console.print(f"[bold underline]{kind}s[/]")
        for _, plugin in sorted(found.plugins[kind].items()):
            _print_plugin(console, plugin)
        console.print()
    broken = [plugin for plugin in found.broken if set(plugin.kind.split("/")) & set(kinds)]
    for failure in broken:
        reason = f"{failure.origin}: {failure.error}"
        console.print(f"[red]not usable[/] {escape(reason)}", soft_wrap=True)


def _print_plugin(console: Console, plugin: Plugin) -> None:
    console.print(f"[bold]{plugin.name}[/]  {escape(plugin.summary)}", soft_wrap=True)
    console.print(f"    [dim]{escape(plugin.origin)}[/]", soft_wrap=True)
    facts = {"cell": _facts, "task": _claims}
    for line in facts[plugin.kind](plugin) if plugin.kind in facts else ():
        console.print(f"    {escape(line)}", soft_wrap=True)
    for knob in plugin.knobs:
        section = f"logger.{plugin.name}" if plugin.kind == "logger" else plugin.kind
        setting = escape(f"{section}.{knob.name}={as_override(knob.default)}")
        console.print(f"    {setting}  [dim]{escape(knob.type_name)}[/]", soft_wrap=True)


def _facts(plugin: Plugin) -> Iterator[str]:
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


def _claims(plugin: Plugin) -> Iterator[str]:
    """What a good score shows, the scores of references, and how long a run takes, if known."""
    cls = plugin.cls
    if cls.measures:
        yield f"measures {cls.measures}"
    if cls.default_references:
        scores = (f"{name} {value:.4g}" for name, value in cls.default_references.items())
        yield f"references {', '.join(scores)}"
    if cls.seconds:
        yield f"a GRU trains {cls.seconds:g} s on one core"


def _state_per_unit(plugin: Plugin) -> str:
    """How many numbers a row carries from step to step, over the hidden size."""
    try:
        with torch.device("meta"):
            cell = plugin.cls(1)
            return f"{state_size(cell) / cell.hidden_size:.3g}"
    except Exception:  # a plugin may raise anything; `recurbench check cell` says what
        return "unknown"
