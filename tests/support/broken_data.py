"""Tasks whose data is wrong in one way each, and the properties that they must fail."""

import dataclasses
from typing import ClassVar

import torch
import torch.nn.functional as F
from sound_tasks import Sound, SoundEndless, SoundStream, fails
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.tasks.base import (
    Batch,
    Batches,
    TaskSpec,
)
from recurbench.tasks.common.files import Splits
from recurbench.tasks.common.metrics import MeanSquaredError, classification_metrics
from recurbench.tasks.memory_capacity import MemoryCapacity


@fails("layouts_fit_the_spec")
class UncountedSymbol(Sound):
    def load(self) -> TaskSpec:
        spec = super().load()
        return dataclasses.replace(spec, input_size=spec.input_size - 1)


@fails("layouts_fit_the_spec")
class BatchSizeOfItsOwn(Sound):
    def bind(self, *, batch_size: int, seed: int) -> None:
        super().bind(batch_size=6, seed=seed)


@fails("loads_once")
class KeptMetrics(Sound):
    def load(self) -> TaskSpec:
        self.kept = classification_metrics(3)
        return super().load()


@fails("loads_once")
class LoadsAgain(Sound):
    """Takes a part of the test split at each call of `setup`."""

    def setup(self, stage: str | None = None) -> None:
        again = hasattr(self, "spec")
        super().setup(stage)
        if again:
            self.splits["test"] = self.splits["test"].take(torch.arange(5))


@fails("splits_do_not_overlap")
class ValidationIsTest(Sound):
    def val_dataloader(self) -> Batches:
        return self.test_dataloader()


@fails("splits_do_not_overlap")
class EndlessValidationIsTest(SoundEndless):
    def load(self) -> TaskSpec:
        spec = super().load()
        self.source.splits["val"] = self.source.splits["test"]
        return spec


@fails("splits_do_not_overlap")
class StreamInTwoSplits(SoundStream):
    def load(self) -> TaskSpec:
        spec = super().load()
        self.test = self.train[777:2777]
        return spec


@fails("learnt_from_train_alone")
class VocabularyOfAll(Sound):
    def vocabulary_of(self, words: Splits[str]) -> list[str]:
        return list("".join(words.train + words.val + words.test))


@fails("equal_seeds_give_equal_batches")
class OneSeed(Sound):
    def train_dataloader(self) -> Batches:
        return self.splits["train"].epochs(self.batch_size, self.name, "train")


@fails("equal_seeds_give_equal_batches", "order_depends_on_nothing_else")
class GoesOn(Sound):
    """A loader goes on where its last reader stopped."""

    def train_dataloader(self) -> Batches:
        batches, self.given = super().train_dataloader(), 0

        def make(position: int) -> Batch:
            if position == 0:
                self.begin, self.given = self.given, self.given
            self.given = self.begin + position + 1
            return batches.make(self.begin + position)

        return Batches(make, epoch=batches.epoch)


@fails("order_depends_on_nothing_else")
class GlobalSeed(Sound):
    def train_dataloader(self) -> Batches:
        key = self.name, self.seed, torch.initial_seed()
        return self.splits["train"].epochs(self.batch_size, *key)


@fails("order_depends_on_nothing_else")
class OneReader(SoundStream):
    """Counts its batches itself, from the first one."""

    def train_dataloader(self) -> Batches:
        batches, self.given = super().train_dataloader(), 0

        def make(position: int) -> Batch:
            self.given = self.given + 1 if position else 0
            return batches.make(self.given)

        return Batches(make, epoch=batches.epoch)


@fails("order_depends_on_nothing_else")
class TakesFromTheGlobalGenerator(Sound):
    def load(self) -> TaskSpec:
        torch.rand(())
        return super().load()


@fails("evaluation_is_fixed")
class EvaluationInTrainingBatches(Sound):
    def val_dataloader(self) -> Batches:
        return self.splits["val"].by_length(self.batch_size)


@fails("loss_is_a_finite_mean")
class SummedLoss(Sound):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="sum")


@fails("ignored_positions_do_not_matter")
class PenaltyEverywhere(Sound):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().loss(outputs, targets) + outputs.square().mean()


class Recall(MemoryCapacity):
    """Recalls the last two numbers, and is sound.

    >>> Recall().delays
    2
    """

    name = "recall"
    default_references: ClassVar[dict[str, float]] = {}

    def __init__(self) -> None:
        super().__init__(delays=2, length=5)


@fails("ignored_positions_do_not_matter")
class PenaltyForWhatIsUnknown(Recall):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().loss(outputs, targets) + outputs.square().mean()


class UnknownAsZeroError(MeanSquaredError):
    def update(self, outputs: Tensor, targets: Tensor) -> None:
        super().update(outputs, targets.nan_to_num())


@fails("ignored_positions_do_not_matter")
class UnknownIsZero(Recall):
    def metrics(self) -> MetricCollection:
        return MetricCollection(
            {"capacity": super().metrics()["capacity"], "mse": UnknownAsZeroError()}
        )


@fails("packed_is_one_by_one")
class RowAfterRow(Sound):
    """Gives the targets of packed sequences row after row, not step after step."""

    def targets_of(self, batch: Batch) -> Tensor:
        padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(batch.targets, batch_first=True)
        return torch.cat([row[:length] for row, length in zip(padded, lengths, strict=True)])
