"""Index arithmetic on packed sequences: each row's first and last step, reversal, means.

Legend: B rows, T longest length, N valid steps, F features. Rows are in sorted order unless said.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


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


def reverse(x: Tensor | PackedSequence) -> Tensor | PackedSequence:
    """Each sequence from its own last step to its first; twice gives the input."""
    if isinstance(x, Tensor):
        return x.flip(1)
    offsets, lengths, time, row = layout(x)
    return with_data(x, x.data[offsets[lengths[row] - 1 - time] + row])


def first_steps(x: Tensor | PackedSequence) -> Tensor:
    """Each sequence's first step, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x[:, 0]
    return in_caller_order(x, x.data[: int(x.batch_sizes[0])])


def last_steps(x: Tensor | PackedSequence) -> Tensor:
    """Each sequence's own last step, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x[:, -1]
    offsets, lengths, _, _ = layout(x)
    rows = torch.arange(len(lengths), device=lengths.device)
    return in_caller_order(x, x.data[offsets[lengths - 1] + rows])


def mean_steps(x: Tensor | PackedSequence) -> Tensor:
    """Each sequence's mean over its valid steps, `(B, F)` in the caller's order."""
    if isinstance(x, Tensor):
        return x.mean(1)
    _, lengths, _, row = layout(x)
    sums = x.data.new_zeros(len(lengths), x.data.shape[-1]).index_add(0, row, x.data)
    return in_caller_order(x, sums / lengths[:, None])
