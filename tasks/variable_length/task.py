"""Classification of sequences whose lengths really differ."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Predictor,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import Splits, own_files
from recurbench.tasks.common.sequences import POOL, Sequences, bucket
from recurbench.tasks.variable_length import ts_files
from recurbench.tasks.variable_length.rules import FirstSymbol, Parity, Rule, TemporalOrder

Dataset = Literal["synthetic", "japanese_vowels", "file"]
RuleName = Literal["first_symbol", "temporal_order", "parity"]

VAL_EVERY = 5
"""Of each speaker's utterances for training, every fifth is for validation."""


class VariableLength(Classification):
    """Classifies whole sequences, packed, each read out at its own last step.

    `dataset=synthetic` labels random sequences by a rule of `common/rules.py`. An input of each and
    its class, where X, Y in `temporal_order` stand among four distractors a to d:

        first_symbol      3 1 4 1 5              3
        temporal_order    b X a d c Y c a d b    XY
        parity            1 0 1 1 0 0 0          odd

        >>> parity = VariableLength(rule="parity").rule
        >>> parity.label(torch.tensor([[1, 0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0]])).tolist()
        [1, 0]

    Further test splits, `max_length_<n>`, have sequences longer than any that is trained on: up to
    n steps, two and four times `max_length`, and more than half of it.

    `dataset=japanese_vowels` names one of nine speakers from 12 features of 7 to 29 steps (Kudo,
    Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", 1999).
    `dataset=file` reads series with classes from a `.ts` file, the format of the UEA archive: see
    `common/ts_files.py`. Without files for validation and test, each gets a tenth of the series, by
    a hash of their values. Features are standardised by the mean and the deviation of all training
    steps.

    Training batches hold sequences of nearly equal length, in random order; one batch of an epoch
    of recorded data may be smaller.

    Args:
        dataset: where the sequences come from.
        rule: what decides the class of synthetic sequences.
        alphabet: symbols, and so classes, of `first_symbol`.
        min_length: steps of the shortest synthetic sequence.
        max_length: steps of the longest; all lengths are equally likely.
        file: series of one's own, for `dataset=file`.
        val_file: series for validation; otherwise a tenth of those in `file`.
        test_file: series for test; otherwise a tenth of those in `file`.
        eval_sequences: synthetic sequences in validation and in each test split.
    """

    name = "variable_length"
    measures = "one answer to a sequence of any length: memory, order or counting, by the rule"
    default_references = {"chance": 0.125, "optimal": 1.0}
    seconds = 22.0

    def __init__(
        self,
        *,
        dataset: Dataset = "synthetic",
        rule: RuleName = "first_symbol",
        alphabet: Annotated[int, Ge(2)] = 8,
        min_length: int = 5,
        max_length: int = 50,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
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
        self.files = own_files(dataset, file, val_file, test_file)
        self.eval_sequences = eval_sequences

    def load(self) -> TaskSpec:
        """Draws the evaluation splits, or reads recorded series.

        Raises:
            TaskError: a file is missing or damaged, or has a class that is not trained on.
        """
        self._train: Sequences | None = None
        if self.dataset == "synthetic":
            shortest, longest = self.min_length, self.max_length
            ranges = {"val": (shortest, longest), "test": (shortest, longest)}
            for most in (2 * longest, 4 * longest):
                ranges[f"max_length_{most}"] = (most // 2 + 1, most)
            found = {
                split: self._draw(self.eval_sequences, *lengths, generator(self.name, split))
                for split, lengths in ranges.items()
            }
            spec = TaskSpec(self.rule.tokens, True, self.rule.classes, scope="sequence")
        else:
            recorded = ts_files.encode(
                self.files.split(ts_files.read, lambda series: series.content)
                if self.files
                else _japanese_vowels()
            )
            self._train = recorded.train
            found = {"val": recorded.val, "test": recorded.test}
            features = self._train.inputs.shape[-1]
            spec = TaskSpec(features, False, len(recorded.labels), scope="sequence")
        self._splits = {split: rows.by_length(EVAL_ROWS) for split, rows in found.items()}
        return spec

    def references(self) -> dict[str, float]:
        """Accuracy of guessing and of a perfect rule, or of simple predictors on recorded data."""
        exact = {"chance": 1 / self.spec.output_size, "optimal": 1.0}
        return {
            name: exact[name] if name in exact else self.play(predictor)
            for name, predictor in self.predictors().items()
        }

    def predictors(self) -> dict[str, Predictor]:
        """All classes in turn, and the targets.

        On recorded data also, as `majority`, the commonest class of training, the first of those
        that tie, and, as `naive`, the class whose mean is nearest: series are averaged over time.
        """
        classes, train = self.spec.output_size, self._train

        def in_turn(batch: Batch) -> Tensor:
            return one_hot_logits(torch.arange(len(self.targets_of(batch))) % classes, classes)

        if train is None:
            return {"chance": in_turn, "optimal": self.oracle}
        members = one_hot_logits(train.targets, classes).sign()
        commonest = members.sum(0).argmax()
        means = members.T @ _time_means(train.pack()) / members.sum(0)[:, None]

        def majority(batch: Batch) -> Tensor:
            return one_hot_logits(commonest.expand(len(self.targets_of(batch))), classes)

        def naive(batch: Batch) -> Tensor:
            return -torch.cdist(_time_means(batch), means)

        return {"chance": in_turn, "majority": majority, "naive": naive}

    def fingerprint(self) -> str:
        """Of validation, test, and recorded training or the first batch of 32 at seed 0."""
        training = self._fresh(32, 0).make(0) if self._train is None else self._train
        return hash_data(list(self._splits["val"]), list(self._splits["test"]), training)

    def train_dataloader(self) -> Batches:
        """Batches of nearly equal length, without end: fresh sequences or reshuffled epochs."""
        if self._train is None:
            return self._fresh(self.batch_size, self.seed)
        return self._train.epochs(self.batch_size, self.name, "train", self.seed)

    def val_dataloader(self) -> Batches:
        """The validation split, from short to long."""
        return self._splits["val"]

    def test_dataloader(self) -> Batches:
        """The test split, from short to long."""
        return self._splits["test"]

    def extra_test_dataloaders(self) -> dict[str, Batches]:
        """Test splits of longer synthetic sequences."""
        return {name: split for name, split in self._splits.items() if name not in ("val", "test")}

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes a `.ts` file of series that rise or fall."""
        path = folder / "example.ts"
        ts_files.write_example(path, seed)
        return path

    def _fresh(self, batch_size: int, seed: int) -> Batches:
        """Batches without end, cut from pools of sequences drawn together."""

        @lru_cache(maxsize=1)
        def pool(number: int) -> tuple[Sequences, list[Tensor]]:
            source = generator(self.name, "train", seed, number)
            count = POOL * batch_size
            sequences = self._draw(count, self.min_length, self.max_length, source)
            return sequences, bucket(sequences.lengths, batch_size, source)

        def make(position: int) -> Batch:
            number, index = divmod(position, POOL)
            sequences, batches = pool(number)
            return sequences.take(batches[index]).pack()

        return Batches(make)

    def _draw(self, count: int, shortest: int, longest: int, source: torch.Generator) -> Sequences:
        lengths = torch.randint(shortest, longest + 1, (count,), generator=source)
        tokens = self.rule.draw(lengths, source)
        return Sequences(tokens, lengths, self.rule.label(tokens))


def _japanese_vowels() -> Splits[ts_files.Series]:
    """The published files; every fifth utterance of each speaker in the first is for validation."""
    recorded, test = (
        ts_files.read(fetch(f"japanese_vowels/JapaneseVowels_{part}.ts"))
        for part in ("TRAIN", "TEST")
    )
    splits, seen = Splits(test=test), dict.fromkeys((series.label for series in recorded), 0)
    for series in recorded:
        seen[series.label] += 1
        held_out = seen[series.label] % VAL_EVERY == 0
        (splits.val if held_out else splits.train).append(series)
    return splits


def _time_means(batch: Batch) -> Tensor:
    """Each sequence's mean over its own steps, `(B, F)`."""
    assert isinstance(batch.inputs, PackedSequence)
    padded, lengths = pad_packed_sequence(batch.inputs, batch_first=True)
    return padded.sum(1) / lengths[:, None]
