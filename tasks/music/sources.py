"""Where pieces come from: drawn from chords of a key, or read from a corpus."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurbench.tasks.base import (
    Batch,
    Batches,
    Predictor,
    Task,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
)
from recurbench.tasks.common.files import Splits
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.source import Source
from recurbench.tasks.music import harmony
from recurbench.tasks.music.piano import KEYS, to_logits
from recurbench.tasks.music.rolls import (
    apart,
    as_batch,
    as_sequences,
    evaluation,
    training,
    windows,
)

LONGER = (2, 4)
"""How many times the length trained on the further test splits of drawn pieces have."""

SPEC = TaskSpec(KEYS, tokens=False, output_size=KEYS, scope="step", predicts_next=True)


class Pieces(Source):
    """Pieces, evaluated whole, from short to long.

    Attributes:
        counted: the pieces whose keys are counted for the references.
    """

    spec = SPEC
    counted: Sequence[Tensor]

    def __init__(self, task: str, splits: dict[str, Sequences]) -> None:
        self.task, self.sequences = task, splits
        self.splits = {split: evaluation(pieces) for split, pieces in splits.items()}


class Harmonies(Pieces):
    """Pieces drawn at random from chords of a key; the best possible score is known.

    Args:
        task: the task's name, from which all draws follow.
        length: frames of a training piece.
        beat: frames of a chord.
        eval_sequences: pieces in validation and in each test split.
    """

    def __init__(self, task: str, *, length: int, beat: int, eval_sequences: int) -> None:
        self.task, self.length, self.beat = task, length, beat
        longer = {f"length_{n * length}": n * length for n in LONGER}
        sizes = {"val": length, "test": length, **longer}
        splits = {
            split: as_sequences(self._draw(eval_sequences, size, split, size))
            for split, size in sizes.items()
        }
        super().__init__(task, splits)
        self.counted = list(self._draw(eval_sequences, length, "counted"))

    def training(self, batch_size: int, seed: int) -> Batches:
        """Fresh pieces without end."""

        def make(step: int) -> Batch:
            return as_batch(self._draw(batch_size, self.length, "train", seed, step))

        return Batches(make)

    def fingerprint(self) -> str:
        """A hash of the pieces of evaluation and the first training batch."""
        first = list(self.training(32, 0).make(0))
        return hash_data(first, *map(list, self.sequences.values()))

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """`optimal`: how likely the next frame really is."""

        def optimal(batch: Batch) -> Tensor:
            assert isinstance(batch.inputs, PackedSequence)
            return to_logits(harmony.next_frame(batch.inputs, self.beat))

        return {"optimal": optimal}

    def _draw(self, pieces: int, length: int, *purpose: str | int) -> Tensor:
        return harmony.draw(pieces, length, self.beat, generator(self.task, *purpose))


class Corpus(Pieces):
    """Recorded pieces in three splits; training reads windows of them.

    Args:
        task: the task's name, from which the order of training follows.
        found: the pieces of each split.
        window: frames that are predicted in a training window; None reads whole pieces.
        path: where they come from.
        notes: where to say how many pieces were dropped, because they are in a later split too.

    Raises:
        TaskError: train or val has no piece of its own.
    """

    def __init__(
        self, task: str, found: Splits[Tensor], window: int | None, path: Path, notes: list[str]
    ) -> None:
        pieces = apart(found)
        if not pieces.train or not pieces.val:
            raise TaskError(f"{path}: all pieces of a split are in a later one too")
        dropped = len(found.train) + len(found.val) - len(pieces.train) - len(pieces.val)
        if dropped:
            notes.append(f"{path}: pieces left out, as they are in a later split too: {dropped}")
        splits = {"val": as_sequences(pieces.val), "test": as_sequences(pieces.test)}
        super().__init__(task, splits)
        self.train = as_sequences(windows(pieces.train, window))
        self.counted = pieces.train

    def training(self, batch_size: int, seed: int) -> Batches:
        """Windows of nearly equal length, reshuffled in every epoch."""
        return training(self.train, batch_size, self.task, "train", seed)

    def fingerprint(self) -> str:
        """A hash of all pieces."""
        return hash_data(list(self.train), *map(list, self.sequences.values()))
