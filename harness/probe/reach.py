"""How far back the gradient of an output reaches.

Legend: B rows, T time, I input size, O output size, K lags.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.states import LARGEST, advance, rows_of, state_numbers

WIDEST = 128
"""Outputs whose gradients are taken one by one; of more, as many random sums."""

FEW = 8
"""As many random sums of the outputs are taken if the state is large."""

NUMBERS = 8_000_000
"""Of states that a graph may hold at once, rows times steps."""


class Reach(msgspec.Struct, kw_only=True):
    """The size of dy_T/dx_{T-k} over k.

    Attributes:
        norms: Frobenius norms for k from 0 to K, averaged over sequences.
        half_life: steps until half of what it is at k = 0, between steps by the logarithm; None if
            that is beyond K or the output does not depend on its own step's input.
    """

    norms: list[float]
    half_life: float | None


def measure_reach(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> Reach:
    """The reach of a cell in float64.

    An output with a row of its own has its gradient by one pass backwards, because rows of a batch
    know nothing of each other.
    """
    B, K, O = settings.sequences, settings.lags, cell.output_size
    start = advance(cell, drive.vectors(B, settings.warm_up), cell.initial_state(B))
    x = drive.vectors(B, K + 1)
    directions = torch.eye(O, dtype=torch.float64)
    widest = WIDEST if state_numbers(cell) <= LARGEST else FEW
    if widest < O:
        directions = drive.normal(widest, O) / math.sqrt(widest)
    row = torch.arange(B).repeat_interleave(len(directions))
    direction = directions.repeat(B, 1)
    at_once = max(1, NUMBERS // ((K + 1) * max(1, state_numbers(cell))))
    squares = torch.cat(
        [
            _squares(cell, x[rows], rows_of(start, rows), ways)
            for rows, ways in zip(row.split(at_once), direction.split(at_once), strict=True)
        ]
    )
    norms = squares.unflatten(0, (B, -1)).sum(1).sqrt().mean(0)
    found = norms.tolist()
    return Reach(norms=found, half_life=crossing(found, 0.5))


def _squares(cell: RecurrentCell[Any], x: Tensor, state: Any, directions: Tensor) -> Tensor:
    """The squared norm of the gradient of each row's last output, `(B, K + 1)`, k = 0 first."""
    x = x.clone().requires_grad_()
    for step in x.unbind(1):
        y, state = cell.step(step, state)
    chosen = (y * directions).sum()
    if not chosen.requires_grad:
        return torch.zeros(x.shape[:2], dtype=x.dtype)
    (gradient,) = torch.autograd.grad(chosen, x)
    return gradient.square().sum(2).flip(1)


def crossing(curve: Sequence[float], share: float) -> float | None:
    """Where a curve first falls to a share of its first value; exact for one that decays by a^k.

    Returns:
        A place between two indices, or None if it does not fall so far or begins at 0.
    """
    first = curve[0]
    if not first > 0:
        return None
    goal = share * first
    for k in range(1, len(curve)):
        before, after = curve[k - 1], curve[k]
        if after <= goal:
            if after > 0:
                part = math.log(before / goal) / math.log(before / after)
            else:
                part = (before - goal) / (before - after)
            return k - 1 + part
    return None
