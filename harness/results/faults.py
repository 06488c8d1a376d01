"""What is wrong with JSON that does not fit a type, named by key."""

import re
from typing import Any

import msgspec


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
        path = _named(path, str(error), msgspec.json.decode(content), kind)
    said = what[0].lower() + what[1:]
    return f"{path.removeprefix('.')}: {said}" if path else said


def _named(path: str, error: str, tree: Any, kind: type) -> str:
    """A path like `.metrics[...]`, where msgspec does not say the key, with the keys at fault.

    Args:
        path: that of the first fault.
        error: the whole message.
        tree: what is not of the type; it is spoiled.
        kind: the type.
    """
    found, node = "", tree
    for name, place in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path):
        if place == "...":
            for name, value in list(node.items()):
                node.clear()
                node[name] = value
                if _fails(tree, kind, error):
                    break
        found += f"[{place}]" if place.isdigit() else f".{name}"
        node = node[int(place)] if place.isdigit() else node[name]
    return found


def _fails(tree: Any, kind: type, error: str) -> bool:
    try:
        msgspec.convert(tree, kind)
    except msgspec.ValidationError as found:
        return str(found) == error
    return False
