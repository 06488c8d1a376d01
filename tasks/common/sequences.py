"""Sequences of different lengths: how they are kept, packed and put into tight batches."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_sequence

from recurbench.tasks.base import Batch, Batches, generator

POOL = 16
"""Batches that are sorted by length together: more are tighter, fewer mix lengths better."""


class Sequences(NamedTuple):
    """Sequences with targets, a row each; whatever stands after a row's end is never read.

    Legend: S sequences, T longest length, F features.

    Attributes:
        inputs: token ids `(S, T)` or features `(S, T, F)`.
        lengths: `(S,)`.
        targets: one per sequence `(S,)`, or, with `per_step`, `(S, T, ...)`.
        per_step: whether there is a target per step.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    per_step: bool = False

    @classmethod
    def of(cls, inputs: Sequence[Tensor], targets: Sequence[Tensor] | Tensor) -> "Sequences":
        """From inputs `(T, ...)` of each, and targets: `(T, ...)` of each, or `(S,)` of all."""
        lengths = torch.tensor([len(row) for row in inputs])
        padded = pad_sequence(list(inputs), batch_first=True)
        if isinstance(targets, Tensor):
            return cls(padded, lengths, targets)
        return cls(padded, lengths, pad_sequence(list(targets), batch_first=True), per_step=True)

    def take(self, rows: Tensor) -> "Sequences":
        """The sequences at row numbers, in their order."""
        return Sequences(self.inputs[rows], self.lengths[rows], self.targets[rows], self.per_step)

    def pack(self) -> Batch:
        """One batch; the order of the rows is kept in the packed sequences' indices."""
        inputs = pack(self.inputs, self.lengths)
        return Batch(inputs, pack(self.targets, self.lengths) if self.per_step else self.targets)

    def by_length(self, batch_size: int) -> Batches:
        """All sequences once, in batches from short to long."""
        parts = self.lengths.argsort(stable=True).split(batch_size)
        return Batches(lambda position: self.take(parts[position]).pack(), len(parts))

    def epochs(self, batch_size: int, *key: str | int) -> Batches:
        """All sequences again and again, in tight batches whose order a key decides.

        One batch of an epoch may be smaller than the others.
        """

        @lru_cache(maxsize=1)
        def order(epoch: int) -> list[Tensor]:
            return bucket(self.lengths, batch_size, generator(*key, epoch))

        per_epoch = len(order(0))

        def make(position: int) -> Batch:
            epoch, index = divmod(position, per_epoch)
            return self.take(order(epoch)[index]).pack()

        return Batches(make, epoch=per_epoch)


def as_rows(ids: Sequence[Sequence[int]]) -> list[Tensor]:
    """Token ids of different lengths as tensors, made at once because one by one is slow."""
    flat = torch.tensor([number for row in ids for number in row], dtype=torch.long)
    return list(flat.split([len(row) for row in ids]))


def pack(rows: Tensor, lengths: Tensor) -> PackedSequence:
    """Packs rows `(B, T, ...)`, of which the first `lengths` steps count, in any order."""
    return pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)


def bucket(lengths: Tensor, batch_size: int, source: torch.Generator) -> list[Tensor]:
    """Row numbers of batches whose lengths are nearly equal, in random order.

    Random pools of `POOL` batches are sorted by length and cut, and all batches are shuffled. Every
    row is in one batch; one batch may be smaller than the others.
    """
    batches: list[Tensor] = []
    for pool in torch.randperm(len(lengths), generator=source).split(POOL * batch_size):
        batches += pool[lengths[pool].argsort(stable=True)].split(batch_size)
    return [batches[i] for i in torch.randperm(len(batches), generator=source).tolist()]
