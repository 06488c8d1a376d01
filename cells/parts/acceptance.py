"""What a cell takes: an input or state that does not fit is refused by one line that says why.

Legend: B batch, T time, I input size, N valid steps of a packed batch.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn


class CellError(ValueError):
    """A cell was given a size, knob, input or state that it cannot work with."""


class Leaf(NamedTuple):
    """What is compared of a state's tensor."""

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device

    def __str__(self) -> str:
        return f"{tuple(self.shape)} {self.dtype} on {self.device}"


class Layout(NamedTuple):
    """What the states of a cell look like.

    Attributes:
        given: the rows, and the dtype and device of the cell's first parameter, that it holds for.
        kind: the type of a state.
        leaves: its tensors.
    """

    given: tuple[Any, ...]
    kind: type[Any]
    leaves: list[Leaf]


class Cell(Protocol):
    """What is needed of a cell, whose module needs this one."""

    input_size: int
    _layout: Layout | None

    def parameters(self) -> Iterator[nn.Parameter]: ...  # noqa: D102
    def initial_state(self, batch_size: int) -> tuple[Tensor, ...]: ...  # noqa: D102


def require_input(cell: Cell, x: Any, axes: str) -> Tensor | None:
    """Refuses what is not a tensor of the right width, dtype and device.

    Args:
        cell: the cell that is given it.
        x: the input.
        axes: its dimensions in words, such as `(B, T, I)`.

    Returns:
        The first parameter of the cell, if it has any.

    Raises:
        CellError: says what was expected.
    """
    if not isinstance(x, Tensor):
        raise CellError(f"expected a tensor {axes}, not {_named(x)}; torch.as_tensor makes one")
    if x.dim() != axes.count(",") + 1 or (x.dim() == 3 and 0 in x.shape[:2]):
        raise CellError(f"expected a non-empty input {axes}, not {tuple(x.shape)}")
    if x.shape[-1] != cell.input_size:
        raise CellError(f"expected inputs of {cell.input_size} features, not {x.shape[-1]}")
    parameter = next(cell.parameters(), None)
    if parameter is None or (x.dtype == parameter.dtype and x.device == parameter.device):
        return parameter
    if all(x.device != other.device for other in cell.parameters()):
        raise CellError(f"expected inputs on {parameter.device}, as parameters are, not {x.device}")
    other_dtype = all(x.dtype != other.dtype for other in cell.parameters())
    if other_dtype and not _autocast_takes(x, parameter):
        raise CellError(f"expected inputs of {parameter.dtype}, as parameters are, not {x.dtype}")
    return parameter


def accepted_state(cell: Cell, state: Any, rows: int, parameter: Tensor | None) -> Any:
    """The state as the cell's own type, after refusing one that does not fit.

    A plain tuple or list of the right tensors is taken too. The layout is kept on the cell, because
    making a state to compare with takes as long as a small step.

    Args:
        cell: the cell that is given it.
        state: the state.
        rows: B.
        parameter: the first of the cell, if it has any.

    Raises:
        CellError: says what was expected.
    """
    given = (rows,) if parameter is None else (rows, parameter.dtype, parameter.device)
    layout = cell._layout
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
        layout = _find_layout(cell, given)  # its sizes stand for others, so it is not kept
    elif layout is None or layout.given != given:
        layout = cell._layout = _find_layout(cell, given)
    if type(state) is not layout.kind:
        state = _converted(state, layout)
    for leaf, expected in zip(state, layout.leaves, strict=True):
        if (
            not isinstance(leaf, Tensor)
            or leaf.shape != expected.shape
            or leaf.dtype != expected.dtype
            or leaf.device != expected.device
        ):
            name = next(n for n, other in zip(state._fields, state, strict=True) if other is leaf)
            raise CellError(
                f"state {name}: expected {expected}, as initial_state({rows}) gives, "
                f"not {_named(leaf)}"
            )
    return state


def _find_layout(cell: Cell, given: tuple[Any, ...]) -> Layout:
    with torch.no_grad():
        state = cell.initial_state(given[0])
    if not (hasattr(state, "_fields") and all(isinstance(leaf, Tensor) for leaf in state)):
        name = type(cell).__name__
        raise CellError(f"{name}: initial_state gives {_named(state)}, not a NamedTuple of tensors")
    leaves = [Leaf(leaf.shape, leaf.dtype, leaf.device) for leaf in state]
    return Layout(given, type(state), leaves)


def _converted(state: Any, layout: Layout) -> Any:
    """A plain tuple or list as the cell's own type; another cell's state has other names."""
    fields = layout.kind._fields
    fits = isinstance(state, tuple | list) and len(state) == len(fields)
    if not fits or getattr(state, "_fields", fields) != fields:
        leaves = ", ".join(f"{n} {leaf}" for n, leaf in zip(fields, layout.leaves, strict=True))
        raise CellError(
            f"expected a state {layout.kind.__name__} of {leaves}, as "
            f"initial_state({layout.given[0]}) gives, not {_named(state)}"
        )
    return layout.kind(*state)


def _autocast_takes(x: Tensor, parameter: Tensor) -> bool:
    """Whether autocast brings the input and the parameters into one dtype."""
    device, narrow = x.device.type, (torch.float32, torch.bfloat16, torch.float16)
    return (
        x.dtype in narrow
        and parameter.dtype in narrow
        and torch.amp.is_autocast_available(device)
        and torch.is_autocast_enabled(device)
    )


def _named(given: Any) -> str:
    """What was given, in a few words."""
    if isinstance(given, Tensor):
        return f"a tensor {Leaf(given.shape, given.dtype, given.device)}"
    if hasattr(given, "_fields"):
        return f"a {type(given).__name__} of {', '.join(given._fields)}"
    size = f" of {len(given)}" if isinstance(given, tuple | list) else ""
    return f"a {type(given).__name__}{size}"
