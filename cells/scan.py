"""The linear recurrence h_t = a_t * h_{t-1} + b_t, for all steps of a packed batch at once.

Legend: B batch, T time, N valid steps of a packed batch, M features of h.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

COLUMNS = 512
"""How many columns a processor scans at once, so that what lies between stays in its cache."""

Index = slice | Tensor


class Level(NamedTuple):
    """Which steps a level of the scan combines; slices of a dense batch, positions of a packed."""

    left: Index  # the even steps that have a right neighbour in their row
    right: Index  # the odd steps
    rest: Index  # the even steps after the first
    before: Index  # of each of those, the odd step before it, among all odd steps


class Order(NamedTuple):
    """How the steps of a batch follow each other."""

    levels: list[Level]
    first: int  # how many positions are the first of their row
    before: Index  # of all others, the position before
    after: Tensor  # of all positions, the one after; anything where there is none
    reverse: Tensor  # each row from its end


def linear_scan(a: Tensor, b: Tensor, batch_sizes: Sequence[int], start: Tensor) -> Tensor:
    """All states of h_t = a_t * h_{t-1} + b_t, real or complex.

    Neighbouring steps are combined into one, `(a₂ a₁, a₂ b₁ + b₂)`, the sequence of half the length
    is scanned, and the steps between are filled in: O(T) work in O(log T) stages (Blelloch 1990,
    "Prefix sums and their applications"). Nothing is divided and no logarithm is taken, so decays
    may be as near to 0 or 1 as their dtype has them, and signs are free. No padded step is computed
    and no row sees another.

    Args:
        a: decays `(N, M)`, step after step, rows sorted by decreasing length.
        b: inputs `(N, M)`.
        batch_sizes: the number of rows still running at each step, never increasing.
        start: the state before the first step, `(B, M)`.

    Returns:
        The states `(N, M)`.
    """
    rows = batch_sizes[0]
    b = torch.cat((torch.addcmul(b[:rows], a[:rows], start), b[rows:]))
    if batch_sizes[-1] == rows:
        steps = len(batch_sizes)
        a, b = (x.reshape(steps, -1) for x in (a, b))  # (T, B * M)
        return _scan(a, b, _dense_order(steps, b.device)).reshape(steps * rows, -1)
    return _scan(a, b, _packed_order(torch.tensor(batch_sizes, device=b.device)))


def last_steps(batch_sizes: Sequence[int], device: torch.device) -> Tensor:
    """The position of each row's last step, `(B,)`."""
    sizes = torch.tensor(batch_sizes, device=device)
    rows = torch.arange(batch_sizes[0], device=device)
    lengths = (sizes > rows.unsqueeze(1)).sum(1)
    return _begins(sizes)[lengths - 1] + rows


def _scan(a: Tensor, b: Tensor, order: Order) -> Tensor:
    h: Tensor = _Scan.apply(a, b, order)
    return h


class _Scan(torch.autograd.Function):
    """The scan; its gradient is a scan too, from the end of each row to its beginning."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, order: Order) -> Tensor:
        width = COLUMNS if b.device.type == "cpu" else b.shape[1]
        parts = zip(a.split(width, 1), b.split(width, 1), strict=True)
        h = torch.cat([_combine(a_, b_, order.levels) for a_, b_ in parts], 1)
        ctx.save_for_backward(a, h)
        ctx.order = order
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor, Tensor, None]:
        a, h = ctx.saved_tensors
        first, before, after, reverse = ctx.order[1:]
        db = _scan(a[after[reverse]].conj(), dh[reverse], ctx.order)[reverse]
        da = torch.cat((torch.zeros_like(db[:first]), db[first:] * h[before].conj()))
        return da, db, None


def _combine(a: Tensor, b: Tensor, levels: list[Level]) -> Tensor:
    """The states `(N, M)` from a state of zero."""
    if not levels:
        return b
    (left, right, rest, before), *deeper = levels
    decay = a[right]
    odd = _combine(decay * a[left], torch.addcmul(b[right], decay, b[left]), deeper)
    h = b.clone()
    h[right] = odd
    h[rest] = torch.addcmul(b[rest], a[rest], odd[before])
    return h


def _dense_order(steps: int, device: torch.device) -> Order:
    levels = []
    length = steps
    while length > 1:
        before = slice((length - 1) // 2)
        levels.append(Level(slice(0, length - 1, 2), slice(1, None, 2), slice(2, None, 2), before))
        length //= 2
    time = torch.arange(steps, device=device)
    return Order(levels, 1, slice(steps - 1), (time + 1) % steps, time.flip(0))


def _packed_order(sizes: Tensor) -> Order:
    begins = _begins(sizes)
    time, row = _places(sizes)
    rows = int(sizes[0])
    lengths = (sizes > torch.arange(rows, device=sizes.device).unsqueeze(1)).sum(1)
    before = begins[time[rows:] - 1] + row[rows:]
    after = begins[(time + 1) % lengths[row]] + row
    reverse = begins[lengths[row] - 1 - time] + row
    levels = []
    while len(sizes) > 1:
        begins, (time, row) = _begins(sizes), _places(sizes)
        (right,) = (time % 2 == 1).nonzero(as_tuple=True)
        (rest,) = ((time % 2 == 0) & (time > 0)).nonzero(as_tuple=True)
        left = begins[time[right] - 1] + row[right]
        sizes = sizes[1::2]
        levels.append(Level(left, right, rest, _begins(sizes)[time[rest] // 2 - 1] + row[rest]))
    return Order(levels, rows, before, after, reverse)


def _begins(sizes: Tensor) -> Tensor:
    """Where each step begins, `(T,)`."""
    return sizes.cumsum(0) - sizes


def _places(sizes: Tensor) -> tuple[Tensor, Tensor]:
    """The step and the row of every position, `(N,)` each."""
    steps = torch.arange(len(sizes), device=sizes.device)
    time = torch.repeat_interleave(steps, sizes)
    return time, torch.arange(len(time), device=sizes.device) - _begins(sizes)[time]
