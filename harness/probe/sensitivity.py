"""How much an output changes with a little noise in the inputs or in the weights."""

from copy import deepcopy
from typing import Any

import msgspec
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.states import outputs_of


class Sensitivity(msgspec.Struct, kw_only=True):
    """The relative change of the outputs over the relative size of the noise.

    Both are root mean squares. 1 means that the output is as noisy as what disturbs it. None stands
    for outputs that are all 0.

    Attributes:
        inputs: of noise at every step.
        weights: of noise in all parameters, in proportion to the root mean square of each tensor.
    """

    inputs: float | None
    weights: float | None


def measure_sensitivity(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> Sensitivity:
    """The sensitivity of a cell in float64, over steps after the warm-up."""
    B, T = settings.sequences, 2 * settings.warm_up
    x = drive.vectors(B, T)
    usual = _settled(cell, x, settings)
    size = usual.square().mean().sqrt().item()
    if size == 0:
        return Sensitivity(inputs=None, weights=None)
    noisy = x + settings.noise * _root(x) * drive.normal(*x.shape)
    changes = []
    for _ in range(settings.draws):
        other = deepcopy(cell)
        with torch.no_grad():
            for parameter in other.parameters():
                noise = drive.normal(*parameter.shape)
                parameter.add_(settings.noise * _root(parameter) * noise)
        changes.append(_root(_settled(other, x, settings) - usual).item())
    share = settings.noise * size
    return Sensitivity(
        inputs=_root(_settled(cell, noisy, settings) - usual).item() / share,
        weights=sum(changes) / len(changes) / share,
    )


def _settled(cell: RecurrentCell[Any], x: Tensor, settings: Settings) -> Tensor:
    return outputs_of(cell, x, cell.initial_state(len(x)))[:, settings.warm_up :]


def _root(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()
