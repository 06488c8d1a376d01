"""What all tasks share whose sequences are drawn at random."""

from abc import abstractmethod
from typing import ClassVar

import torch

from recurbench.tasks.base import EVAL_ROWS, Batch, Batches, Task, TaskSpec, generator, hash_data


class Synthetic(Task):
    """A task that draws fresh training sequences without end, and its evaluation splits once.

    Further test splits, `<knob>_<n>`, have two and four times the size that is trained on.
    """

    grows: ClassVar[str]
    """The knob that says how long or hard sequences are."""

    factors: ClassVar[tuple[int, ...]] = (2, 4)
    """How many times that size the further test splits have."""

    eval_sequences: int
    """Sequences in validation and in each test split."""

    @abstractmethod
    def describe(self) -> TaskSpec:
        """What the model must know of the task."""

    @abstractmethod
    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """New sequences, at a value of the knob that grows."""

    def load(self) -> TaskSpec:
        """Draws the evaluation splits."""
        spec, size = self.describe(), getattr(self, self.grows)
        longer = {f"{self.grows}_{factor * size}": factor * size for factor in self.factors}
        self._splits = {
            split: self._evaluation(split, value)
            for split, value in {"val": size, "test": size, **longer}.items()
        }
        return spec

    def fingerprint(self) -> str:
        """Of every evaluation split and the first training batch of 32 at seed 0."""
        return hash_data(*map(list, self._splits.values()), self._training_batch(32, 0, 0))

    def train_dataloader(self) -> Batches:
        """Fresh sequences at every step, without end."""
        rows, seed = self.batch_size, self.seed
        return Batches(lambda step: self._training_batch(rows, seed, step))

    def val_dataloader(self) -> Batches:
        """The validation split."""
        return self._splits["val"]

    def test_dataloader(self) -> Batches:
        """The test split, at the size that is trained on."""
        return self._splits["test"]

    def extra_test_dataloaders(self) -> dict[str, Batches]:
        """Test splits at larger sizes."""
        return {name: split for name, split in self._splits.items() if name not in ("val", "test")}

    def _training_batch(self, rows: int, seed: int, step: int) -> Batch:
        source = generator(self.name, "train", seed, step)
        return self.draw(rows, getattr(self, self.grows), source)

    def _evaluation(self, split: str, size: int) -> Batches:
        counts = [
            min(EVAL_ROWS, self.eval_sequences - first)
            for first in range(0, self.eval_sequences, EVAL_ROWS)
        ]
        batches = [
            self.draw(rows, size, generator(self.name, split, size, number))
            for number, rows in enumerate(counts)
        ]
        return Batches(batches.__getitem__, len(batches))
