"""Translation: read a text, then say it in another language or form."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torchmetrics import MetricCollection

from recurbench.tasks.base import (
    EVAL_ROWS,
    IGNORE_INDEX,
    Batch,
    Batches,
    FreeRun,
    Predictor,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import own_files
from recurbench.tasks.common.sequences import Sequences, as_rows
from recurbench.tasks.common.symbols import Level, Symbols
from recurbench.tasks.common.vocabulary import UNKNOWN, Vocabulary
from recurbench.tasks.generation import Generative
from recurbench.tasks.translation.dates import (
    LANGUAGES,
    LATER_YEARS,
    Dates,
    Language,
    days,
    numbers_in_place,
)
from recurbench.tasks.translation.translations import (
    SEPARATOR,
    STOP,
    ExactMatch,
    Pair,
    continuations,
    read_pairs,
    usual_symbols,
)

Dataset = Literal["dates", "file"]

Say = Callable[[Sequence[str]], Sequence[str]]
"""The symbols of a target, from those of a source."""


class Translation(Generative, Classification):
    r"""Reads a source, and after a separator says the target and stops, symbol by symbol.

    Source and target are one sequence, of which each next symbol is predicted (Sutskever, Vinyals &
    Le, "Sequence to Sequence Learning with Neural Networks", 2014, with one network in place of
    two). What counts in loss, accuracy and score is the target with its end. With `>` for the
    separator and `$` for the stop:

        input    1 . _ M a i _ 2 0 2 4 > 2 0 2 4 - 0 5 - 0 1
        target   . . . . . . . . . . . 2 0 2 4 - 0 5 - 0 1 $

    In training, and for `accuracy` and `loss`, the model is given the right target so far. The
    score is `exact_match`: the share of sources whose target it says without a fault when it reads
    its own likeliest symbols, and stops there.

        >>> task = Translation(languages=["de"])
        >>> pair = Pair("1. Mai 2024", "2024-05-01")
        >>> task.vocabulary = Vocabulary("".join(pair), special=(SEPARATOR, STOP))
        >>> prompts, answers, stop = task.free_run(task.encode([pair]).pack())
        >>> task.to_text(prompts.data), task.to_text(answers[0])
        ('1. Mai 2024\t', '2024-05-01')

    `dataset=dates` draws dates of the years 1900 to 2099, written out in one of ten languages and
    three forms, from the weekday in full to all but numbers (`common/dates.py`); the target is the
    date by ISO 8601. No date that is tested is trained on in any language. The further test split
    `later_years` has dates of 2100 to 2199. Neural machine translation of dates is a classic
    exercise; ours asks one model for all languages and tests whole dates.

    Args:
        dataset: where the pairs come from.
        file: lines of one's own of a source, a tab and a target, for `dataset=file`.
        val_file: lines for validation; otherwise a tenth of those in `file`, by a hash of their
            sources.
        test_file: lines for test; otherwise another tenth of those in `file`.
        level: what a symbol of one's own files is; words are what stands between spaces. Dates are
            read by the character.
        languages: which of de, en, es, fi, fr, it, nl, pl, pt and sv dates are written in; all by
            default.
        eval_sequences: dates in validation and in each test split.
    """

    name = "translation"
    primary = "exact_match"
    measures = "holding a whole text, and saying it in another form while keeping the place"
    default_references = {"most_frequent": 0.0, "copy_digits": 0.153, "optimal": 1.0}
    seconds = 30
    stop = 2

    def __init__(
        self,
        *,
        dataset: Dataset = "dates",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        level: Level = "character",
        languages: list[Language] | None = None,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        if self.files and languages is not None:
            raise TaskError(f"languages={languages} goes with dataset=dates, not dataset=file")
        if not self.files and level != "character":
            raise TaskError(f"level={level} goes with dataset=file, not dataset=dates")
        if languages is not None and len(set(languages)) < max(len(languages), 1):
            raise TaskError(f"languages must be different, at least one, not {languages}")
        self.text, self.eval_sequences = Symbols(level, "whitespace"), eval_sequences
        self.languages = languages or LANGUAGES

    def load(self) -> TaskSpec:
        """Draws the evaluation splits, or reads pairs; training's symbols are the vocabulary.

        Raises:
            TaskError: a file is missing or damaged, or a split is empty.
        """
        self._train: Sequences | None = None
        if self.files:
            read = self.files.split(
                lambda path: read_pairs(path, self.text.cut), lambda pair: pair.source
            )
            self._learn(read.train)
            self._train = self.encode(read.train)
            splits = {"val": read.val, "test": read.test}
            self._targets = [pair.target for pair in read.train]
        else:
            self.dates = Dates(self.languages)
            self._learn(self.dates.alphabet())
            drawn_from: dict[str, Sequence[int]] = {
                "val": self.dates.splits.val,
                "test": self.dates.splits.test,
                "later_years": days(LATER_YEARS),
            }
            splits = {
                split: self.dates.draw(self.eval_sequences, among, generator(self.name, split))
                for split, among in drawn_from.items()
            }
            self._targets = [date.fromordinal(day).isoformat() for day in self.dates.splits.train]
        self._splits = {split: self.encode(pairs) for split, pairs in splits.items()}
        size = len(self.vocabulary)
        return TaskSpec(size, tokens=True, output_size=size, scope="step", predicts_next=True)

    def encode(self, pairs: Sequence[Pair]) -> Sequences:
        """The sequences of pairs, whose sources do not count."""
        inputs, targets = [], []
        for source, target in pairs:
            before = self.text.cut(source)
            ids = self.vocabulary.ids_of([*before, SEPARATOR, *self.text.cut(target), STOP])
            inputs.append(ids[:-1])
            targets.append([IGNORE_INDEX] * len(before) + ids[len(before) + 1 :])
        return Sequences.of(as_rows(inputs), as_rows(targets))

    def free_run(self, batch: Batch) -> FreeRun:
        """Sources with their separators, and their targets with their stops."""
        return continuations(batch, self.stop)

    def free_run_metrics(self) -> MetricCollection:
        """`exact_match`."""
        return MetricCollection({"exact_match": ExactMatch(self.vocabulary.id_of(UNKNOWN))})

    def predictors(self) -> dict[str, Predictor]:
        """The usual symbol at each place; the source, or a date's numbers; a date's target."""
        targets = [self._ids(self.text.cut(target)) for target in self._targets]
        most_frequent = self.vocabulary.decode(usual_symbols(targets, self.stop))
        usual = self._player(lambda _: most_frequent)
        if self.files:
            return {"most_frequent": usual, "copy": self._player(lambda source: source)}
        return {
            "most_frequent": usual,
            "copy_digits": self._player(lambda source: numbers_in_place("".join(source))),
            "optimal": self.oracle,
        }

    def fingerprint(self) -> str:
        """Of the vocabulary, the evaluation splits, and all or the first of training."""
        train = self._train or self._draw(32, 0, 0)
        return hash_data(self.vocabulary.symbols, list(train), *map(list, self._splits.values()))

    def train_dataloader(self) -> Batches:
        """Fresh draws of dates without end, or the pairs of a file, reshuffled every epoch."""
        rows, seed = self.batch_size, self.seed
        if self._train is not None:
            return self._train.epochs(rows, self.name, "train", seed)
        return Batches(lambda step: self._draw(rows, seed, step).pack())

    def val_dataloader(self) -> Batches:
        """The validation split, from short to long."""
        return self._splits["val"].by_length(EVAL_ROWS)

    def test_dataloader(self) -> Batches:
        """The test split, from short to long."""
        return self._splits["test"].by_length(EVAL_ROWS)

    def extra_test_dataloaders(self) -> dict[str, Batches]:
        """Dates of later years than are trained on."""
        names = [name for name in self._splits if name not in ("val", "test")]
        return {name: self._splits[name].by_length(EVAL_ROWS) for name in names}

    def encode_prompt(self, prompt: str) -> Tensor:
        """The ids of a source and the separator; what training does not have is unknown.

        Raises:
            TaskError: the source is empty.
        """
        source = self.text.cut(prompt.strip())
        if not source:
            raise TaskError("the prompt is empty, but a text to translate is needed")
        return self._ids([*source, SEPARATOR])

    def choose(
        self, outputs: Tensor, temperature: float, top_k: int | None, source: torch.Generator
    ) -> Tensor:
        """As `Generative.choose`, but only what can stand in a target."""
        known = outputs.clone()
        known[:, self._ids([UNKNOWN, SEPARATOR])] = -torch.inf
        return super().choose(known, temperature, top_k, source)

    def to_text(self, sequence: Tensor) -> str:
        """A pair as a file has it, with a tab between source and target."""
        symbols = [symbol for symbol in self.vocabulary.decode(sequence) if symbol != STOP]
        return re.sub(f" ?{SEPARATOR} ?", "\t", self.text.join(symbols))

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes dates in German, by the word and in full."""
        dates, path = Dates(["de"]), folder / f"dates-{seed}.tsv"
        pairs = dates.draw(400, dates.splits.train, generator(cls.name, "example", seed))
        path.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
        return path

    def _learn(self, train: Sequence[Pair]) -> None:
        symbols = (symbol for pair in train for text in pair for symbol in self.text.cut(text))
        self.vocabulary = Vocabulary(symbols, special=(SEPARATOR, STOP))

    def _ids(self, symbols: Sequence[str]) -> Tensor:
        return self.vocabulary.encode(symbols)

    def _draw(self, rows: int, seed: int, step: int) -> Sequences:
        source = generator(self.name, "train", seed, step)
        return self.encode(self.dates.draw(rows, self.dates.splits.train, source))

    def _player(self, say: Say) -> Predictor:
        """Plays what gives a target's symbols for a source's."""

        def play(batch: Batch) -> Tensor:
            prompts, answers, _ = self.free_run(batch)
            assert isinstance(prompts, PackedSequence)
            decoded = torch.full_like(answers, self.stop)
            sources, lengths = pad_packed_sequence(prompts, batch_first=True)
            for row, source, length in zip(decoded, sources, lengths, strict=True):
                said = self._ids(say(self.vocabulary.decode(source[: length - 1])))[: len(row)]
                row[: len(said)] = said
            return decoded

        return play
