"""The linear recurrence `h_t = a_t * h_{t-1} + b_t`, for all steps of a packed batch at once.

Legend: B batch, T time, N valid steps of a packed batch, M features of `h`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from recurbench.cells.parts.packed import Index, last_steps, previous_steps

WIDE = 1024
"""With this many numbers in a step, or more, a CPU is faster step after step than by halving."""

CACHED = 2**15
"""How many numbers a CPU works on at once, so that they stay in its cache."""


class Level(NamedTuple):
    """The positions that one level of the scan combines, of a sequence whose steps begin at 0."""

    left: Index  # even steps, of the rows that go on for an odd one
    right: Index  # odd steps
    rest: Index  # even steps after the first
    before: Index  # of each of those the odd step before it, counted among the odd steps alone


def linear_scan(
    a: Tensor, b: Tensor, batch_sizes: Sequence[int], start: Tensor, loops: Any | None = None
) -> tuple[Tensor, Tensor]:
    """All states of `h_t = a_t * h_{t-1} + b_t`, real or complex.

    Two neighbouring steps are combined into one, `(a₂ a₁, a₂ b₁ + b₂)`; the sequence of half the
    length is scanned; then the steps between are filled in. That is O(T) work in O(log T) stages
    (Blelloch 1990, "Prefix sums and their applications"). On a CPU, a wide step keeps the processor
    busy by itself, so wide steps are taken one by one in a plain loop.

    Nothing is divided and no logarithm is taken, so decays may be as near to 0 or 1 as their dtype
    has them, and signs are free. Sums and products run in double precision: near 1, rounding would
    otherwise add up over thousands of steps, as it does in a plain loop. No padded step is computed
    and no row sees another. Second derivatives are exact too, and taken step after step.

    Args:
        a: decays `(N, M)`, step after step, rows sorted by decreasing length.
        b: inputs `(N, M)`, in the dtype of `a`.
        batch_sizes: the number of rows still running at each step, never increasing.
        start: the state before the first step, `(B, M)`, in the dtype of `a`.
        loops: the loops in C++, which take step after step in one pass over memory.

    Returns:
        The states `(N, M)`, and each row's state after its own last step, `(B, M)`.
    """
    h, final = _Scan.apply(a, b, start, batch_sizes, loops)
    return h, final


class _Scan(torch.autograd.Function):
    """The scan. The gradient of `b` is the transposed scan; the other gradients follow from it."""

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, start: Tensor, sizes: Sequence[int], loops: Any | None
    ) -> tuple[Tensor, Tensor]:
        last = last_steps(sizes, b.device)
        wide = b.device.type == "cpu" and b.numel() >= WIDE * len(sizes)
        levels = None if wide or loops is not None else _levels(sizes, b.device)
        if loops is not None:
            h = torch.empty_like(b, memory_format=torch.contiguous_format)
            loops.scan(list(sizes), *_plain(a, b, start.to(a.dtype)), h)
        elif levels is None:
            h = _walk(a, b, start, sizes)
        else:
            h = _halve(a, b, levels, sizes, entering=a[: len(start)] * start)
        ctx.save_for_backward(a, start, h, last)
        ctx.sizes, ctx.levels, ctx.loops = sizes, levels, loops
        ctx.set_materialize_grads(False)
        return h, h[last]

    @staticmethod
    def backward(
        ctx: Any, dh: Tensor | None, dfinal: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        a, start, h, last = ctx.saved_tensors
        dh = torch.zeros_like(h) if dh is None else dh
        dh = dh if dfinal is None else dh.index_add(0, last, dfinal)
        rows = len(start)
        if torch.is_grad_enabled():  # somebody will differentiate the gradients
            db = _fold_back(a.conj(), dh, ctx.sizes)
            before = torch.cat([start, h[previous_steps(ctx.sizes, h.device)]])
            return db * before.conj(), db, a[:rows].conj() * db[:rows], None, None
        if ctx.loops is not None:
            da, db = torch.empty_like(h), torch.empty_like(h)
            ctx.loops.scan_back(list(ctx.sizes), *_plain(a, h, start.to(a.dtype), dh), da, db)
            return da, db, a[:rows].conj() * db[:rows], None, None
        if ctx.levels is None:
            db = _walk_back(a.conj(), dh, ctx.sizes)
        else:
            db = _halve(a.conj(), dh, ctx.levels, ctx.sizes)
        da = torch.empty_like(h)
        torch.mul(db[:rows], start.conj(), out=da[:rows])
        torch.mul(db[rows:], h[previous_steps(ctx.sizes, h.device)].conj(), out=da[rows:])
        return da, db, a[:rows].conj() * db[:rows], None, None


def _walk(a: Tensor, b: Tensor, start: Tensor, sizes: Sequence[int]) -> Tensor:
    """The states, step after step."""
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    last = _double(start)
    for where, part in _blocks(sizes, b.shape[1]):
        states = _double(b[where], copy=True)
        rows = len(last)
        steps = zip(part, _double(a[where]).split(part), states.split(part), strict=True)
        for running, a_t, h_t in steps:
            if running < rows:  # slicing takes about as long as the step itself
                last, rows = last[:running], running
            last = h_t.addcmul_(a_t, last)
        h[where] = states
    return h


def _walk_back(a: Tensor, dh: Tensor, sizes: Sequence[int]) -> Tensor:
    """The gradient of `b` from that of the states, from the last step to the first."""
    db = torch.empty_like(dh, memory_format=torch.contiguous_format)
    carried = None
    for where, part in reversed(list(_blocks(sizes, dh.shape[1]))):
        block = _double(dh[where], copy=True)
        steps, decays = block.split(part), _double(a[where]).split(part)
        if carried is not None:
            steps[-1][: len(carried)] += carried
        for t in range(len(part) - 1, 0, -1):
            before = steps[t - 1] if part[t - 1] == part[t] else steps[t - 1][: part[t]]
            before.addcmul_(decays[t], steps[t])
        carried = decays[0] * steps[0]
        db[where] = block
    return db


def _fold_back(a: Tensor, dh: Tensor, sizes: Sequence[int]) -> Tensor:
    """What `_walk_back` gives, by operations that can be differentiated."""
    decays, parts = _double(a).split(list(sizes)), _double(dh).split(list(sizes))
    db: list[Tensor] = []
    carried = dh[:0]
    for decay, part in zip(reversed(decays), reversed(parts), strict=True):
        running = len(carried)
        db.append(torch.cat([part[:running] + carried, part[running:]]))
        carried = decay * db[-1]
    return torch.cat(db[::-1]).to(dh.dtype)


def _blocks(sizes: Sequence[int], width: int) -> Iterator[tuple[slice, list[int]]]:
    """A few steps at a time: their positions and numbers of rows."""
    steps = max(1, CACHED // (sizes[0] * width))
    begin = 0
    for t in range(0, len(sizes), steps):
        part = list(sizes[t : t + steps])
        yield slice(begin, begin + sum(part)), part
        begin += sum(part)


def _halve(
    a: Tensor,
    b: Tensor,
    levels: Sequence[Level],
    sizes: Sequence[int],
    entering: Tensor | None = None,
) -> Tensor:
    """The states, in O(log T) stages; the transposed scan if nothing enters from the start."""
    out = torch.empty_like(b, memory_format=torch.contiguous_format)
    first, h = sizes[0], out
    if first == sizes[-1]:  # a row of all rows a step, so that steps are slices
        a, b, h = (x.reshape(len(sizes), -1) for x in (a, b, out))
        entering = None if entering is None else entering.reshape(1, -1)
        first = 1
    width = max(1, 8 * CACHED // len(b)) if b.device.type == "cpu" else b.shape[1]
    for begin in range(0, b.shape[1], width):
        columns = slice(begin, begin + width)
        part = _double(b[:, columns], copy=True)
        if entering is not None:
            part[:first] += entering[:, columns]
        combine = _combine_transposed if entering is None else _combine
        h[:, columns] = combine(_double(a[:, columns]), part, levels)
    return out


def _combine(a: Tensor, h: Tensor, levels: Sequence[Level]) -> Tensor:
    """Turns inputs `(N, M)` into states, in place."""
    if levels:
        (left, right, rest, before), *deeper = levels
        decay = a[right]
        odd = torch.addcmul(h[right], decay, h[left])
        h[right] = odd = _combine(decay * a[left], odd, deeper)
        h[rest] = torch.addcmul(h[rest], a[rest], odd[before])
    return h


def _combine_transposed(a: Tensor, h: Tensor, levels: Sequence[Level]) -> Tensor:
    """Turns gradients of states into those of inputs: each line from the last to the first."""
    if levels:
        (left, right, rest, before), *deeper = levels
        decay = a[right]
        odd = h[right].clone()
        odd[before] = torch.addcmul(odd[before], a[rest], h[rest])
        h[right] = odd = _combine_transposed(decay * a[left], odd, deeper)
        h[left] = torch.addcmul(h[left], decay, odd)
    return h


def _levels(batch_sizes: Sequence[int], device: torch.device) -> list[Level]:
    """How a sequence is halved until one step is left; slices if no row ends early."""
    levels = []
    sizes = torch.tensor(batch_sizes, device="cpu")
    dense = batch_sizes[0] == batch_sizes[-1]
    while len(sizes) > 1:
        if dense:
            last = len(sizes) - 1
            left, right, rest = slice(0, last, 2), slice(1, None, 2), slice(2, None, 2)
            levels.append(Level(left, right, rest, slice(last // 2)))
        else:
            step = torch.arange(len(sizes), device="cpu").repeat_interleave(sizes)
            odd = step % 2 == 1
            second, third = odd.nonzero().flatten(), (~odd & (step > 0)).nonzero().flatten()
            first, before = (place - sizes[step[place] - 1] for place in (second, third))
            indices = first, second, third, odd.cumsum(0)[before] - 1
            levels.append(Level(*(index.to(device) for index in indices)))
        sizes = sizes[1::2]
    return levels


def _plain(*tensors: Tensor) -> list[Tensor]:
    """As they lie in memory: rows one after another, no conjugation left to do."""
    return [tensor.contiguous().resolve_conj() for tensor in tensors]


def _double(x: Tensor, copy: bool = False) -> Tensor:
    """In double precision, real or complex."""
    return x.to(torch.promote_types(x.dtype, torch.float64), copy=copy)
