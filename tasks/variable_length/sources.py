"""Where sequences with a class come from: drawn by a rule, or recorded."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Predictor,
    Task,
    TaskSpec,
    generator,
    hash_data,
    one_hot_logits,
)
from recurbench.tasks.common.baselines import NearestMean
from recurbench.tasks.common.counting import expected_overlap
from recurbench.tasks.common.files import Splits
from recurbench.tasks.common.sequences import POOL, Sequences, bucket
from recurbench.tasks.common.source import Recorded, Source
from recurbench.tasks.variable_length import ts_files
from recurbench.tasks.variable_length.rules import Rule


class ByRule(Source):
    """Random sequences that a rule puts into classes.

    Further test splits, `max_length_<n>`, have sequences longer than any that is trained on.

    Args:
        task: the task's name, from which all draws follow.
        rule: what decides the class.
        min_length: steps of the shortest sequence.
        max_length: steps of the longest that is trained on.
        eval_sequences: sequences in validation and in each test split.
    """

    def __init__(
        self, task: str, rule: Rule, *, min_length: int, max_length: int, eval_sequences: int
    ) -> None:
        self.task, self.rule = task, rule
        self.min_length, self.max_length = min_length, max_length
        self.spec = TaskSpec(rule.tokens, True, rule.classes, scope="sequence")
        ranges = {"val": (min_length, max_length), "test": (min_length, max_length)}
        for most in (2 * max_length, 4 * max_length):
            ranges[f"max_length_{most}"] = (most // 2 + 1, most)
        self.splits = {
            split: self._draw(eval_sequences, *lengths, generator(task, split)).by_length(EVAL_ROWS)
            for split, lengths in ranges.items()
        }

    def training(self, batch_size: int, seed: int) -> Batches:
        """Batches without end, cut from pools of sequences drawn together."""

        @lru_cache(maxsize=1)
        def pool(number: int) -> tuple[Sequences, list[Tensor]]:
            source = generator(self.task, "train", seed, number)
            sequences = self._draw(POOL * batch_size, self.min_length, self.max_length, source)
            return sequences, bucket(sequences.lengths, batch_size, source)

        def make(position: int) -> Batch:
            number, index = divmod(position, POOL)
            sequences, batches = pool(number)
            return sequences.take(batches[index]).pack()

        return Batches(make)

    def fingerprint(self) -> str:
        """A hash of validation, test and the first training batch of 32 at seed 0."""
        first = self.training(32, 0).make(0)
        return hash_data(list(self.splits["val"]), list(self.splits["test"]), first)

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """All classes in turn, and the targets."""
        return {"chance": in_turn(task), "optimal": task.oracle}

    def overlap(self, sequences: int) -> float | None:
        """By the number of sequences of each length, where all are equally likely."""
        if not self.rule.uniform:
            return None
        lengths = range(self.min_length, self.max_length + 1)
        return expected_overlap(sequences, [self.rule.tokens**length for length in lengths])

    def _draw(self, count: int, shortest: int, longest: int, source: torch.Generator) -> Sequences:
        lengths = torch.randint(shortest, longest + 1, (count,), generator=source)
        tokens = self.rule.draw(lengths, source)
        return Sequences(tokens, lengths, self.rule.label(tokens))


class SeriesWithClasses(Recorded):
    """Recorded series, standardised by the mean and the deviation of all training steps.

    Args:
        task: the task's name, from which the order of training follows.
        found: the series of each split.

    Raises:
        TaskError: as `ts_files.encode`.
    """

    def __init__(self, task: str, found: Splits[ts_files.Series]) -> None:
        train, val, test, labels = ts_files.encode(found)
        spec = TaskSpec(train.inputs.shape[-1], False, len(labels), scope="sequence")
        super().__init__(task, spec, train, val, test)

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """All classes in turn, and what training tells.

        `majority` is the most frequent class, the first of those that tie; `naive` is the class
        whose mean is nearest, where each series is averaged over time first.
        """
        classes, targets = self.spec.output_size, self.train.targets
        commonest = targets.bincount(minlength=classes).argmax()
        nearest = NearestMean(_time_means(self.train.pack()), targets)

        def majority(batch: Batch) -> Tensor:
            return one_hot_logits(commonest.expand(len(task.targets_of(batch))), classes)

        return {
            "chance": in_turn(task),
            "majority": majority,
            "naive": lambda batch: nearest(_time_means(batch)),
        }


def in_turn(task: Task) -> Predictor:
    """Says one class after the other."""
    classes = task.spec.output_size

    def say(batch: Batch) -> Tensor:
        return one_hot_logits(torch.arange(len(task.targets_of(batch))) % classes, classes)

    return say


def _time_means(batch: Batch) -> Tensor:
    """Each sequence's mean over its own steps, `(B, F)`."""
    assert isinstance(batch.inputs, PackedSequence)
    padded, lengths = pad_packed_sequence(batch.inputs, batch_first=True)
    return padded.sum(1) / lengths[:, None]
