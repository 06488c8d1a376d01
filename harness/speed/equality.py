"""Ways that shall compute the same are compared in double precision before any is timed."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.harness.conformance.cell.compare import gradients, require_equal
from recurbench.harness.conformance.findings import ViolationError
from recurbench.harness.model.streams import seeded
from recurbench.harness.speed.batches import Sequences, exact
from recurbench.harness.speed.contenders import Cell, Contender, Stepped
from recurbench.harness.speed.grid import Shape

TOLERANCE = 1e-7
"""Of values and gradients, relative to 1 and to the largest of them."""

STEPS = 8
"""So many single steps are compared with the sequence of them."""


class DiffersError(Exception):
    """What was found to differ, and from what."""


def require_same(contender: Contender, shape: Shape, x: Sequences) -> list[str]:
    """Compares outputs and all gradients with those of each way that shall compute the same.

    Args:
        contender: what is to be timed.
        shape: its sizes.
        x: the batch, in any precision.

    Returns:
        The labels of what it was compared with.

    Raises:
        DiffersError: it computes something else.
    """
    others = contender.equals()
    if not others:
        return []
    module = _double(contender, shape, x)
    found = _trained(contender, module, x)
    for other in others:
        twin = _double(other, shape, x)
        named = {_plain(name): value for name, value in module.state_dict().items()}
        twin.load_state_dict({name: named[_plain(name)] for name in twin.state_dict()})
        _compare(found, _trained(other, twin, x), other.label)
    return [other.label for other in others]


def require_steps(cell: Cell, shape: Shape, x: Tensor) -> None:
    """Compares single steps of a cell with the sequence of them.

    Args:
        cell: what is to be timed.
        shape: its sizes.
        x: a dense batch `(B, T, I)`.

    Raises:
        DiffersError: they give something else.
    """
    module, x = _double(cell, shape, x), x[:, :STEPS].double()
    with torch.no_grad():
        found = {"outputs of single steps": Stepped(cell).outputs(module, x)}
        expected = {"outputs of single steps": cell.outputs(module, x)}
    _compare(found, expected, f"{cell.label}, all steps at once")


def _compare(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], of: str) -> None:
    for name, tensor in found.items():
        try:
            require_equal(
                name, tensor, expected[name], expected="the same", cause="", axes=(),
                tolerance=TOLERANCE,
            )  # fmt: skip
        except ViolationError as violation:
            raise DiffersError(f"{violation.seen}, compared with {of}") from violation


def _double(contender: Contender, shape: Shape, x: Sequences) -> nn.Module:
    with seeded(0, "speed weights"):
        module = contender.make(shape.I, shape.H)
    return module.to(device=x.device if isinstance(x, Tensor) else x.data.device).double()


def _trained(contender: Contender, module: nn.Module, x: Sequences) -> dict[str, Tensor]:
    """The outputs, and the gradients to the input and to all weights, by their names."""
    batch, leaf = exact(x)
    y = contender.outputs(module, batch)
    leaves: dict[str, Any] = {_plain(name): value for name, value in module.named_parameters()}
    return {"outputs": y, **gradients([y], {"input": leaf, **leaves})}


def _plain(name: str) -> str:
    """The name of a weight in a cell; torch's layers have the number of the layer behind it."""
    return name.removeprefix("layer.").removesuffix("_l0")
