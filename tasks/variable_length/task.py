"""Classification of sequences whose lengths really differ."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge

from recurbench.limits import GoesWith
from recurbench.tasks.base import TaskError
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import only_with_files, own_files
from recurbench.tasks.common.source import FromSource, Source
from recurbench.tasks.variable_length import ts_files
from recurbench.tasks.variable_length.published import published
from recurbench.tasks.variable_length.rules import FirstSymbol, Parity, Rule, TemporalOrder
from recurbench.tasks.variable_length.sources import ByRule, SeriesWithClasses

Dataset = Literal[
    "synthetic",
    "japanese_vowels",
    "acsf1",
    "arrow_head",
    "basic_motions",
    "gun_point",
    "italy_power_demand",
    "osu_leaf",
    "pickup_gesture_wiimote_z",
    "file",
]
RuleName = Literal["first_symbol", "temporal_order", "parity"]


class VariableLength(Classification, FromSource):
    """Classifies whole sequences, packed, each read out at its own last step.

    `dataset=synthetic` labels random sequences by a rule of `rules.py`. An input of each rule and
    its class; the markers X and Y of `temporal_order` stand among four distractors, a to d:

        first_symbol      3 1 4 1 5              3
        temporal_order    b X a d c Y c a d b    XY
        parity            1 0 1 1 0 0 0          odd

        >>> import torch
        >>> parity = VariableLength(rule="parity").rule
        >>> parity.label(torch.tensor([[1, 0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0]])).tolist()
        [1, 0]

    Further test splits, `max_length_<n>`, have sequences longer than any that is trained on: up to
    n steps, two and four times `max_length`, and more than half of it. Short sequences of few
    symbols are drawn again: of those in test, among the 32,000 of a default run, 6 % are to be
    expected with `rule=parity`, 1 % were found with `temporal_order`, and none with
    `first_symbol`.

    `dataset=japanese_vowels` names one of nine speakers from 12 features of 7 to 29 steps (Kudo,
    Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", 1999).
    `dataset=gun_point`, and its like, are small sets of the UCR and UEA archives, of 24 to 1,460
    steps (Dau et al., "The UCR Time Series Archive", 2019; Bagnall et al., "The UEA multivariate
    time series classification archive", 2018). They are read from the package aeon, which brings
    them along (`pip install --no-deps aeon==1.6.0`). Of each class of these published training
    files, every fifth series is for validation.
    `dataset=file` reads series with classes from a `.ts` file, the format of the UEA archive (see
    `ts_files.py`). Without files of their own, validation and test get a tenth of the series each,
    by a hash of their values. Features are standardised by the mean and the deviation of all
    training steps.

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
        missing: what to do with missing values, `?` or `NaN`, in one's own series; `forward_fill`
            takes the value before, and by default they are refused. Steps at the end that are
            missing in all dimensions are padding, and are always cut off.
        eval_sequences: synthetic sequences in validation and in each test split.
    """

    name = "variable_length"
    measures = "one answer to a sequence of any length: memory, order or counting, by the rule"
    default_references = {"chance": 0.0625, "optimal": 1.0}
    seconds = 32.0

    def __init__(
        self,
        *,
        dataset: Dataset = "synthetic",
        rule: Annotated[RuleName, GoesWith(dataset="synthetic")] = "first_symbol",
        alphabet: Annotated[int, Ge(2), GoesWith(dataset="synthetic", rule="first_symbol")] = 16,
        min_length: Annotated[int, GoesWith(dataset="synthetic")] = 5,
        max_length: Annotated[int, GoesWith(dataset="synthetic")] = 90,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        missing: ts_files.Missing | None = None,
        eval_sequences: Annotated[int, Ge(1), GoesWith(dataset="synthetic")] = 1000,
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
        only_with_files(dataset, missing=missing)
        self.missing, self.eval_sequences = missing, eval_sequences

    def open(self) -> Source:
        """Draws the evaluation splits, or reads recorded series."""
        if self.dataset == "synthetic":
            return ByRule(
                self.name,
                self.rule,
                min_length=self.min_length,
                max_length=self.max_length,
                eval_sequences=self.eval_sequences,
            )
        if self.files:
            found = self.files.split(
                lambda path: ts_files.read(path, self.notes, self.missing),
                lambda series: series.content,
            )
        else:
            found = published(self.dataset)
        return SeriesWithClasses(self.name, found)

    def references_of(self, split: str) -> dict[str, float]:
        """Accuracy of guessing and of a perfect rule, or of simple predictors on recorded data."""
        exact = {"chance": 1 / self.spec.output_size, "optimal": 1.0}
        batches = self.source.splits[split]
        return {
            name: exact[name] if name in exact else self.play(predictor, batches)
            for name, predictor in self.predictors().items()
        }

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes a `.ts` file of series that rise or fall."""
        path = folder / "example.ts"
        ts_files.write_example(path, seed)
        return path
