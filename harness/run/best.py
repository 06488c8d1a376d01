"""Keeps the weights that were best on validation."""

import math
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from recurbench.harness.results.folder import BEST
from recurbench.harness.run.module import SequenceModule, higher_is_better
from recurbench.harness.run.recorder import Recorder

Rank = tuple[bool, float, float]


class BestWeights(Callback):
    """Keeps the weights of the best evaluation in a folder; its state can go on in any other.

    The best score counts, then the lower loss, then the later step. An accuracy on few rows is
    often equal from an early step on, while the loss still falls. A score that is not a number
    counts only as long as there is no other.

    Args:
        folder: where the file is.
        recorder: knows the step.

    Attributes:
        file: has the weights once there was an evaluation.
        step: after which they were so; None before the first evaluation.
    """

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self.recorder = recorder
        self.file = folder / BEST
        self.step: int | None = None
        self._rank: Rank | None = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the weights unless earlier ones were better."""
        assert isinstance(pl_module, SequenceModule)
        rank = rank_of(*pl_module.judged, higher_is_better(pl_module.task))
        if self._rank is None or rank >= self._rank:
            self._rank, self.step = rank, self.recorder.step(trainer)
            trainer.save_checkpoint(self.file, weights_only=True)

    def state_dict(self) -> dict[str, Any]:
        """The best weights, their rank and step; all None before the first evaluation."""
        weights = None if self.step is None else torch.load(self.file, weights_only=True)
        return {"weights": weights, "rank": self._rank, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Puts the weights that were saved into this folder."""
        self._rank, self.step = state_dict["rank"], state_dict["step"]
        if self.step is not None:
            torch.save(state_dict["weights"], self.file)


def rank_of(score: float, loss: float, higher: bool) -> Rank:
    """What evaluations are ordered by, the best last; equal ones are told apart by their step."""
    known = not math.isnan(score)
    better = (score if higher else -score) if known else 0.0
    return known, better, -math.inf if math.isnan(loss) else -loss
