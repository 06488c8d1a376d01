"""What all tasks share whose sequences are drawn at random."""

from abc import abstractmethod
from typing import ClassVar

import torch

from recurbench.tasks.base import Batch, TaskSpec
from recurbench.tasks.common.source import Drawn, FromSource, Source


class Synthetic(FromSource):
    """A task that draws fresh training sequences without end, and its evaluation splits once."""

    grows: ClassVar[str]
    """The knob that says how long or hard sequences are."""

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

    def open(self) -> Source:
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
