"""One long sequence as parallel streams, read on from batch to batch (truncated BPTT)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from recurbench.tasks.base import IGNORE_INDEX, Batch, Batches, generator

EVAL_LENGTH = 128
"""Steps of an evaluation batch; the state is carried over, so scores do not depend on it."""


def training_streams(ids: Tensor, rows: int, length: int, *key: str | int) -> Batches:
    """Next-symbol batches `(rows, length)` without end, each reading on where the last one stopped.

    The sequence is taken as a ring, which a pass cuts into streams of equal length; each pass
    begins at another place, drawn from `key` and the number of the pass, and without a state.

    Args:
        ids: the sequence `(n,)`, longer than `rows * length`.
        rows: streams.
        length: steps of a batch.
        key: what the random places depend on.
    """
    steps = len(ids) // (rows * length)
    offsets = torch.arange(rows)[:, None] * steps * length + torch.arange(length + 1)

    def make(position: int) -> Batch:
        epoch, step = divmod(position, steps)
        start = int(torch.randint(len(ids), (), generator=generator(*key, epoch)))
        chunk = ids[(start + step * length + offsets) % len(ids)]
        return Batch(chunk[:, :-1], chunk[:, 1:], fresh=step == 0)

    return Batches(make, epoch=steps)


def evaluation_streams(ids: Tensor, rows: int) -> Batches:
    """Next-symbol batches with every transition of a sequence `(n,)` once, in `rows` streams."""
    padding = -(len(ids) - 1) % rows
    inputs = F.pad(ids[:-1], (0, padding)).view(rows, -1).split(EVAL_LENGTH, 1)
    targets = F.pad(ids[1:], (0, padding), value=IGNORE_INDEX).view(rows, -1).split(EVAL_LENGTH, 1)
    return Batches(lambda i: Batch(inputs[i], targets[i], fresh=i == 0), len(inputs))
