"""Index arithmetic on packed sequences: each row's first and last step, reversal, sums, softmax.

Legend: B rows, T longest length, N valid steps, F features. Rows are in sorted order unless said.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

Sequences = Tensor | PackedSequence


class Layout(NamedTuple):
    """Where the steps of a packed batch lie in its data."""

    offsets: Tensor  # (T,) where each step begins
    lengths: Tensor  # (B,) of each row
    time: Tensor  # (N,) step of each position
    row: Tensor  # (N,) row of each position


def layout(packed: PackedSequence) -> Layout:
    """The layout of a packed batch, on the data's device."""
    sizes = packed.batch_sizes
    rows = int(sizes[0])
    offsets = sizes.cumsum(0) - sizes
    lengths = (sizes[None, :] > torch.arange(rows)[:, None]).sum(1)
    time = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    row = torch.arange(len(time)) - offsets[time]
    device = packed.data.device
    return Layout(*(part.to(device) for part in (offsets, lengths, time, row)))


def with_data(packed: PackedSequence, data: Tensor) -> PackedSequence:
    """A packed batch of the same layout with other data `(N, ...)`."""
    return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)


def in_caller_order(packed: PackedSequence, rows: Tensor) -> Tensor:
    """Rows `(B, ...)` put from sorted order into the order in which they were packed."""
    return rows if packed.unsorted_indices is None else rows[packed.unsorted_indices]


def in_sorted_order(packed: PackedSequence, rows: Tensor) -> Tensor:
    """Rows `(B, ...)` put from the order in which they were packed into sorted order."""
    return rows if packed.sorted_indices is None else rows[packed.sorted_indices]


def positionwise(function: Callable[[Tensor], Tensor], x: Sequences) -> Sequences:
    """Applies a function that treats every position alone."""
    return with_data(x, function(x.data)) if isinstance(x, PackedSequence) else function(x)


def combine(function: Callable[[Tensor, Tensor], Tensor], a: Sequences, b: Sequences) -> Sequences:
    """Applies a function to two batches of the same layout, position by position."""
    if isinstance(a, PackedSequence):
        return with_data(a, function(a.data, b.data))
    assert isinstance(b, Tensor)
    return function(a, b)


def spread(rows: Tensor, like: Sequences) -> Sequences:
    """Rows `(B, F)` in the caller's order, each at all steps of its sequence."""
    if isinstance(like, Tensor):
        return rows[:, None].expand(-1, like.shape[1], -1)
    return with_data(like, in_sorted_order(like, rows)[layout(like).row])


def reverse(x: Sequences) -> Sequences:
    """Each sequence from its own last step to its first; twice gives the input."""
    if isinstance(x, Tensor):
        return x.flip(1)
    offsets, lengths, time, row = layout(x)
    return with_data(x, x.data[offsets[lengths[row] - 1 - time] + row])


def first_steps(x: Sequences) -> Tensor:
    """Each sequence's first step, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x[:, 0]
    return in_caller_order(x, x.data[: int(x.batch_sizes[0])])


def last_steps(x: Sequences) -> Tensor:
    """Each sequence's own last step, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x[:, -1]
    offsets, lengths, _, _ = layout(x)
    rows = torch.arange(len(lengths), device=lengths.device)
    return in_caller_order(x, x.data[offsets[lengths - 1] + rows])


def sum_steps(x: Sequences) -> Tensor:
    """Each sequence's sum over its valid steps, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x.sum(1)
    _, lengths, _, row = layout(x)
    sums = x.data.new_zeros(len(lengths), x.data.shape[-1])
    return in_caller_order(x, sums.index_add(0, row, x.data))


def mean_steps(x: Sequences) -> Tensor:
    """Each sequence's mean over its valid steps, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x.mean(1)
    return sum_steps(x) / in_caller_order(x, layout(x).lengths)[:, None]


def softmax_steps(x: Sequences) -> Sequences:
    """The softmax of each sequence's valid steps, feature by feature; the layout stays."""
    if isinstance(x, Tensor):
        return x.softmax(1)
    _, lengths, _, row = layout(x)
    data = x.data.float() if x.data.dtype == torch.bfloat16 else x.data  # as autocast does
    index = row[:, None].expand_as(data)
    # The largest of a row only keeps the exponential finite; no gradient passes through it.
    highest = data.detach().new_full((len(lengths), data.shape[-1]), -torch.inf)
    highest = highest.scatter_reduce(0, index, data.detach(), "amax")
    powers = with_data(x, (data - highest[row]).exp())
    return combine(torch.div, powers, spread(sum_steps(powers), x))
