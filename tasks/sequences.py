"""Sequences of different lengths: how they are kept, packed and put into tight batches."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from tasks.base import Batch, Batches

POOL = 16
"""Batches that are sorted by length together: more are tighter, fewer mix lengths better."""


class Sequences(NamedTuple):
    """Classified sequences, a row each; whatever stands after a row's end is never read.

    Legend: S sequences, T longest length, F features.

    Attributes:
        inputs: token ids `(S, T)` or features `(S, T, F)`.
        lengths: `(S,)`.
        targets: classes `(S,)`.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor

    def take(self, rows: Tensor) -> "Sequences":
        """The sequences at row numbers, in their order."""
        return Sequences(self.inputs[rows], self.lengths[rows], self.targets[rows])

    def pack(self) -> Batch:
        """One batch; the order of the rows is kept in the packed inputs' indices."""
        packed = pack_padded_sequence(
            self.inputs, self.lengths, batch_first=True, enforce_sorted=False
        )
        return Batch(packed, self.targets)

    def by_length(self, batch_size: int) -> Batches:
        """All sequences once, in batches from short to long."""
        parts = self.lengths.argsort(stable=True).split(batch_size)
        return Batches(lambda position: self.take(parts[position]).pack(), len(parts))


def bucket(lengths: Tensor, batch_size: int, source: torch.Generator) -> list[Tensor]:
    """Row numbers of batches whose lengths are nearly equal, in random order.

    Random pools of `POOL` batches are sorted by length and cut, and all batches are shuffled. Every
    row is in one batch; one batch may be smaller than the others.
    """
    batches: list[Tensor] = []
    for pool in torch.randperm(len(lengths), generator=source).split(POOL * batch_size):
        batches += pool[lengths[pool].argsort(stable=True)].split(batch_size)
    return [batches[i] for i in torch.randperm(len(batches), generator=source).tolist()]
