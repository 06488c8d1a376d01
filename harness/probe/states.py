"""A cell as a map of flat vectors: the floating-point part of its state, whatever it is made of.

Counters and other integers of a state are no memory that a gradient could go through; they are
kept beside the vector and advance by the cell's own step.

Legend: B rows, T time, I input size, O output size, n numbers in the floating-point part.
"""

from typing import Any

import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell, map_state

LARGEST = 2500
"""A state of more numbers has matrices of which eigenvalues take too long."""


def flatten(state: Any) -> Tensor:
    """The floating-point part of a state, `(B, n)`; a complex number is two."""
    rows = len(state[0])
    leaves = [_real(leaf).reshape(rows, -1) for leaf in state if _counts(leaf)]
    return torch.cat(leaves, dim=1) if leaves else torch.zeros(rows, 0, dtype=torch.float64)


def state_numbers(cell: RecurrentCell[Any]) -> int:
    """n, of one row."""
    return flatten(cell.initial_state(1)).shape[1]


def unflatten(flat: Tensor, like: Any) -> Any:
    """The state whose floating-point part is `flat` and whose integers are those of `like`."""
    leaves, begin = [], 0
    for leaf in like:
        if not _counts(leaf):
            leaves.append(leaf)
            continue
        shape = _real(leaf).shape
        end = begin + shape[1:].numel()
        part = flat[:, begin:end].reshape(len(flat), *shape[1:])
        leaves.append(torch.view_as_complex(part) if leaf.is_complex() else part)
        begin = end
    return type(like)(*leaves)


def rows_of(state: Any, rows: Tensor | list[int]) -> Any:
    """The rows of a state that have these numbers, each as often as it is named."""
    return map_state(lambda leaf: leaf[rows], state)


def advance(cell: RecurrentCell[Any], x: Tensor, state: Any) -> Any:
    """The state after inputs `(B, T, I)`; no gradient is kept."""
    with torch.no_grad():
        for step in x.unbind(1):
            _, state = cell.step(step, state)
    return state


def track(cell: RecurrentCell[Any], x: Tensor, state: Any) -> tuple[Tensor, Tensor]:
    """Outputs `(B, T, O)` and flat states `(B, T, n)` along inputs `(B, T, I)`; no gradients."""
    outputs, states = [], []
    with torch.no_grad():
        for step in x.unbind(1):
            y, state = cell.step(step, state)
            outputs.append(y)
            states.append(flatten(state))
    return torch.stack(outputs, dim=1), torch.stack(states, dim=1)


def outputs_of(cell: RecurrentCell[Any], x: Tensor, state: Any) -> Tensor:
    """Outputs `(B, T, O)` along inputs `(B, T, I)`; no gradients."""
    outputs = []
    with torch.no_grad():
        for step in x.unbind(1):
            y, state = cell.step(step, state)
            outputs.append(y)
    return torch.stack(outputs, dim=1)


def _counts(leaf: Tensor) -> bool:
    return leaf.is_floating_point() or leaf.is_complex()


def _real(leaf: Tensor) -> Tensor:
    return torch.view_as_real(leaf) if leaf.is_complex() else leaf
