"""Tasks that are wrong in one way each, and the properties that they must fail."""

import dataclasses
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from recurbench.tasks.base import (
    EVAL_ROWS,
    IGNORE_INDEX,
    Batch,
    Batches,
    Task,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import OwnFiles, Splits, numbered_lines, own_files, split_of
from recurbench.tasks.common.metrics import classification_metrics
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.synthetic import Synthetic
from recurbench.tasks.common.vocabulary import Vocabulary

BROKEN: dict[type[Task], set[str]] = {}


class Sound(Classification):
    """Says which letter stood one step before.

        input    a b b
        target   . a b

        >>> Sound.before(torch.tensor([1, 2, 2])).tolist()
        [-100, 1, 2]

    Args:
        dataset: words made of four letters, or those of a file.
        file: words, one a line.
        val_file: the same for validation.
        test_file: the same for test.
        longest: letters of the longest word that is made.
        pessimist: whether one more reference is shown.
    """

    name = "sound"

    def __init__(
        self,
        *,
        dataset: Literal["made", "file"] = "made",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        longest: int = 9,
        pessimist: bool = False,
    ) -> None:
        super().__init__()
        if longest < 5:
            raise TaskError(f"longest must be at least 5, not {longest}")
        self.files = own_files(dataset, file, val_file, test_file)
        self.longest, self.pessimist = longest, pessimist

    def load(self) -> TaskSpec:
        words: Splits[str] = Splits()
        if self.files:
            words = self.files.split(read, str)
        else:
            source = random.Random(self.longest)
            for word in sorted({made(source, self.longest) for _ in range(200)}):
                getattr(words, split_of(word)).append(word)
        vocabulary = Vocabulary(self.vocabulary_of(words))
        self.splits = {
            split: self.sequences(getattr(words, split), vocabulary)
            for split in ("train", "val", "test")
        }
        return TaskSpec(len(vocabulary), True, len(vocabulary), scope="step")

    def vocabulary_of(self, words: Splits[str]) -> list[str]:
        return list("".join(words.train))

    def sequences(self, words: list[str], vocabulary: Vocabulary) -> Sequences:
        inputs = [vocabulary.encode(word) for word in words]
        return Sequences.of(inputs, [self.before(row) for row in inputs])

    @staticmethod
    def before(row: Tensor) -> Tensor:
        return F.pad(row[:-1], (1, 0), value=IGNORE_INDEX)

    def fingerprint(self) -> str:
        return hash_data(*map(list, self.splits.values()))

    def train_dataloader(self) -> Batches:
        return self.splits["train"].epochs(self.batch_size, self.name, "train", self.seed)

    def val_dataloader(self) -> Batches:
        return self.splits["val"].by_length(EVAL_ROWS)

    def test_dataloader(self) -> Batches:
        return self.splits["test"].by_length(EVAL_ROWS)

    def predictors(self):
        def constant(batch: Batch) -> Tensor:
            return one_hot_logits(self.targets_of(batch) * 0, self.spec.output_size)

        found = {"chance": constant, "optimal": self.solve}
        return found | ({"pessimist": constant} if self.pessimist else {})

    def solve(self, batch: Batch) -> Tensor:
        return super().oracle(batch)

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        source = random.Random(f"example {seed}")
        file = folder / "words.txt"
        # Other letters in each file: a vocabulary of all splits would show.
        letters = "abcd" + "efghi"[seed]
        file.write_text("".join(f"{made(source, 12, letters)}\n" for _ in range(80)))
        return file


def made(source: random.Random, longest: int, letters: str = "abcd") -> str:
    return "".join(source.choices(letters, k=source.randint(4, longest)))


def read(path: Path) -> list[str]:
    return [line for _, line in numbered_lines(path)]


class SoundStream(Classification):
    """Predicts the next of random letters, in one stream.

        >>> SoundStream().sizes
        [4000, 2000, 2000]

    Args:
        letters: of each split.
    """

    name = "sound_stream"

    def __init__(self, *, letters: int = 2000) -> None:
        super().__init__()
        self.sizes = [2 * letters, letters, letters]

    def load(self) -> TaskSpec:
        letters = torch.randint(5, (sum(self.sizes),), generator=generator("letters"))
        self.train, self.val, self.test = letters.split(self.sizes)
        return TaskSpec(5, True, 5, scope="step", predicts_next=True)

    def fingerprint(self) -> str:
        return hash_data(self.train, self.val, self.test)

    def train_dataloader(self) -> Batches:
        steps = (len(self.train) - 1) // (10 * self.batch_size)

        def make(position: int) -> Batch:
            epoch, step = divmod(position, steps)
            source = generator("train", self.seed, epoch)
            start = int(torch.randint(len(self.train), (), generator=source))
            return self.chunk(self.train.roll(start), self.batch_size, 10, step)

        return Batches(make, epoch=steps)

    def val_dataloader(self) -> Batches:
        return Batches(lambda i: self.chunk(self.val, 2, 111, i), 9)

    def test_dataloader(self) -> Batches:
        return Batches(lambda i: self.chunk(self.test, 2, 111, i), 9)

    def chunk(self, letters: Tensor, rows: int, length: int, step: int) -> Batch:
        steps = (len(letters) - 1) // (rows * length) * length
        inputs, targets = letters[: rows * steps], letters[1 : rows * steps + 1]
        part = slice(step * length, (step + 1) * length)
        return Batch(inputs.view(rows, -1)[:, part], targets.view(rows, -1)[:, part], step == 0)

    def predictors(self):
        return {
            "chance": lambda batch: one_hot_logits(self.targets_of(batch) * 0, 5),
            "noncausal": self.oracle,
        }


class SoundEndless(Classification, Synthetic):
    """Says at the end which of eight symbols came first; the sequences are drawn without end.

        >>> SoundEndless(length=3).length
        3

    Args:
        length: symbols of a sequence.
    """

    name = "sound_endless"
    grows = "length"
    eval_sequences = 300

    def __init__(self, *, length: int = 7) -> None:
        super().__init__()
        self.length = length

    def describe(self) -> TaskSpec:
        return TaskSpec(8, True, 8, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        inputs = torch.randint(8, (rows, size), generator=source)
        return Batch(inputs, inputs[:, 0])

    def references(self) -> dict[str, float]:
        return {"chance": 1 / 8, "optimal": 1.0}

    def predictors(self):
        return {
            "chance": lambda batch: one_hot_logits(batch.inputs[:, 0] * 0, 8),
            "optimal": lambda batch: one_hot_logits(batch.inputs[:, 0], 8),
        }


def fails(*properties: str) -> Callable[[type], type]:
    """Registers a task, which has all that its documentation needs, with what it must fail."""

    def register(cls: type) -> type:
        if "documented" not in properties:
            cls.__doc__ = cls.__base__.__doc__
            cls.name = cls.__name__.lower()
        BROKEN[cls] = set(properties)
        return cls

    return register


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


@fails("packed_is_one_by_one")
class RowAfterRow(Sound):
    """Gives the targets of packed sequences row after row, not step after step."""

    def targets_of(self, batch: Batch) -> Tensor:
        padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(batch.targets, batch_first=True)
        return torch.cat([row[:length] for row, length in zip(padded, lengths, strict=True)])


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
class NobodyPlays(Sound):
    def references(self) -> dict[str, float]:
        return {**super().references(), "naive": 0.3}


@fails("references_are_played")
class OldFloors(Sound):
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
