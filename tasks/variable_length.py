"""Classification of sequences whose lengths really differ."""

from functools import lru_cache
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from tasks import japanese_vowels
from tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Task,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
    require_choice,
    require_positive,
)
from tasks.common.metrics import classification_metrics
from tasks.common.rules import FirstSymbol, Parity, Rule, TemporalOrder
from tasks.common.sequences import POOL, Sequences, bucket
from tasks.corpora import fetch

DatasetName = Literal["synthetic", "japanese_vowels"]
RuleName = Literal["first_symbol", "temporal_order", "parity"]


class VariableLength(Task):
    """Classifies whole sequences, packed, each read out at its own last step.

    `dataset=synthetic` labels random sequences by a rule of `common/rules.py`. An input of each and
    its class, where X, Y in `temporal_order` stand among four distractors a to d:

        first_symbol      3 1 4 1 5              3
        temporal_order    b X a d c Y c a d b    XY
        parity            1 0 1 1 0 0 0          odd

    `dataset=japanese_vowels` names one of nine speakers from 12 features of 7 to 29 steps.

    Training batches hold sequences of nearly equal length, in random order; one batch of an epoch
    of recorded data may be smaller.

    Args:
        dataset: where the sequences come from; the other knobs are for synthetic ones.
        rule: what decides the class.
        alphabet: symbols, and so classes, of `first_symbol`.
        min_length: steps of the shortest sequence.
        max_length: steps of the longest sequence; all lengths are equally likely.
        eval_sequences: sequences in each of validation and test.
    """

    name = "variable_length"
    primary = "accuracy"

    def __init__(
        self,
        *,
        dataset: DatasetName = "synthetic",
        rule: RuleName = "first_symbol",
        alphabet: int = 8,
        min_length: int = 5,
        max_length: int = 50,
        eval_sequences: int = 1000,
    ) -> None:
        super().__init__()
        require_choice(get_args(DatasetName), dataset=dataset)
        require_choice(get_args(RuleName), rule=rule)
        require_positive(eval_sequences=eval_sequences)
        if alphabet < 2:
            raise TaskError(f"alphabet must be at least 2, not {alphabet}")
        rules: dict[str, Rule] = {
            "first_symbol": FirstSymbol(alphabet),
            "temporal_order": TemporalOrder(),
            "parity": Parity(),
        }
        self.dataset, self.rule = dataset, rules[rule]
        if min_length < self.rule.min_length:
            raise TaskError(
                f"min_length must be at least {self.rule.min_length} for {rule}, not {min_length}"
            )
        if max_length < min_length:
            raise TaskError(
                f"max_length must be at least min_length={min_length}, not {max_length}"
            )
        self.min_length, self.max_length = min_length, max_length
        self.eval_sequences = eval_sequences

    def load(self) -> TaskSpec:
        """Draws the evaluation splits, or reads the recorded data."""
        self._recorded: Sequences | None = None
        if self.dataset == "japanese_vowels":
            files = [f"japanese_vowels/JapaneseVowels_{part}.ts" for part in ("TRAIN", "TEST")]
            splits = japanese_vowels.load(*map(fetch, files))
            self._recorded, val, test = splits
            spec = japanese_vowels.SPEC
            self._references = japanese_vowels.references(splits)
        else:
            val, test = (
                self._draw(self.eval_sequences, generator(self.name, split))
                for split in ("val", "test")
            )
            spec = TaskSpec(self.rule.tokens, True, self.rule.classes, scope="sequence")
            self._references = {"chance": 1 / self.rule.classes, "optimal": 1.0}
        self._val, self._test = val.by_length(EVAL_ROWS), test.by_length(EVAL_ROWS)
        return spec

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats."""
        return F.cross_entropy(outputs, targets)

    def metrics(self) -> MetricCollection:
        """Accuracy and mean cross-entropy."""
        return classification_metrics(self.spec.output_size)

    def references(self) -> dict[str, float]:
        """Accuracy of guessing and of a perfect rule, or of simple predictors on recorded data."""
        return self._references

    def fingerprint(self) -> str:
        """Of validation, test and the first training batch of 32 at seed 0."""
        return hash_data(list(self._val), list(self._test), self._training(32, 0).make(0))

    def train_dataloader(self) -> Batches:
        """Batches of nearly equal length, without end: fresh sequences or reshuffled epochs."""
        return self._training(self.batch_size, self.seed)

    def val_dataloader(self) -> Batches:
        """The validation split, from short to long."""
        return self._val

    def test_dataloader(self) -> Batches:
        """The test split, from short to long."""
        return self._test

    def _training(self, batch_size: int, seed: int) -> Batches:
        @lru_cache(maxsize=1)
        def epoch(number: int) -> tuple[Sequences, list[Tensor]]:
            source = generator(self.name, "train", seed, number)
            sequences = self._recorded
            if sequences is None:
                sequences = self._draw(POOL * batch_size, source)
            return sequences, bucket(sequences.lengths, batch_size, source)

        per_epoch = len(epoch(0)[1])

        def make(position: int) -> Batch:
            number, index = divmod(position, per_epoch)
            sequences, batches = epoch(number)
            return sequences.take(batches[index]).pack()

        return Batches(make)

    def _draw(self, count: int, source: torch.Generator) -> Sequences:
        lengths = torch.randint(self.min_length, self.max_length + 1, (count,), generator=source)
        tokens = self.rule.draw(lengths, source)
        return Sequences(tokens, lengths, self.rule.label(tokens))
