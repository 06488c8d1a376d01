"""Translation: read a text, then say it in another language or form."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.limits import GoesWith
from recurbench.tasks.base import Batch, FreeRun, TaskError, generator
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import only_with_files, own_files
from recurbench.tasks.common.source import FromSource
from recurbench.tasks.common.symbols import Level, Symbols
from recurbench.tasks.common.vocabulary import UNKNOWN
from recurbench.tasks.generation import Generative
from recurbench.tasks.translation.dates import LANGUAGES, Dates, Language
from recurbench.tasks.translation.sources import STOP_ID, DrawnDates, Pairs, ReadPairs
from recurbench.tasks.translation.translations import SEPARATOR, STOP, ExactMatch, continuations

Dataset = Literal["dates", "file"]


class Translation(Generative, Classification, FromSource):
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

        >>> from recurbench.tasks.translation.translations import Pair
        >>> task = Translation(languages=["de"]).ready(batch_size=1, seed=0)
        >>> pair = Pair("1. Mai 2024", "2024-05-01")
        >>> prompts, answers, stop = task.free_run(task.source.encode([pair]).pack())
        >>> task.to_text(prompts.data), task.to_text(answers[0])
        ('1. Mai 2024\t', '2024-05-01')

    `dataset=dates` draws dates of the years 1900 to 2099, written in one of ten languages and three
    forms, of which the longest has the weekday too and the shortest may be numbers alone
    (`dates.py`); the target is the date by ISO 8601. No date of test is trained on in any language.
    The further test split `later_years` has dates of 2100 to 2199. To translate dates is a classic
    exercise; ours asks one model for all languages and tests whole dates.

    Args:
        dataset: where the pairs come from.
        file: lines of one's own of a source, a tab and a target, for `dataset=file`.
        val_file: lines for validation; otherwise a tenth of those in `file`, by a hash of their
            sources.
        test_file: lines for test; otherwise another tenth of those in `file`.
        level: what a symbol of one's own files is; words are what stands between spaces. Dates are
            read by the character.
        header: whether the first line of one's own files is a header, such as `source` and
            `target`; by default it is found by such names.
        languages: which of de, en, es, fi, fr, it, nl, pl, pt and sv dates are written in; all by
            default.
        eval_sequences: dates in validation and in each test split.
    """

    source: Pairs
    name = "translation"
    primary = "exact_match"
    measures = "holding a whole text, and saying it in another form while keeping the place"
    default_references = {"most_frequent": 0.0, "copy_digits": 0.153, "optimal": 1.0}
    seconds = 30
    stop = STOP_ID

    def __init__(
        self,
        *,
        dataset: Dataset = "dates",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        level: Level = "character",
        header: bool | None = None,
        languages: list[Language] | None = None,
        eval_sequences: Annotated[int, Ge(1), GoesWith(dataset="dates")] = 1000,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        if self.files and languages is not None:
            raise TaskError(f"languages={languages} goes with dataset=dates, not dataset=file")
        if not self.files and level != "character":
            raise TaskError(f"level={level} goes with dataset=file, not dataset=dates")
        if languages is not None and len(set(languages)) < max(len(languages), 1):
            raise TaskError(f"languages must be different, at least one, not {languages}")
        only_with_files(dataset, header=header)
        self.header = header
        self.text, self.eval_sequences = Symbols(level, "whitespace"), eval_sequences
        self.languages = languages or LANGUAGES

    def open(self) -> Pairs:
        """Draws the evaluation splits, or reads pairs; training's symbols are the vocabulary."""
        if self.files:
            return ReadPairs(self.name, self.text, self.files, self.notes, self.header)
        return DrawnDates(self.name, self.text, self.languages, self.eval_sequences)

    def free_run(self, batch: Batch) -> FreeRun:
        """Sources with their separators, and their targets with their stops."""
        return continuations(batch, self.stop)

    def free_run_metrics(self) -> MetricCollection:
        """`exact_match`."""
        return MetricCollection({"exact_match": ExactMatch(self.source.vocabulary.id_of(UNKNOWN))})

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
        symbols = [symbol for symbol in self.source.vocabulary.decode(sequence) if symbol != STOP]
        return re.sub(f" ?{SEPARATOR} ?", "\t", self.text.join(symbols))

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes dates in German, by the word and in full."""
        dates, path = Dates(["de"]), folder / f"dates-{seed}.tsv"
        pairs = dates.draw(400, dates.splits.train, generator(cls.name, "example", seed))
        path.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
        return path

    def _ids(self, symbols: Sequence[str]) -> Tensor:
        return self.source.vocabulary.encode(symbols)
