"""What every plugin says of itself, from a cache as long as no code of a plugin has changed.

Asking the plugins imports torch, which takes seconds. The answers lie in the user's cache, under a
hash of all code that they follow from: ours, and the folders of `RECURBENCH_PLUGINS`. Where an
installed package has plugins, or one cannot be used, nobody can say which files matter, and the
plugins are asked every time.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

import recurbench
from recurbench.harness.results.folder import user_cache
from recurbench.harness.results.writing import write_whole

KINDS = ("cell", "task", "logger")


class Knob(msgspec.Struct, array_like=True):
    """An option of a plugin: how its default is written on the command line, and its type."""

    setting: str
    type: str


class Plugin(msgspec.Struct, array_like=True):
    """A plugin that a configuration can name.

    Attributes:
        kind: one of `KINDS`.
        name: what the configuration calls it.
        summary: the first line of its docstring.
        origin: where it is defined.
        facts: lines about it.
        knobs: its options.
    """

    kind: str
    name: str
    summary: str
    origin: str
    facts: list[str]
    knobs: list[Knob]


class Broken(msgspec.Struct, array_like=True):
    """What could not be used, of which kinds it may be, and why."""

    kinds: list[str]
    origin: str
    error: str


class Catalogue(msgspec.Struct, array_like=True):
    """All plugins, those that cannot be used, and the harness's own options."""

    plugins: list[Plugin]
    broken: list[Broken]
    options: list[Knob]


def catalogue(ask_plugins: Callable[[], Catalogue]) -> Catalogue:
    """What all plugins say of themselves.

    Args:
        ask_plugins: imports and asks them, if that has to be done.
    """
    place = _place()
    if place is not None:
        with suppress(OSError, msgspec.MsgspecError):  # not there, or not ours: asked anew
            return msgspec.json.decode(place.read_bytes(), type=Catalogue)
    found = ask_plugins()
    if place is not None and not found.broken:
        with suppress(OSError):  # a cache that cannot be written to costs time only
            write_whole(place, msgspec.json.encode(found))
    return found


def _place() -> Path | None:
    """Where the answers of the present code lie; None if nobody can say what they follow from."""
    cache = user_cache()
    if cache is None or any(entry_points(group=f"recurbench.{kind}s") for kind in KINDS):
        return None
    try:
        return cache / "catalogue" / f"{_code()}.json"
    except OSError:  # a folder of plugins that is not there, or cannot be read
        return None


def _code() -> str:
    """A hash of all code that plugins may consist of, and of where it lies."""
    digest = hashlib.sha256(sys.version.encode())
    for file in _files():
        content = file.read_bytes()
        digest.update(f"\0{file}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for root in recurbench.__path__:
        for folder, _, names in os.walk(root, followlinks=True):  # links in a checkout
            yield from sorted(Path(folder, name) for name in names if name.endswith(".py"))
    for folder in filter(None, os.environ.get("RECURBENCH_PLUGINS", "").split(os.pathsep)):
        os.stat(Path(folder).expanduser())
        yield from sorted(Path(folder).expanduser().glob("*.py"))
