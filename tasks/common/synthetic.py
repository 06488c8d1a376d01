"""What all tasks share whose sequences are drawn at random."""

from abc import abstractmethod
from typing import ClassVar

import torch

from recurbench.tasks.base import Batch, TaskSpec
from recurbench.tasks.common.source import Drawn, FromSource


class Synthetic(FromSource):
    """A task that draws fresh training sequences without end, and its evaluation splits once."""

    grows: ClassVar[str]
    """The knob that says how long or hard sequences are."""

    source: Drawn

    eval_sequences: int
    """Sequences in validation and in each test split."""

    train_sequences: int | None = None
    """Sequences in training; None draws fresh ones without end."""

    @abstractmethod
    def describe(self) -> TaskSpec:
        """What the model must know of the task."""

    @abstractmethod
    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """New sequences, at a value of the knob that grows."""

    def references_at(self, size: int) -> dict[str, float]:
        """The exact references at a value of the knob that grows; none if they are not known."""
        return {}

    def references(self) -> dict[str, float]:
        """Those at the size that is trained on, or what the predictors score on test."""
        return self.references_at(getattr(self, self.grows)) or super().references()

    def references_of(self, split: str) -> dict[str, float]:
        """Those at the size of a split; none if they are not known exactly."""
        size = self.source.sizes.get(split)
        return {} if size is None else self.references_at(size)

    def open(self) -> Drawn:
        """Draws the evaluation splits."""
        return Drawn(
            self.name,
            self.describe(),
            self.draw,
            knob=self.grows,
            size=getattr(self, self.grows),
            eval_sequences=self.eval_sequences,
            train_sequences=self.train_sequences,
        )
