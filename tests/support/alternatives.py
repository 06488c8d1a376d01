"""Other values for a knob, by its type; for tests that change one knob at a time."""

import typing
from typing import Any

from recurbench.harness.plugins.knobs import Knob

OF_TYPE: dict[Any, list[Any]] = {
    bool: [True, False],
    int: [1, 2, 3, 5, 24],
    float: [0.05, 0.25, 0.75, 1.5, 4.0],
    str: ["x"],
    list[int]: [[0, 1], [1, 0]],
    list[str]: [["x"], ["de"]],
}

OF_NAME: dict[str, list[Any]] = {"min_count": [1000]}


def alternatives(knob: Knob) -> list[Any]:
    """Values that a knob may have beside its default."""
    held = [part for part in typing.get_args(knob.type) if part is not type(None)]
    optional = type(None) in typing.get_args(knob.type)
    usual = OF_TYPE.get(held[0] if optional else knob.type, [])
    values = OF_NAME.get(knob.name) or knob.choices or _choices(knob.annotation) or usual
    return [v for v in values if v != knob.default and knob.complaint("x", v) is None]


def _choices(annotation: Any) -> list[Any]:
    """The choices of a `Literal` that stands within an annotation, but not of a list's items."""
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    if typing.get_origin(annotation) is list:
        return []
    return [c for part in typing.get_args(annotation) for c in _choices(part)]
