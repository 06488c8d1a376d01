"""The batches of a shape, the same ones for every cell.

Legend: B batch, T time, I input size, N valid steps of a packed batch.
"""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from recurbench.harness.model.streams import seeded
from recurbench.harness.speed.grid import Shape

Sequences = Tensor | PackedSequence


def make_batch(shape: Shape, device: torch.device) -> Sequences:
    """Normal numbers `(B, T, I)`, or packed rows with lengths drawn evenly from their range."""
    with seeded(0, "speed"):
        if shape.steps.shortest is None:
            return torch.randn(shape.B, shape.steps.longest, shape.I).to(device)
        lengths = torch.randint(shape.steps.shortest, shape.steps.longest + 1, (shape.B,))
        x = torch.randn(shape.B, int(lengths.max()), shape.I)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return packed.to(device=device)  # type: ignore[call-arg]


def rows_of(x: Sequences) -> list[int]:
    """The number of rows at each step."""
    if isinstance(x, Tensor):
        return [len(x)] * x.shape[1]
    found: list[int] = x.batch_sizes.tolist()
    return found


def exact(x: Sequences) -> tuple[Sequences, Tensor]:
    """The batch in double precision, and the tensor in it that a gradient is taken of."""
    if isinstance(x, Tensor):
        leaf = x.detach().double().requires_grad_()
        return leaf, leaf
    leaf = x.data.detach().double().requires_grad_()
    return PackedSequence(leaf, x.batch_sizes, x.sorted_indices, x.unsorted_indices), leaf


def values(y: Sequences) -> Tensor:
    """The numbers of dense or packed outputs."""
    return y if isinstance(y, Tensor) else y.data
