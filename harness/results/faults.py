"""What is wrong with a file that should hold JSON of some type, named by key."""

import json
import re
from collections.abc import Iterator
from math import inf, isfinite
from typing import Any

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading raises where bytes are no JSON."""


def explain(error: msgspec.ValidationError, content: bytes, kind: type) -> str:
    """Key first, as in `cost.steps: expected int, got str`.

    Args:
        error: why some JSON is not of a type.
        content: the JSON.
        kind: the type.
    """
    what, _, where = str(error).partition(" - at `$")
    what = what.replace("`", "")
    path = where.rstrip("`")
    if "[...]" in path:
        tree = _loaded(content)
        if found := next(_not_finite(tree, ""), None):
            return found
        path = _named(path, tree, kind)
    said = what[0].lower() + what[1:]
    return f"{path.removeprefix('.')}: {said}" if path else said


def not_json(error: Exception, content: bytes) -> str:
    """Why some bytes are no JSON; the key of a NaN is said, as many programs write one."""
    found = next(_not_finite(_loaded(content), ""), None)
    return f"not JSON: {error if found is None else found}"


def _loaded(content: bytes) -> Any:
    """What Python reads, which takes NaN, and infinity for large numbers; None if it cannot."""
    try:
        return json.loads(content, parse_int=lambda text: int(text) if len(text) < 999 else inf)
    except (ValueError, RecursionError):
        return None


def _not_finite(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, float) and not isfinite(node):
        yield f"{path.removeprefix('.')} is {node}; write null"
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _not_finite(value, f"{path}.{key}")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _not_finite(value, f"{path}[{place}]")


def _named(path: str, tree: Any, kind: type) -> str:
    """A path like `.metrics[...]`, where msgspec does not say the key, with the keys at fault.

    Args:
        path: that of the first fault.
        tree: what is not of the type; it is spoiled.
        kind: the type.
    """
    if tree is None:
        return path
    found, node = "", tree
    for name, place in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path):
        if place == "...":
            for name, value in list(node.items()):
                node.clear()
                node[name] = value
                if _fails(tree, kind, path):
                    break
        found += f"[{place}]" if place.isdigit() else f".{name}"
        node = node[int(place)] if place.isdigit() else node[name]
    return found


def _fails(tree: Any, kind: type, path: str) -> bool:
    try:
        msgspec.convert(tree, kind)
    except msgspec.ValidationError as found:
        return str(found).endswith(f"`${path}`")
    return False
