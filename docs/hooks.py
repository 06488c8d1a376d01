"""Fills pages of the reference from the code: a new cell, task or option needs no edit of a page.

A line `<!-- generated: plugins cell -->` of a page is replaced by what the function of that name
returns.
"""

import argparse
import ast
import inspect
import os
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from recurbench.harness.cli import parser
from recurbench.harness.config import sections
from recurbench.harness.plugins.registry import Plugin, registry
from recurbench.harness.probe.capacity import Capacity
from recurbench.harness.probe.card import Card
from recurbench.harness.probe.document import Document
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spread import Spread
from recurbench.harness.results import record as records
from recurbench.limits import limits_as_text

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"^<!-- generated: (\w+)(?: (\w+))? -->$", re.MULTILINE)
DOCSTRING_ALONE = (
    "{show_root_heading: false, show_root_toc_entry: false, members: false, show_bases: false}"
)
"""How mkdocstrings shows a class: without a heading, as the page has one, and without methods."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replaces the marks of a page; mkdocs calls this before it reads the Markdown."""
    return MARK.sub(lambda mark: GENERATED[mark[1]](*filter(None, [mark[2]])), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Takes off the second colon of the `::` that opens a block of code in docstrings."""
    return re.sub(r"::</p>(?=\s*<(?:div|pre))", ":</p>", html)


def _built_in(kind: str) -> Iterator[Plugin]:
    """The cells or tasks of this project, by name; not those that are installed beside it."""
    for _, plugin in sorted(registry().plugins[kind].items()):
        if plugin.cls.__module__.startswith(f"recurbench.{kind}s."):
            yield plugin


def plugins(kind: str) -> str:
    """A section for each cell or task: its docstring, its options and its file."""
    parts = []
    for plugin in _built_in(kind):
        cls = plugin.cls
        file = Path(inspect.getfile(cls)).resolve().relative_to(ROOT)
        parts += [
            f"## {plugin.name}",
            f"::: {cls.__module__}.{cls.__qualname__}\n    options: {DOCSTRING_ALONE}",
            f"Chosen by `{kind}={plugin.name}`. Code: `{file}`.",
        ]
    return "\n\n".join(parts)


def presets(kind: str) -> str:
    """A table of the YAML files that set options of a cell or task."""
    lines = ["| preset | is |", "| --- | --- |"]
    for path in sorted((ROOT / "conf" / kind).glob("*.yaml")):
        comment = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"| `{kind}={path.stem}` | {comment} |")
    return "\n".join(lines)


def subcommands() -> str:
    """The help text of each subcommand."""
    os.environ |= {"COLUMNS": "88", "NO_COLOR": "1"}  # the same text from every terminal
    (table,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    helps = ((name, sub.format_help().strip()) for name, sub in table.choices.items())
    return "\n\n".join(f"## {name}\n\n```text\n{text}\n```" for name, text in helps)


def options(section: str) -> str:
    """A table of the options of a section: the type, the choices, the limits."""
    hints = typing.get_type_hints(getattr(sections, section), include_extras=True)
    prefix = "" if section == "Config" else section.removesuffix("Config").lower() + "."
    lines = ["| option | value |", "| --- | --- |"]
    for option in fields(getattr(sections, section)):
        kind = hints[option.name]
        if not (is_dataclass(kind) or kind in (Any, dict[str, Any])):  # a section
            lines.append(f"| `{prefix}{option.name}` | {_value(kind)} |")
    return "\n".join(lines)


def record() -> str:
    """The parts of a record: what their docstrings say, and all fields as the code has them."""
    structs = [part for part in vars(records).values() if hasattr(part, "__struct_fields__")]
    return _structs([records.Record, *(part for part in structs if part is not records.Record)])


def cards() -> str:
    """The parts of what a probe leaves, as `record`."""
    kinds = typing.get_type_hints(Card).values()
    return _structs([Document, Settings, Card, *kinds, Capacity, Spread])


def _structs(parts: list[Any]) -> str:
    return "\n\n".join(
        f"### {part.__name__}\n\n"
        f"::: {part.__module__}.{part.__name__}\n    options: {DOCSTRING_ALONE}\n\n"
        f"```python\n{_fields(part)}\n```"
        for part in parts
    )


def _fields(part: type) -> str:
    (definition,) = ast.parse(inspect.getsource(part)).body
    assert isinstance(definition, ast.ClassDef)
    return "\n".join(ast.unparse(x) for x in definition.body if isinstance(x, ast.AnnAssign))


def _value(annotation: Any) -> str:
    """What an option may be, for a person: `int, at least 1, or null`."""
    kinds = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Annotated:
            return f"{_value(kinds[0])}, {limits_as_text(annotation)}"
        case typing.Literal:
            return ", ".join(f"`{choice}`" for choice in kinds)
    if type(None) in kinds:
        (inner,) = (kind for kind in kinds if kind is not type(None))
        return f"{_value(inner)}, or `null`"
    name: str = annotation.__name__
    return {"bool": "`true` or `false`", "str": "text"}.get(name, name)


GENERATED: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (plugins, presets, subcommands, options, record, cards)
}
