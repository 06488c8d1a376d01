"""How piano rolls become batches: frames predict the frames after them.

A piece is a roll `(frames, KEYS)` of bytes; only batches hold floats, four times as large.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_sequence

from recurbench.tasks.base import Batch, Batches
from recurbench.tasks.common.files import Splits
from recurbench.tasks.common.sequences import Sequences

EVAL_PIECES = 16
"""How many pieces an evaluation batch has: they are whole, of up to thousands of frames."""


def as_sequences(pieces: Sequence[Tensor] | Tensor) -> Sequences:
    """Each piece without its last frame; the targets are the piece without its first frame."""
    padded = pad_sequence(list(pieces), batch_first=True)
    lengths = torch.tensor([len(piece) - 1 for piece in pieces])
    return Sequences(padded[:, :-1], lengths, padded[:, 1:], per_step=True)


def as_batch(pieces: Sequence[Tensor] | Tensor) -> Batch:
    """One packed batch of pieces."""
    return _as_floats(as_sequences(pieces).pack())


def training(sequences: Sequences, batch_size: int, *key: str | int) -> Batches:
    """Epoch after epoch, in an order that a key decides."""
    batches = sequences.epochs(batch_size, *key)
    return Batches(lambda position: _as_floats(batches.make(position)), epoch=batches.epoch)


def evaluation(sequences: Sequences) -> Batches:
    """All sequences once, from short to long."""
    batches = sequences.by_length(EVAL_PIECES)
    return Batches(lambda position: _as_floats(batches.make(position)), batches.count)


def windows(pieces: Sequence[Tensor], frames: int | None) -> list[Tensor]:
    """Cuts pieces so that a number of frames is predicted in each; None leaves them whole.

    A window's first frame is the last of the window before, so that each frame but a piece's first
    is predicted once.
    """
    if frames is None:
        return list(pieces)
    return [
        piece[start : start + frames + 1]
        for piece in pieces
        for start in range(0, len(piece) - 1, frames)
    ]


def apart(splits: Splits[Tensor]) -> Splits[Tensor]:
    """Drops from train what is in val or test too, and from val what is in test."""
    val, test = (
        {(len(piece), piece.numpy().tobytes()) for piece in part}
        for part in (splits.val, splits.test)
    )

    def rid(pieces: list[Tensor], of: set[tuple[int, bytes]]) -> list[Tensor]:
        return [piece for piece in pieces if (len(piece), piece.numpy().tobytes()) not in of]

    return Splits(rid(splits.train, val | test), rid(splits.val, test), splits.test)


def _as_floats(batch: Batch) -> Batch:
    inputs, targets = batch.inputs, batch.targets
    assert isinstance(inputs, PackedSequence)
    assert isinstance(targets, PackedSequence)
    return Batch(inputs.float(), targets.float())
