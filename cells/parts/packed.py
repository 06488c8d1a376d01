"""Where the steps of a packed batch lie: the last of each row, and the one before each.

Legend: B batch, N valid steps of a packed batch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Index = slice | Tensor


def previous_steps(batch_sizes: Sequence[int], device: torch.device) -> Index:
    """The position before each one that is not the first of its row, `(N - B,)`."""
    rows = batch_sizes[0]
    if rows == batch_sizes[-1]:
        return slice(-rows)
    sizes = torch.tensor(batch_sizes, device="cpu")
    distance = sizes[:-1].repeat_interleave(sizes[1:])
    return (torch.arange(rows, rows + len(distance), device="cpu") - distance).to(device)


def last_steps(batch_sizes: Sequence[int], device: torch.device) -> Tensor:
    """The position of each row's last step, `(B,)`."""
    sizes = torch.tensor(batch_sizes, device="cpu")
    rows = torch.arange(batch_sizes[0], device="cpu")
    lengths = (sizes > rows.unsqueeze(1)).sum(1)
    return ((sizes.cumsum(0) - sizes)[lengths - 1] + rows).to(device)
