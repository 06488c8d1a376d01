"""Sequences of one length: how they are kept and put into dense batches."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from recurbench.tasks.base import Batch, Batches, generator


class Rows(NamedTuple):
    """Sequences of one length with a target each; `Sequences` is for different lengths.

    Attributes:
        inputs: token ids `(S, T)` or features `(S, T, F)`.
        targets: `(S,)`, or `(S, T, F)`.
        zero: `(S, 1, F)`, what is subtracted from both; None subtracts nothing.
    """

    inputs: Tensor
    targets: Tensor
    zero: Tensor | None = None

    def take(self, rows: Tensor | slice) -> Batch:
        """One batch of the sequences at row numbers, in their order."""
        inputs, targets = self.inputs[rows], self.targets[rows]
        if self.zero is None:
            return Batch(inputs, targets)
        return Batch(inputs - self.zero[rows], targets - self.zero[rows])

    def spread(self, count: int) -> tuple[Batch, Tensor | float]:
        """Some sequences from all over, and what is subtracted from them."""
        last = len(self.targets) - 1
        chosen = torch.linspace(0, last, min(count, last + 1)).long()
        return self.take(chosen), 0.0 if self.zero is None else self.zero[chosen]

    def once(self, batch_size: int) -> Batches:
        """All sequences once, in order."""
        return Batches(
            lambda position: self.take(slice(position * batch_size, (position + 1) * batch_size)),
            -(-len(self.targets) // batch_size),
        )

    def epochs(self, batch_size: int, *key: str | int) -> Batches:
        """All sequences again and again, in an order that a key decides.

        The last batch of an epoch may be smaller than the others.
        """
        count = len(self.targets)
        per_epoch = -(-count // batch_size)

        @lru_cache(maxsize=1)
        def order(epoch: int) -> list[Tensor]:
            rows = torch.randperm(count, generator=generator(*key, epoch))
            return list(rows.split(batch_size))

        def make(position: int) -> Batch:
            epoch, index = divmod(position, per_epoch)
            return self.take(order(epoch)[index])

        return Batches(make, epoch=per_epoch)
