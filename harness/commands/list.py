"""`recurbench list`: every plugin with its origin, its knobs and import errors."""

import argparse
from collections.abc import Iterator

from recurbench.harness.commands.catalogue import KINDS, Catalogue, Plugin, catalogue

HELP = "cells, tasks and loggers, their knobs and import errors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list."""
    parser.add_argument("kind", nargs="?", choices=[f"{kind}s" for kind in KINDS])


def call(options: argparse.Namespace) -> int:
    """Prints all plugins, or those of one kind, and those that could not be used."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    found = catalogue(ask_plugins)
    kinds = [options.kind.removesuffix("s")] if options.kind else KINDS
    for kind in kinds:
        console.print(f"[bold underline]{kind}s[/]")
        for plugin in found.plugins:
            if plugin.kind == kind:
                for line in _lines(plugin):
                    console.print(line, soft_wrap=True)
        console.print()
    for failure in found.broken:
        if set(failure.kinds) & set(kinds):
            reason = escape(f"{failure.origin}: {failure.error}")
            console.print(f"[red]not usable[/] {reason}", soft_wrap=True)
    return 0


def ask_plugins() -> Catalogue:
    """What all plugins say, from themselves."""
    from recurbench.harness.commands.loaded.catalogue import ask_plugins

    return ask_plugins()


def _lines(plugin: Plugin) -> Iterator[str]:
    """What is printed of a plugin, as rich's markup."""
    from rich.markup import escape

    yield f"[bold]{plugin.name}[/]  {escape(plugin.summary)}"
    yield f"    [dim]{escape(plugin.origin)}[/]"
    for fact in plugin.facts:
        yield f"    {escape(fact)}"
    for knob in plugin.knobs:
        yield f"    {escape(knob.setting)}  [dim]{escape(knob.type)}[/]"
