"""What a shell completes, by argcomplete: commands, options, names, overrides of Hydra's grammar.

All but what is read from records comes from the catalogue and the folders of presets, so that no
completion imports torch once the catalogue is known.
"""

import argparse
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from recurbench.harness.commands.catalogue import Catalogue, catalogue
from recurbench.harness.commands.flags import add_flags


def completes() -> bool:
    """Whether a shell asks for completions instead of running the command."""
    return "_ARGCOMPLETE" in os.environ


def complete(parser: argparse.ArgumentParser) -> None:
    """Answers the shell, and ends the process."""
    import argcomplete

    argcomplete.autocomplete(parser, always_complete_options=False)


def add_completed_overrides(parser: argparse.ArgumentParser, action: argparse.Action) -> None:
    """Lets a shell complete the overrides that an argument takes, and the flags between them."""
    if completes():
        add_flags(parser)
        action.completer = _overrides  # type: ignore[attr-defined] # argcomplete's way


def add_completed_cell(action: argparse.Action, beginnings: tuple[str, ...]) -> None:
    """Lets a shell complete a cell and, behind it, overrides.

    Args:
        action: the argument that takes them.
        beginnings: what the overrides may begin with.
    """
    action.completer = lambda prefix, **_: (  # type: ignore[attr-defined] # argcomplete's way
        cell_or_overrides(prefix, _words(), _known(), beginnings)
    )


def add_completed_names(
    action: argparse.Action, names: Callable[[argparse.Namespace], Iterable[str]]
) -> None:
    """Lets a shell complete a list of names with commas.

    Args:
        action: the option that takes it.
        names: those there are, given what else stands on the line.
    """
    action.completer = lambda prefix, parsed_args, **_: (  # type: ignore[attr-defined] # as above
        listed(prefix, names(parsed_args))
    )


def names_of(group: str) -> list[str]:
    """What a group such as `cell` can be set to, plugins and presets."""
    return _presets(_known())[group]


def listed(prefix: str, names: Iterable[str]) -> list[str]:
    """The lists of names that may be meant by the beginning of one, of which the last is open."""
    before, comma, last = prefix.rpartition(",")
    return [f"{before}{comma}{name}" for name in sorted(names) if name.startswith(last)]


def cell_or_overrides(
    prefix: str, words: list[str], known: Catalogue, beginnings: tuple[str, ...]
) -> list[str]:
    """The cell that may be meant by the beginning of a name, or the overrides behind it.

    Args:
        prefix: what is there of it.
        words: the whole line, on which a cell may stand already.
        known: all plugins and options.
        beginnings: what the overrides may begin with.
    """
    cells = _presets(known)["cell"]
    chosen = [word for word in words if word in cells and word != prefix]
    if not chosen:
        return [cell for cell in cells if cell.startswith(prefix)]
    found = overrides(prefix, [f"cell={cell}" for cell in chosen], known)
    return [override for override in found if override.startswith(beginnings)]


def _overrides(prefix: str, **_: Any) -> list[str]:
    """The overrides that may be meant by the beginning of one."""
    return overrides(prefix, _words(), _known())


def _known() -> Catalogue:
    from recurbench.harness.commands.list import ask_plugins

    return catalogue(ask_plugins)


def overrides(prefix: str, words: list[str], known: Catalogue) -> list[str]:
    """The overrides that may be meant by the beginning of one.

    Args:
        prefix: what is there of it; behind a comma, the last value is completed.
        words: the whole line, whose `cell=` and `task=` say which knobs there are.
        known: all plugins and options.
    """
    groups = _presets(known)
    knobs = dict(_knobs(words, known))
    key, sign, values = prefix.partition("=")
    if not sign:
        found = [f"{name}=" for name in (*groups, *knobs)]
        return [name for name in found if name.startswith(prefix)]
    before, comma, last = values.rpartition(",")
    choices = groups.get(key) or _choices(knobs.get(key, ""))
    return [f"{key}={before}{comma}{choice}" for choice in choices if choice.startswith(last)]


def _presets(known: Catalogue) -> dict[str, list[str]]:
    """What each group can be set to: plugins, and files of presets."""
    found: dict[str, set[str]] = {}
    root = Path(str(files("recurbench.conf")))
    for file in root.rglob("*.yaml"):
        if file.parent != root:
            found.setdefault(str(file.parent.relative_to(root)), set()).add(file.stem)
    for plugin in known.plugins:
        found.setdefault(plugin.kind, set()).add(plugin.name)
    return {group: sorted(names) for group, names in found.items()}


def _knobs(words: list[str], known: Catalogue) -> Iterator[tuple[str, str]]:
    """Options with their types: the harness's, and the knobs of the plugins that a line names."""
    chosen = {"cell": {"gru"}, "task": {"copying"}, "logger": {"wandb"}}
    for word in words:
        key, _, values = word.partition("=")
        if key in chosen:
            chosen[key] = set(values.strip("[]").split(","))
    for option in known.options:
        yield option.setting, option.type
    for plugin in known.plugins:
        if plugin.name in chosen[plugin.kind]:
            for knob in plugin.knobs:
                yield knob.setting.partition("=")[0], knob.type


def _choices(type_: str) -> list[str]:
    """The values of a type that has few."""
    if type_ == "bool":
        return ["true", "false"]
    return type_.split("|") if "|" in type_ and " " not in type_ else []


def _words() -> list[str]:
    """The words of the line that is being completed."""
    line = os.environ.get("COMP_LINE", "")
    try:
        return shlex.split(line)
    except ValueError:  # a quote is open
        return line.split()
