"""The largest Lyapunov exponents: how fast neighbouring states part along a driven trajectory.

Legend: B sequences, n numbers in a flat state, q exponents.
"""

import math
import warnings
from typing import Any

import msgspec
import torch
from torch import Tensor
from torch.autograd import forward_ad

from recurbench.cells.base import RecurrentCell, map_state
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spectrum import jacobian
from recurbench.harness.probe.states import (
    advance,
    flatten,
    rows_of,
    state_numbers,
    unflatten,
)


class Lyapunov(msgspec.Struct, kw_only=True):
    """The largest Lyapunov exponents, in nats per step.

    Attributes:
        exponents: the largest first, averaged over sequences; None stands for minus infinity: the
            state after some steps depends on nothing of the state before them.
        standard_error: of the largest, over sequences; None if it is not finite.
    """

    exponents: list[float | None]
    standard_error: float | None


def measure_lyapunov(cell: RecurrentCell[Any], drive: Drive, settings: Settings) -> Lyapunov:
    """The exponents of a cell in float64 by QR of its tangents (Benettin et al. 1980).

    The tangents turn towards the fastest directions in as many steps as the state needs to warm up,
    and are measured from there.
    """
    B, q = settings.sequences, min(settings.exponents, state_numbers(cell))
    if q == 0:
        return Lyapunov(exponents=[], standard_error=None)
    state = advance(cell, drive.vectors(B, settings.warm_up), cell.initial_state(B))
    Q, _ = torch.linalg.qr(drive.normal(B, state_numbers(cell), q))
    growth = torch.zeros(B, q, dtype=torch.float64)
    turning = settings.warm_up
    inputs = drive.vectors(B, turning + settings.exponent_steps)
    for number, x in enumerate(inputs.unbind(1)):
        tangents, state = push_forward(cell, x, state, Q)
        Q, R = torch.linalg.qr(tangents)
        if number >= turning:
            growth += R.diagonal(dim1=1, dim2=2).abs().log()
    found = growth / settings.exponent_steps
    means = found.mean(0).sort(descending=True).values.tolist()
    error = found[:, 0].std().item() / math.sqrt(B) if B > 1 else math.nan
    return Lyapunov(
        exponents=[mean if math.isfinite(mean) else None for mean in means],
        standard_error=error if math.isfinite(error) else None,
    )


def push_forward(
    cell: RecurrentCell[Any], x: Tensor, state: Any, tangents: Tensor
) -> tuple[Tensor, Any]:
    """The Jacobian of one step times tangents `(B, n, q)`, and the state after the step."""
    try:
        return _by_forward_mode(cell, x, state, tangents)
    except (NotImplementedError, RuntimeError):  # an operation of the cell knows backward mode only
        each = torch.arange(len(x)).unsqueeze(1)
        matrices = torch.stack([jacobian(cell, x[row], rows_of(state, row)) for row in each])
        return matrices @ tangents, advance(cell, x.unsqueeze(1), state)


def _by_forward_mode(
    cell: RecurrentCell[Any], x: Tensor, state: Any, tangents: Tensor
) -> tuple[Tensor, Any]:
    B, _, q = tangents.shape
    rows = torch.arange(B).repeat_interleave(q)
    like = rows_of(state, rows)
    directions = tangents.transpose(1, 2).flatten(0, 1)  # (B q, n)
    with (
        warnings.catch_warnings(action="ignore", category=DeprecationWarning),  # torch's of itself
        torch.no_grad(),
        forward_ad.dual_level(),
    ):
        flat = forward_ad.make_dual(flatten(like), directions)
        _, after = cell.step(x[rows], unflatten(flat, like))
        pushed = forward_ad.unpack_dual(flatten(after)).tangent
        after = map_state(lambda leaf: forward_ad.unpack_dual(leaf).primal, after)
    if pushed is None:  # the next state depends on nothing of the state
        pushed = torch.zeros_like(directions)
    return pushed.unflatten(0, (B, q)).transpose(1, 2), rows_of(after, torch.arange(0, B * q, q))
