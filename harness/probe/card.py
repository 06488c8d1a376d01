"""The card of a cell: all measures of it at one set of weights."""

from copy import deepcopy
from typing import Any

import msgspec
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.errors import UserError
from recurbench.harness.model.streams import set_seed
from recurbench.harness.probe.capacity import Capacities, measure_capacity
from recurbench.harness.probe.cost import Cost, MakeCell, measure_cost
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.lyapunov import Lyapunov, measure_lyapunov
from recurbench.harness.probe.reach import Reach, measure_reach
from recurbench.harness.probe.sensitivity import Sensitivity, measure_sensitivity
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spectrum import Spectrum, measure_spectrum
from recurbench.harness.probe.states import advance, flatten
from recurbench.harness.probe.units import Units, measure_units

EXPLODED = 1e60
"""Squares of larger numbers, and products of these, would soon be beyond float64."""


class Card(msgspec.Struct, kw_only=True):
    """What was measured of a cell; each part says what its numbers mean."""

    reach: Reach
    spectrum: Spectrum
    lyapunov: Lyapunov
    capacity: Capacities
    units: Units
    sensitivity: Sensitivity
    cost: Cost


def probe(
    cell: RecurrentCell[Any],
    make: MakeCell,
    settings: Settings | None = None,
    pool: Tensor | None = None,
) -> Card:
    """Measures a cell, which stays as it is.

    All but the cost is computed in float64 by the cell's `step`. Each measure has inputs of its
    own, which do not depend on what else is measured.

    Args:
        cell: in float32, on a CPU.
        make: gives a cell of the same knobs at a hidden size.
        settings: how much is measured.
        pool: `(N, I)`, the inputs that the cell has in a trained model; see `Drive`.

    Raises:
        UserError: driven by such inputs, the state of the cell grows beyond all bounds.
    """
    settings = settings or Settings()
    wide = deepcopy(cell).double().eval().requires_grad_(False)

    def drive() -> Drive:
        return Drive(cell.input_size, settings.seed, pool)

    _require_bounded(wide, drive(), settings)
    with torch.random.fork_rng(devices=[]):
        set_seed(settings.seed)
        return Card(
            reach=measure_reach(wide, drive(), settings),
            spectrum=measure_spectrum(wide, drive(), settings),
            lyapunov=measure_lyapunov(wide, drive(), settings),
            capacity=measure_capacity(wide, drive(), settings),
            units=measure_units(wide, drive(), settings),
            sensitivity=measure_sensitivity(wide, drive(), settings),
            cost=measure_cost(cell, make, settings),
        )


def _require_bounded(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> None:
    """Refuses a cell whose state explodes within the longest sequence of a measure."""
    longest = max(
        settings.warm_up + settings.track,
        2 * settings.warm_up + settings.exponent_steps,
        settings.delays + settings.row_steps,
    )
    state = flatten(advance(cell, drive.vectors(1, longest), cell.initial_state(1)))
    if not (state.abs() < EXPLODED).all():  # nor NaN
        raise UserError(
            f"cell={cell.name}: its state grows beyond {EXPLODED:g} within {longest} steps, so "
            "that there is nothing to measure; start from smaller weights"
        )
