"""Tasks whose scores or words are wrong in one way each, and the properties that they fail."""

import socket

import torch
from sound_tasks import Sound, SoundEndless, fails
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    TaskSpec,
    hash_data,
)
from recurbench.tasks.common.files import OwnFiles


class MeanOfMeans(Metric):
    """A mean of what batches have, each weighing the same."""

    higher_is_better = False
    full_state_update = False
    dtype_kept = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=self.dtype_kept), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        kept = outputs[targets != IGNORE_INDEX].abs()
        if len(kept):
            self.total += kept.mean()
            self.count += 1

    def compute(self) -> Tensor:
        return self.total / self.count


class SinglePrecision(MeanOfMeans):
    dtype_kept = torch.float32

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        kept = outputs[targets != IGNORE_INDEX].abs()
        self.total += kept.sum()
        self.count += kept.numel()


@fails("metrics_add_up")
class AveragedBatches(Sound):
    def metrics(self) -> MetricCollection:
        return MetricCollection({**super().metrics(), "average": MeanOfMeans()})


@fails("metrics_add_up")
class LostDigits(Sound):
    def metrics(self) -> MetricCollection:
        return MetricCollection({**super().metrics(), "average": SinglePrecision()})


@fails("primary_ranks")
class UnusualName(Sound):
    def metrics(self) -> MetricCollection:
        return MetricCollection({**super().metrics(), "val/loss": super().metrics()["loss"]})


class Undirected(MulticlassAccuracy):
    higher_is_better = None

    def __init__(self, classes: int) -> None:
        super().__init__(classes, average="micro", ignore_index=IGNORE_INDEX)


@fails("primary_ranks", "references_are_played", "oracle_is_best")
class NoDirection(Sound):
    def metrics(self) -> MetricCollection:
        return MetricCollection(
            {**super().metrics(), "accuracy": Undirected(self.spec.output_size)}
        )


@fails("references_are_played")
class WrongFormula(SoundEndless):
    def references(self) -> dict[str, float]:
        return {"chance": 1 / 4, "optimal": 1.0}


@fails("references_are_played")
class WrongFormulaElsewhere(SoundEndless):
    def references_of(self, split: str) -> dict[str, float]:
        return {"chance": 1 / 8 if split == "val" else 1 / 4, "optimal": 1.0}


@fails("references_are_played")
class NobodyPlays(Sound):
    def references(self) -> dict[str, float]:
        return {**super().references(), "naive": 0.3}


@fails("references_are_played")
class OldReferences(Sound):
    default_references = {"chance": 0.25, "optimal": 1.0}


@fails("references_are_played")
class LuckyChance(Sound):
    def predictors(self):
        found = super().predictors()
        return {"chance": found["optimal"], "naive": found["chance"]}


@fails("oracle_is_best")
class LyingOracle(Sound):
    def oracle(self, batch: Batch) -> Tensor:
        return -super().oracle(batch)


@fails("fingerprint_follows_the_data")
class FingerprintOfTheName(Sound):
    def fingerprint(self) -> str:
        return hash_data(self.name)


@fails("fingerprint_follows_the_data")
class FingerprintOfAllKnobs(Sound):
    def fingerprint(self) -> str:
        return hash_data(super().fingerprint(), self.pessimist)


@fails("fingerprint_follows_the_data")
class FingerprintOfThePath(Sound):
    def fingerprint(self) -> str:
        file = self.files.file if isinstance(self.files, OwnFiles) else ""
        return hash_data(super().fingerprint(), str(file))


@fails("other_process")
class HashOrder(Sound):
    def fingerprint(self) -> str:
        return hash_data(super().fingerprint(), hash("abc"))


@fails("documented")
class Undocumented(Sound):
    """A task."""

    name = "undocumented"


@fails("documented")
class WrongExample(SoundEndless):
    """Says at the end which of eight symbols came first.

        >>> SoundEndless(length=3).length
        4

    Args:
        length: symbols of a sequence.
    """

    name = "wrongexample"


class Online(Sound):
    """Not registered: without a network it can do nothing."""

    def load(self) -> TaskSpec:
        socket.create_connection(("example.com", 80))
        return super().load()
