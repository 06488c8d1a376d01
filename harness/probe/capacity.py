"""How many past inputs a linear read-out finds again, and how many products of them.

Legend: B sequences, T time, N positions, n features, D targets, P penalties.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.states import LARGEST, advance, outputs_of, state_numbers, track

PENALTIES = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0)
"""Ridge penalties, relative to the features' mean variance."""

CHANCE = 6.6
"""N times a share of variance exceeds this by chance once in a hundred times (χ², one freedom)."""

CONSTANT = 1e-12
"""A feature that spreads less around its mean is constant but for rounding."""


class Capacity(msgspec.Struct, kw_only=True):
    """What one set of features holds; 1 for each target that a linear read-out gives exactly.

    Attributes:
        features: n, which no sum of capacities exceeds but by chance.
        linear: the sum over delays, of the inputs themselves (Jaeger 2001).
        profile: its parts, for delays from 0.
        quadratic: the sum over Legendre polynomials of degree 2, of one input and of pairs (Dambre
            et al. 2012).
        squares: the part of it that comes from squares of single inputs.
    """

    features: int
    linear: float
    profile: list[float]
    quadratic: float
    squares: float


class Capacities(msgspec.Struct, kw_only=True):
    """Capacities of the output, which the rest of a model sees, and of the whole state.

    Attributes:
        state: None if it has too many numbers.
    """

    output: Capacity
    state: Capacity | None


class Split(NamedTuple):
    """Features `(N, n)` and targets `(N, D)` of some sequences."""

    features: Tensor
    targets: Tensor


def measure_capacity(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> Capacities:
    """The capacities of a cell in float64, driven by independent uniform numbers in a direction.

    A ridge regression is fitted to some sequences, its penalty for each target is chosen on others,
    and the capacity, 1 - error / variance, comes from a third part. A target for which no penalty
    beats the mean by more than chance has a capacity of 0. Nothing is cut off below 0, so that
    chance adds nothing to a sum of many delays: it is rather a little low.
    """
    B, T, first = settings.rows, settings.row_steps, settings.delays
    u = drive.scalars(B, first + T)
    x = drive.along(u)
    state = advance(cell, x[:, :first], cell.initial_state(B))
    fits = state_numbers(cell) <= LARGEST
    if fits:
        outputs, states = track(cell, x[:, first:], state)
    else:
        outputs = outputs_of(cell, x[:, first:], state)
    linear = _delayed(u, settings.delays, T)
    recent = linear[..., : settings.pair_delays + 1]
    pairs = [recent[..., [i]] * recent[..., i + 1 :] for i in range(recent.shape[-1] - 1)]
    square = (3 * recent**2 - 1) / 2
    targets = torch.cat([linear, square, *pairs], dim=-1)
    sizes = [linear.shape[-1], square.shape[-1]]

    def capacity_of(features: Tensor) -> Capacity:
        parts = capacities(features, targets)
        profile, squares = parts[: sizes[0]], parts[sizes[0] : sum(sizes)]
        return Capacity(
            features=features.shape[2],
            linear=max(0.0, profile.sum().item()),
            profile=profile.tolist(),
            quadratic=max(0.0, parts[sizes[0] :].sum().item()),
            squares=max(0.0, squares.sum().item()),
        )

    output = capacity_of(outputs)
    if not fits:
        return Capacities(output=output, state=None)
    same = outputs.shape == states.shape and torch.equal(outputs, states)
    return Capacities(output=output, state=output if same else capacity_of(states))


def _delayed(u: Tensor, delays: int, steps: int) -> Tensor:
    """For each of the last steps of `u` `(B, T)` the inputs of 0 to so many steps ago."""
    return u.unfold(1, delays + 1, 1).flip(-1)[:, -steps:]


def capacities(features: Tensor, targets: Tensor) -> Tensor:
    """The capacity of features `(B, T, n)` for each of the targets `(B, T, D)`, as `(D,)`."""
    if features.shape[2] == 0:
        return torch.zeros(targets.shape[2], dtype=torch.float64)
    fit, choose, score = _splits(features, targets)
    mean, spread = fit.features.mean(0), fit.features.std(0)
    constant = spread <= CONSTANT * (1 + mean.abs())
    spread = torch.where(constant, torch.inf, spread)  # which leaves zeros of them
    offset = fit.targets.mean(0)
    scaled = [(part.features - mean) / spread for part in (fit, choose, score)]
    variances, directions = torch.linalg.eigh(scaled[0].T @ scaled[0] / len(scaled[0]))
    weights = directions.T @ (scaled[0].T @ (fit.targets - offset)) / len(scaled[0])
    turned = [part @ directions for part in scaled[1:]]
    centred = [part.targets - offset for part in (choose, score)]
    scale = variances.mean().clamp(min=CONSTANT)  # 0 if all features are constant
    best = centred[0].square().sum(0) * (1 - CHANCE / len(turned[0]))  # of the mean, nearly
    error = centred[1].square().sum(0)
    for penalty in PENALTIES:
        shrunk = weights / (variances.clamp(min=0) + penalty * scale).unsqueeze(1)
        chosen = (centred[0] - turned[0] @ shrunk).square().sum(0)
        better = chosen < best
        scored = (centred[1] - turned[1] @ shrunk).square().sum(0)
        best, error = torch.where(better, chosen, best), torch.where(better, scored, error)
    return 1 - error / centred[1].square().sum(0)


def _splits(features: Tensor, targets: Tensor) -> Iterator[Split]:
    """Three fifths of the sequences, a fifth, and a fifth."""
    B = len(features)
    ends = [0, B * 3 // 5, B * 4 // 5, B]
    for begin, end in pairwise(ends):
        yield Split(features[begin:end].flatten(0, 1), targets[begin:end].flatten(0, 1))
