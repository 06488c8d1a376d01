"""A driven cell's outputs, one by one: how long each remembers, how near each is to a bound.

Legend: B sequences, T time, O output size, K lags.
"""

import math
from typing import Any

import msgspec
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.reach import crossing
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spread import Spread, spread_of
from recurbench.harness.probe.states import advance, outputs_of

NEAR = 0.9
"""From this share of its bound on, an output counts as saturated."""


class Units(msgspec.Struct, kw_only=True):
    """The output's numbers along a driven trajectory.

    Attributes:
        autocorrelation: the mean over units at lags from 0 to K.
        timescales: lags at which a unit's autocorrelation falls to 1 / e, quartiles over units;
            None is beyond K.
        silent: the share of units that never change.
        largest: the largest magnitude of an output.
        saturated: the share of outputs above 0.9 in magnitude; None if any was above 1, because no
            bound is known then.
    """

    autocorrelation: list[float]
    timescales: Spread | None
    silent: float
    largest: float
    saturated: float | None


def measure_units(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> Units:
    """The behaviour of a cell's outputs in float64."""
    B = settings.sequences
    state = advance(cell, drive.vectors(B, settings.warm_up), cell.initial_state(B))
    y = outputs_of(cell, drive.vectors(B, settings.track), state)
    size = y.abs()
    largest = size.max().item()
    centred = y - y.mean((0, 1))
    moving = centred.square().mean((0, 1)) > (1e-10 * largest) ** 2
    curves = _autocorrelation(centred[..., moving], min(settings.lags, settings.track - 1))
    scales = [crossing(curve, 1 / math.e) for curve in curves.T.tolist()]
    known = torch.tensor(
        [math.inf if scale is None else scale for scale in scales], dtype=torch.float64
    )
    return Units(
        autocorrelation=curves.mean(1).tolist() if scales else [],
        timescales=spread_of(known) if scales else None,
        silent=1 - moving.double().mean().item(),
        largest=largest,
        saturated=(size > NEAR).double().mean().item() if largest <= 1 else None,
    )


def _autocorrelation(centred: Tensor, lags: int) -> Tensor:
    """Of each unit, `(K + 1, O)`, over all pairs of steps of a sequence that are so far apart."""
    T = centred.shape[1]
    found = [(centred[:, : T - lag] * centred[:, lag:]).mean((0, 1)) for lag in range(lags + 1)]
    return torch.stack(found) / found[0]
