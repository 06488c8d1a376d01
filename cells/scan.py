"""The linear recurrence h_t = a_t * h_{t-1} + b_t, for all steps of a packed batch at once.

Legend: B batch, T time, N valid steps of a packed batch, M features of h.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

COLUMNS = 1024
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
    last: Tensor  # each row's last position


def linear_scan(
    a: Tensor, b: Tensor, batch_sizes: Sequence[int], start: Tensor
) -> tuple[Tensor, Tensor]:
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
        The states `(N, M)`, and each row's state after its own last step, `(B, M)`.
    """
    rows, steps = batch_sizes[0], len(batch_sizes)
    if batch_sizes[-1] < rows:
        h, final = _Scan.apply(a, b, start, _packed_order(torch.tensor(batch_sizes).to(b.device)))
        return h, final
    grids = (x.reshape(-1, rows * x.shape[1]) for x in (a, b, start))  # (T, B * M)
    h, final = _Scan.apply(*grids, _dense_order(steps, b.device))
    return h.reshape(steps * rows, -1), final.reshape(rows, -1)


class _Scan(torch.autograd.Function):
    """The scan; its gradient is a scan too, from the end of each row to its beginning.

    Columns are taken a few at a time: new memory costs more than arithmetic on it.
    """

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, start: Tensor, order: Order
    ) -> tuple[Tensor, Tensor]:
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        for columns in _parts(b):
            a_, b_ = a[:, columns], b[:, columns].clone()
            b_[: order.first].addcmul_(a_[: order.first], start[:, columns])
            h[:, columns] = _combine(a_, b_, order.levels)
        ctx.save_for_backward(a, h, start)
        ctx.order = order
        ctx.set_materialize_grads(False)
        return h, h[order.last]

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, dh: Tensor | None, dfinal: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        a, h, start = ctx.saved_tensors
        order: Order = ctx.order
        dh = torch.zeros_like(h) if dh is None else dh
        if dfinal is not None:
            dh = dh.index_add(0, order.last, dfinal)
        da, db = torch.empty_like(h), torch.empty_like(h)
        following = order.after[order.reverse]
        for columns in _parts(h):
            decay = a[:, columns][following].conj()
            db_ = _combine(decay, dh[:, columns][order.reverse], order.levels)[order.reverse]
            da_ = da[:, columns]
            da_[: order.first] = db_[: order.first] * start[:, columns].conj()
            da_[order.first :] = db_[order.first :] * h[:, columns][order.before].conj()
            db[:, columns] = db_
        return da, db, a[: order.first].conj() * db[: order.first], None


def _parts(x: Tensor) -> list[slice]:
    """The columns of `(N, M)`, as many at a time as suit the device."""
    width = COLUMNS if x.device.type == "cpu" else x.shape[1]
    return [slice(begin, begin + width) for begin in range(0, x.shape[1], width)]


def _combine(a: Tensor, b: Tensor, levels: list[Level]) -> Tensor:
    """The states `(N, M)` from a state of zero.

    Decays are multiplied in double precision: the error of a product is multiplied with every
    level, so that in single precision a memory of 4,096 steps would keep four digits.
    """
    if not levels:
        return b
    (left, right, rest, before), *deeper = levels
    a_right, narrow = a[right], b.dtype
    wide = torch.promote_types(narrow, torch.float64)
    pairs = torch.addcmul(b[right], a_right.to(narrow), b[left])
    odd = _combine(a_right.to(wide) * a[left], pairs, deeper)
    h = b.clone()
    h[right] = odd
    h[rest] = torch.addcmul(b[rest], a[rest].to(narrow), odd[before])
    return h


def _dense_order(steps: int, device: torch.device) -> Order:
    levels = []
    length = steps
    while length > 1:
        before = slice((length - 1) // 2)
        levels.append(Level(slice(0, length - 1, 2), slice(1, None, 2), slice(2, None, 2), before))
        length //= 2
    time = torch.arange(steps, device=device)
    last = time[-1:]
    return Order(levels, 1, slice(steps - 1), (time + 1) % steps, time.flip(0), last)


def _packed_order(sizes: Tensor) -> Order:
    begins = _begins(sizes)
    time, row = _places(sizes)
    rows = int(sizes[0])
    lengths = (sizes > torch.arange(rows, device=sizes.device).unsqueeze(1)).sum(1)
    before = begins[time[rows:] - 1] + row[rows:]
    after = begins[(time + 1) % lengths[row]] + row
    reverse = begins[lengths[row] - 1 - time] + row
    last = begins[lengths - 1] + torch.arange(rows, device=sizes.device)
    levels = []
    while len(sizes) > 1:
        begins, (time, row) = _begins(sizes), _places(sizes)
        (right,) = (time % 2 == 1).nonzero(as_tuple=True)
        (rest,) = ((time % 2 == 0) & (time > 0)).nonzero(as_tuple=True)
        left = begins[time[right] - 1] + row[right]
        sizes = sizes[1::2]
        levels.append(Level(left, right, rest, _begins(sizes)[time[rest] // 2 - 1] + row[rest]))
    return Order(levels, rows, before, after, reverse, last)


def _begins(sizes: Tensor) -> Tensor:
    """Where each step begins, `(T,)`."""
    return sizes.cumsum(0) - sizes


def _places(sizes: Tensor) -> tuple[Tensor, Tensor]:
    """The step and the row of every position, `(N,)` each."""
    steps = torch.arange(len(sizes), device=sizes.device)
    time = torch.repeat_interleave(steps, sizes)
    return time, torch.arange(len(time), device=sizes.device) - _begins(sizes)[time]
