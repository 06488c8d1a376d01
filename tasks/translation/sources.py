"""Where pairs of source and target come from: dates that are drawn, or lines of files."""

from collections.abc import Callable, Sequence
from datetime import date

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.base import (
    EVAL_ROWS,
    IGNORE_INDEX,
    Batch,
    Batches,
    Predictor,
    Task,
    TaskSpec,
    generator,
    hash_data,
)
from recurbench.tasks.common.files import OwnFiles
from recurbench.tasks.common.sequences import Sequences, as_rows
from recurbench.tasks.common.source import Source
from recurbench.tasks.common.symbols import Symbols
from recurbench.tasks.common.vocabulary import Vocabulary
from recurbench.tasks.translation.dates import LATER_YEARS, Dates, Language, days, numbers_in_place
from recurbench.tasks.translation.translations import (
    SEPARATOR,
    STOP,
    Pair,
    read_pairs,
    usual_symbols,
)

Say = Callable[[Sequence[str]], Sequence[str]]
"""The symbols of a target, from those of a source."""

STOP_ID = 2
"""Of `STOP` in every vocabulary of this task."""


class Pairs(Source):
    """Pairs as sequences of source, separator, target and stop; each next symbol is predicted.

    Args:
        task: the task's name, from which all random draws follow.
        text: how texts are cut into symbols.
        train: pairs whose symbols are the vocabulary.

    Attributes:
        targets: the targets of training, for the references.
    """

    targets: Sequence[str]

    def __init__(self, task: str, text: Symbols, train: Sequence[Pair]) -> None:
        self.task, self.text = task, text
        symbols = (symbol for pair in train for part in pair for symbol in text.cut(part))
        self.vocabulary = Vocabulary(symbols, special=(SEPARATOR, STOP))
        size = len(self.vocabulary)
        self.spec = TaskSpec(size, True, size, scope="step", predicts_next=True)

    def evaluate(self, splits: dict[str, Sequence[Pair]]) -> None:
        """Sets the evaluation splits, each read from short to long."""
        self.sequences = {split: self.encode(pairs) for split, pairs in splits.items()}
        self.splits = {split: rows.by_length(EVAL_ROWS) for split, rows in self.sequences.items()}

    def encode(self, pairs: Sequence[Pair]) -> Sequences:
        """The sequences of pairs, whose sources do not count."""
        inputs, targets = [], []
        for source, target in pairs:
            before = self.text.cut(source)
            ids = self.vocabulary.ids_of([*before, SEPARATOR, *self.text.cut(target), STOP])
            inputs.append(ids[:-1])
            targets.append([IGNORE_INDEX] * len(before) + ids[len(before) + 1 :])
        return Sequences.of(as_rows(inputs), as_rows(targets))

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """`most_frequent`: the most frequent symbol at each place."""
        ids = [self.vocabulary.encode(self.text.cut(target)) for target in self.targets]
        most_frequent = self.vocabulary.decode(usual_symbols(ids, STOP_ID))
        return {"most_frequent": self._player(task, lambda _: most_frequent)}

    def _player(self, task: Task, say: Say) -> Predictor:
        """A predictor from what gives a target's symbols for those of a source."""

        def play(batch: Batch) -> Tensor:
            run = task.free_run(batch)
            assert run is not None
            assert isinstance(run.prompts, PackedSequence)
            padded, lengths = pad_packed_sequence(run.prompts, batch_first=True)
            said = torch.full_like(run.answers, STOP_ID)
            for row, (ids, length) in enumerate(zip(padded, lengths.tolist(), strict=True)):
                source = self.vocabulary.decode(ids[: length - 1])
                symbols = self.vocabulary.encode(say(source))[: said.shape[1]]
                said[row, : len(symbols)] = symbols
            return said

        return play

    def _hash(self, train: Sequences) -> str:
        return hash_data(self.vocabulary.symbols, list(train), *map(list, self.sequences.values()))


class DrawnDates(Pairs):
    """Dates in many languages and forms, with what they are in ISO 8601.

    Args:
        task: the task's name.
        text: how texts are cut into symbols.
        languages: to draw from.
        eval_sequences: dates in validation and in each test split.
    """

    def __init__(
        self, task: str, text: Symbols, languages: Sequence[Language], eval_sequences: int
    ) -> None:
        self.dates = Dates(languages)
        super().__init__(task, text, self.dates.alphabet())
        among: dict[str, Sequence[int]] = {
            "val": self.dates.splits.val,
            "test": self.dates.splits.test,
            "later_years": days(LATER_YEARS),
        }
        self.evaluate(
            {
                split: self.dates.draw(eval_sequences, drawn_from, generator(task, split))
                for split, drawn_from in among.items()
            }
        )
        self.targets = [date.fromordinal(day).isoformat() for day in self.dates.splits.train]

    def training(self, batch_size: int, seed: int) -> Batches:
        """Fresh draws without end."""
        return Batches(lambda step: self._draw(batch_size, seed, step).pack())

    def fingerprint(self) -> str:
        """A hash of the vocabulary, the first training batch and the evaluation splits."""
        return self._hash(self._draw(32, 0, 0))

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """The most frequent symbols, the numbers of a date in their places, the right answer."""
        return super().predictors(task) | {
            "copy_digits": self._player(task, lambda source: numbers_in_place("".join(source))),
            "optimal": task.oracle,
        }

    def _draw(self, rows: int, seed: int, step: int) -> Sequences:
        source = generator(self.task, "train", seed, step)
        return self.encode(self.dates.draw(rows, self.dates.splits.train, source))


class ReadPairs(Pairs):
    """Pairs of lines in files.

    Args:
        task: the task's name.
        text: how texts are cut into symbols.
        files: where to read.
        notes: where to say what was recognised and left out.
        header: whether each file begins with a header; None finds it.

    Raises:
        TaskError: a file is missing or damaged, or a split is empty.
    """

    def __init__(
        self, task: str, text: Symbols, files: OwnFiles, notes: list[str], header: bool | None
    ) -> None:
        read = files.split(
            lambda path: read_pairs(path, text.cut, notes, header), lambda pair: pair.source
        )
        super().__init__(task, text, read.train)
        self.train = self.encode(read.train)
        self.evaluate({"val": read.val, "test": read.test})
        self.targets = [pair.target for pair in read.train]

    def training(self, batch_size: int, seed: int) -> Batches:
        """All pairs again and again, reshuffled in every epoch."""
        return self.train.epochs(batch_size, self.task, "train", seed)

    def fingerprint(self) -> str:
        """A hash of the vocabulary, the training pairs and the evaluation splits."""
        return self._hash(self.train)

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """The most frequent symbols, and the source itself."""
        return super().predictors(task) | {"copy": self._player(task, lambda source: source)}
