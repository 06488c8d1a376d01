"""The eigenvalues of the state's Jacobian dh_t/dh_{t-1} along a driven trajectory.

Legend: n numbers in the floating-point part of a state.
"""

from typing import Any

import msgspec
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spread import Spread, spread_of
from recurbench.harness.probe.states import (
    LARGEST,
    advance,
    flatten,
    rows_of,
    state_numbers,
    unflatten,
)

SMALL = 256
"""Up to so many numbers all points are used; beyond, as many as take about as long."""

KEPT = 256
"""Moduli that are kept."""


class Spectrum(msgspec.Struct, kw_only=True):
    """The moduli of the eigenvalues, averaged over points after sorting.

    Attributes:
        points: how many Jacobians there were.
        radius: the largest modulus, over points.
        moduli: the largest first.
        timescales: of each averaged modulus, -1 / ln |λ| in steps, quartiles; those of 1 and above
            are without end, those of 0 last no step.
        too_large: whether the state has too many numbers; there are no moduli then.
    """

    points: int = 0
    radius: Spread | None = None
    moduli: list[float] = []
    timescales: Spread | None = None
    too_large: bool = False


def measure_spectrum(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> Spectrum:
    """The spectrum of a cell in float64; empty for a cell without a state."""
    n = state_numbers(cell)
    if n == 0 or n > LARGEST:
        return Spectrum(too_large=n > LARGEST)
    points = settings.points if n <= SMALL else max(1, int(settings.points * (SMALL / n) ** 3))
    state = advance(cell, drive.vectors(points, settings.warm_up), cell.initial_state(points))
    inputs = drive.vectors(points, 1)
    found = torch.stack(
        [
            torch.linalg.eigvals(jacobian(cell, inputs[[point], 0], rows_of(state, [point]))).abs()
            for point in range(points)
        ]
    )
    moduli = found.sort(dim=1, descending=True).values.mean(0)
    return Spectrum(
        points=points,
        radius=spread_of(found.amax(1)),
        moduli=moduli[:KEPT].tolist(),
        timescales=spread_of(_timescales(moduli)),
    )


def jacobian(cell: RecurrentCell[Any], x: Tensor, state: Any) -> Tensor:
    """The Jacobian `(n, n)` of one step, rows for what comes out, at `x` `(1, I)` and a state.

    Every number of the next state has a row of the batch of its own, so that one pass backwards
    gives all gradients.
    """
    n = flatten(state).shape[1]
    rows = torch.zeros(n, dtype=torch.long)
    flat = flatten(state)[rows].requires_grad_()
    _, after = cell.step(x[rows], unflatten(flat, rows_of(state, rows)))
    chosen = flatten(after).diagonal().sum()
    if not chosen.requires_grad:
        return torch.zeros(n, n, dtype=flat.dtype)
    (gradient,) = torch.autograd.grad(chosen, flat, allow_unused=True)
    return torch.zeros_like(flat) if gradient is None else gradient


def _timescales(moduli: Tensor) -> Tensor:
    decay = -moduli.clamp(max=1).log()
    return torch.where(decay > 0, 1 / decay, torch.inf)
