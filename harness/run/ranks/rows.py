"""Parts of a batch, and of the states between two batches, by their rows.

Legend: B batch, T time.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurbench.tasks.base import Batch

Steps = Tensor | PackedSequence

States = list[list[list[Tensor]]]
"""The tensors `(B, ...)` of each state, by layer and direction."""


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """Neighbouring rows together; the parts differ by a row at most, and the last may be empty."""
    inputs, targets = _split(batch.inputs, parts), _split(batch.targets, parts)
    return [Batch(*part, batch.fresh) for part in zip(inputs, targets, strict=True)]


def split_states(states: States, parts: int) -> list[States]:
    """The states of the rows that `split_batch` puts into each part."""
    leaves = [[[leaf.tensor_split(parts) for leaf in state] for state in layer] for layer in states]
    return [
        [[[split[part] for split in state] for state in layer] for layer in leaves]
        for part in range(parts)
    ]


def join_states(parts: Sequence[States]) -> States:
    """The states of all rows from those of each part."""
    return [
        [
            [torch.cat(leaves) for leaves in zip(*state, strict=True)]
            for state in zip(*layer, strict=True)
        ]
        for layer in zip(*parts, strict=True)
    ]


def rows_of(steps: Steps) -> int:
    """B, dense or packed."""
    return int(steps.batch_sizes[0]) if isinstance(steps, PackedSequence) else len(steps)


def _split(steps: Steps, parts: int) -> list[Steps]:
    if isinstance(steps, Tensor):
        return list(steps.tensor_split(parts))
    padded, lengths = pad_packed_sequence(steps, batch_first=True)
    pairs = zip(padded.tensor_split(parts), lengths.tensor_split(parts), strict=True)
    return [
        pack_padded_sequence(rows, own, batch_first=True, enforce_sorted=False)
        if len(rows)
        else rows
        for rows, own in pairs
    ]
