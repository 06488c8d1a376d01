"""Sources of a task's data: some make it, others read what was recorded."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Predictor,
    Task,
    TaskSpec,
    generator,
    hash_data,
)
from recurbench.tasks.common.sequences import Sequences


class Source(ABC):
    """What a task asks of its data, which is loaded when the source is made.

    Attributes:
        spec: what the model around a cell must know.
        splits: the evaluation splits: `val`, `test` and further test splits by their names.
    """

    spec: TaskSpec
    splits: dict[str, Batches]

    @abstractmethod
    def training(self, batch_size: int, seed: int) -> Batches:
        """Training batches without end, in an order that a seed decides."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the data; the same for every seed."""

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """The references that have to know this source, by their names; none by default."""
        return {}

    def overlap(self, sequences: int) -> float | None:
        """As `Task.overlap`; not known by default."""
        return None


class FromSource(Task):
    """A task that takes its data from a source, which it chooses once."""

    source: Source

    @abstractmethod
    def open(self) -> Source:
        """The source that the knobs ask for, loaded.

        Raises:
            TaskError: the data is missing or damaged; the message says where and what to do.
        """

    def load(self) -> TaskSpec:
        """Opens the source."""
        self.source = self.open()
        return self.source.spec

    def fingerprint(self) -> str:
        """That of the source's data."""
        return self.source.fingerprint()

    def train_dataloader(self) -> Batches:
        """The source's training batches."""
        return self.source.training(self.batch_size, self.seed)

    def val_dataloader(self) -> Batches:
        """The source's validation split."""
        return self.source.splits["val"]

    def test_dataloader(self) -> Batches:
        """The source's test split."""
        return self.source.splits["test"]

    def extra_test_dataloaders(self) -> dict[str, Batches]:
        """The source's further test splits."""
        splits = self.source.splits.items()
        return {name: batches for name, batches in splits if name not in ("val", "test")}

    def references(self) -> dict[str, float]:
        """Those of the test split."""
        return self.references_of("test")

    def references_of(self, split: str) -> dict[str, float]:
        """The scores of the predictors on a split of the source."""
        return self.play_all(self.source.splits[split])

    def overlap(self, sequences: int) -> float | None:
        """That of the source."""
        return self.source.overlap(sequences)

    def predictors(self) -> dict[str, Predictor]:
        """Those that the source has."""
        return self.source.predictors(self)


class Drawn(Source):
    """Sequences that are drawn at random: fresh ones for training, evaluation splits once.

    Further test splits, `<knob>_<n>`, have two and four times the size that is trained on. Training
    may have so many sequences and no more: its first pass, in whose order all others follow. They
    are drawn anew in each pass instead of being kept, and each seed has its own.

    Args:
        task: the task's name, from which all random draws follow.
        spec: what the model must know.
        draw: gives new sequences: rows, a size, and the generator to draw from.
        knob: the task's knob that says how long or hard sequences are.
        size: its value.
        eval_sequences: sequences in validation and in each test split.
        train_sequences: sequences in training; None draws fresh ones without end.

    Attributes:
        sizes: of each evaluation split, by its name.
    """

    factors: ClassVar[tuple[int, ...]] = (2, 4)
    """How many times the size the further test splits have."""

    def __init__(
        self,
        task: str,
        spec: TaskSpec,
        draw: Callable[[int, int, torch.Generator], Batch],
        *,
        knob: str,
        size: int,
        eval_sequences: int,
        train_sequences: int | None = None,
    ) -> None:
        self.task, self.spec, self.draw, self.size = task, spec, draw, size
        self.train_sequences = train_sequences
        self.sizes = {"val": size, "test": size}
        self.sizes |= {f"{knob}_{factor * size}": factor * size for factor in self.factors}
        self.splits = {
            split: self._evaluation(split, value, eval_sequences)
            for split, value in self.sizes.items()
        }

    def training(self, batch_size: int, seed: int) -> Batches:
        """Fresh sequences at every step, or the same ones again in each pass.

        The last batch of a pass may be smaller than the others.
        """
        whole = self.train_sequences
        epoch = None if whole is None else -(-whole // batch_size)

        def make(step: int) -> Batch:
            place, rows = step, batch_size
            if whole is not None and epoch is not None:
                place = step % epoch
                rows = min(batch_size, whole - place * batch_size)
            return self.draw(rows, self.size, generator(self.task, "train", seed, place))

        return Batches(make, epoch=epoch)

    def fingerprint(self) -> str:
        """A hash of every evaluation split and the first training batch of 32 at seed 0."""
        parts = [*map(list, self.splits.values()), self.training(32, 0).make(0)]
        return hash_data(*parts, *([self.train_sequences] if self.train_sequences else []))

    def _evaluation(self, split: str, size: int, count: int) -> Batches:
        counts = [min(EVAL_ROWS, count - first) for first in range(0, count, EVAL_ROWS)]
        batches = [
            self.draw(rows, size, generator(self.task, split, size, number))
            for number, rows in enumerate(counts)
        ]
        return Batches(batches.__getitem__, len(batches))


class Recorded(Source):
    """Sequences that were recorded.

    Training batches hold sequences of nearly equal length, in random order; evaluation reads each
    split once, from short to long.

    Args:
        task: the task's name, from which the order of training follows.
        spec: what the model must know.
        train: what is trained on.
        val: what selects.
        test: what is reported.
        learnt: all that was learnt from the train split, such as a vocabulary, for the fingerprint.
    """

    def __init__(
        self,
        task: str,
        spec: TaskSpec,
        train: Sequences,
        val: Sequences,
        test: Sequences,
        *,
        learnt: tuple[object, ...] = (),
    ) -> None:
        self.task, self.spec, self.train, self.learnt = task, spec, train, learnt
        self.splits = {"val": val.by_length(EVAL_ROWS), "test": test.by_length(EVAL_ROWS)}

    def training(self, batch_size: int, seed: int) -> Batches:
        """All training sequences again and again, reshuffled in each epoch."""
        return self.train.epochs(batch_size, self.task, "train", seed)

    def fingerprint(self) -> str:
        """A hash of what was learnt, of the training sequences and of the evaluation splits."""
        return hash_data(*self.learnt, self.train, *map(list, self.splits.values()))
