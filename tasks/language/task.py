"""Language modelling: predict the next character or word of a text."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.limits import GoesWith
from recurbench.tasks.base import (
    Batches,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
    generator,
    hash_data,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import own_files, read_text
from recurbench.tasks.common.symbols import Level, Symbols, Words
from recurbench.tasks.common.vocabulary import Vocabulary
from recurbench.tasks.generation import Generative
from recurbench.tasks.language.ngrams import NGrams
from recurbench.tasks.language.perplexity import BitsPerCharacter, Perplexity
from recurbench.tasks.language.streams import evaluation_streams, training_streams

Dataset = Literal["stdlib", "shakespeare", "file"]

HELD_OUT = 5
"""The share of a text, in percent, for each evaluation split without a file of its own."""


class Language(Generative, Classification):
    r"""Predicts each next symbol of a text from all symbols before it.

    A text is one sequence, so it is split by position: the first 90 % train, the next 5 % validate,
    the last 5 % test. As characters, the text `to be` is:

        input    t o _ b
        target   o _ b e

    With `words=punctuation`, a word is a run of letters and digits in any script, with the accents
    and vowel signs that they bear, or a single sign. With `words=whitespace`, a word is what stands
    between spaces, and each line ends with `<eos>`, as in the results on Penn Treebank (Mikolov et
    al., "Recurrent neural network based language model", 2010). Do not compare perplexities of the
    two, nor those of different vocabularies.

        >>> Language(level="word").symbols.cut("Alas, poor Yorick!")
        ['Alas', ',', 'poor', 'Yorick', '!']
        >>> Language(level="word", words="whitespace").symbols.cut("alas, <unk>\n i knew him")
        ['alas,', '<unk>', '<eos>', 'i', 'knew', 'him']

    Training cuts the text into `batch_size` streams that are read in parallel, `length` symbols a
    batch, each batch continuing where the one before ended (truncated BPTT). The train text is
    taken as a ring that every epoch cuts at another place, drawn from the seed. Evaluation reads
    each transition of a split once, in `eval_streams` streams with the state carried all the way.

    `default_references` hold for `dataset=stdlib` on Python 3.11; every version of Python has other
    help topics.

    Args:
        dataset: `stdlib`, the help topics of Python's pydoc; `shakespeare`, the 1.1 million
            characters of Karpathy's char-rnn (2015); `file`, texts of one's own in UTF-8, or in
            UTF-16 with a byte order mark.
        file: with `dataset=file`, the text to train on. Its last 5 % are for test, unless there is
            a `test_file`; the 5 % before them are for validation, unless there is a `val_file`.
        val_file: a text for validation.
        test_file: a text for test.
        level: what a symbol is.
        words: how a text is cut at word level.
        length: steps of a training batch, through which gradients flow.
        min_count: how often a symbol must occur in the train split to be known; all others become
            one symbol, `<unk>`.
        max_vocabulary: how many of the most frequent symbols are known beside `<unk>`.
        eval_streams: rows of an evaluation batch; each starts without a state once.

    Raises:
        TaskError: a knob is out of its range, or the files and `dataset` do not go together.
    """

    name = "language"
    primary = "bits_per_character"
    measures = "prediction of text from all that came before"
    default_references = {"uniform": 6.7004, "unigram": 4.5957, "bigram": 3.3086}
    seconds = 13

    def __init__(
        self,
        *,
        dataset: Dataset = "stdlib",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        level: Level = "character",
        words: Annotated[Words, GoesWith(level="word")] = "punctuation",
        length: Annotated[int, Ge(1)] = 64,
        min_count: Annotated[int, Ge(1)] = 1,
        max_vocabulary: Annotated[int, Ge(1)] = 10_000,
        eval_streams: Annotated[int, Ge(1)] = 16,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        self.dataset, self.level, self.symbols = dataset, level, Symbols(level, words)
        self.length, self.eval_streams = length, eval_streams
        self.min_count, self.max_vocabulary = min_count, max_vocabulary
        if level == "word":
            self.primary = "perplexity"

    def load(self) -> TaskSpec:
        """Reads and splits the text, and counts the vocabulary on the train split.

        Raises:
            TaskError: the text cannot be had, or a split is too short for the batches asked for.
        """
        splits = self._splits()
        self._require_symbols(splits, "train", batch_size=self.batch_size, length=self.length)
        self._require_symbols(splits, "val", eval_streams=self.eval_streams)
        self._require_symbols(splits, "test", eval_streams=self.eval_streams)
        self.vocabulary = Vocabulary(
            splits["train"], min_count=self.min_count, max_size=self.max_vocabulary
        )
        size = len(self.vocabulary)
        if size == 1:
            raise TaskError(
                f"{self._source('train')}: no {self.level} of the train split occurs "
                f"min_count={self.min_count} times"
            )
        self.train_ids, self.val_ids, self.test_ids = (
            self.symbols.encode(split, self.vocabulary) for split in splits.values()
        )
        return TaskSpec(size, tokens=True, output_size=size, scope="step", predicts_next=True)

    def metrics(self) -> MetricCollection:
        """Accuracy, loss in nats, perplexity and, at character level, bits per character."""
        metrics = super().metrics()
        metrics.add_metrics({"perplexity": Perplexity()})
        if self.level == "character":
            metrics.add_metrics({"bits_per_character": BitsPerCharacter()})
        return metrics

    def references(self) -> dict[str, float]:
        """The scores of models that count the symbols of the train split; see `NGrams`."""
        return self._scores(self.test_ids)

    def references_of(self, split: str) -> dict[str, float]:
        """The same on validation, the only other split."""
        return self._scores(self.val_ids)

    def predictors(self) -> dict[str, Predictor]:
        """The models of `references`; their outputs are the log-probabilities of all symbols."""
        every = torch.arange(len(self.vocabulary))

        def player(model: Callable[[Tensor, Tensor], Tensor]) -> Predictor:
            return lambda batch: model(dense(batch.inputs).flatten()[:, None], every)

        return {name: player(model) for name, model in self._models().items()}

    def fingerprint(self) -> str:
        """A hash of the splits' ids, the vocabulary and the cutting into batches."""
        splits = self.train_ids, self.val_ids, self.test_ids
        return hash_data(splits, self.vocabulary.symbols, self.length, self.eval_streams)

    def train_dataloader(self) -> Batches:
        """Chunks `(batch_size, length)` of parallel streams; a new epoch starts them anew."""
        key = self.name, "train", self.seed
        return training_streams(self.train_ids, self.batch_size, self.length, *key)

    def val_dataloader(self) -> Batches:
        """Every transition of the validation split once."""
        return evaluation_streams(self.val_ids, self.eval_streams)

    def test_dataloader(self) -> Batches:
        """Every transition of the test split once."""
        return evaluation_streams(self.test_ids, self.eval_streams)

    def encode_prompt(self, prompt: str) -> Tensor:
        """The ids of a text; an empty one is a line end or, if none is known, the likeliest symbol.

        What the train split does not have becomes `<unk>`.
        """
        symbols = self.symbols.cut(prompt)
        if symbols:
            return self.symbols.encode(symbols, self.vocabulary)
        return torch.tensor([self.vocabulary.id_of(self.symbols.line_end) or 1])

    def choose(
        self, outputs: Tensor, temperature: float, top_k: int | None, source: torch.Generator
    ) -> Tensor:
        """As `Generative.choose`, but never `<unk>`, which is no symbol to write."""
        known = outputs.clone()
        known[:, 0] = -torch.inf
        return super().choose(known, temperature, top_k, source)

    def to_text(self, sequence: Tensor) -> str:
        """Characters as they are; words with spaces between them, and a new line for `<eos>`."""
        return self.symbols.join(self.vocabulary.decode(sequence))

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes a text of sentences whose words are drawn at random."""
        words = ["a", "the", "one", "bird", "tree", "child", "king", "saw", "sings", "under", "not"]
        source = generator(cls.name, "example", seed)
        drawn = torch.randint(len(words), (400, 7), generator=source).tolist()
        path = folder / f"text_{seed}.txt"
        lines = (" ".join(words[number] for number in line) for line in drawn)
        path.write_text("".join(f"{line}.\n" for line in lines), encoding="utf-8")
        return path

    def _splits(self) -> dict[str, Sequence[str]]:
        """The symbols of train, val and test."""
        _, own_val, own_test = self.files or (None, None, None)
        val_share, test_share = (0 if own else HELD_OUT for own in (own_val, own_test))
        cut, whole = self.symbols.cut, self.symbols.cut(self._text())
        test_from = len(whole) * (100 - test_share) // 100
        val_from = len(whole) * (100 - test_share - val_share) // 100
        return {
            "train": whole[:val_from],
            "val": cut(read_text(own_val, self.notes)) if own_val else whole[val_from:test_from],
            "test": cut(read_text(own_test, self.notes)) if own_test else whole[test_from:],
        }

    def _text(self) -> str:
        if self.files:
            return read_text(self.files.file, self.notes)
        if self.dataset == "stdlib":
            paragraphs = "\n\n".join(topics[key] for key in sorted(topics)).split("\n\n")
            return "\n\n".join(dict.fromkeys(paragraphs))  # topics share some; each is kept once
        return read_text(fetch("shakespeare/input.txt"))

    def _source(self, split: str) -> str | Path:
        """Where a split comes from."""
        file, own_val, own_test = self.files or (None, None, None)
        return {"val": own_val, "test": own_test}.get(split) or file or self.dataset

    def _require_symbols(self, splits: dict[str, Sequence[str]], split: str, **knobs: int) -> None:
        """Refuses a split that does not fill the product of the knobs with transitions."""
        needed = math.prod(knobs.values()) + 1
        if len(splits[split]) < needed:
            asked = " and ".join(f"{knob}={value}" for knob, value in knobs.items())
            raise TaskError(
                f"{self._source(split)}: the {split} split has {len(splits[split])} {self.level}s, "
                f"but {asked} need {needed}"
            )

    def _scores(self, ids: Tensor) -> dict[str, float]:
        before, after = ids[:-1], ids[1:]
        nats = {name: -model(before, after).mean().item() for name, model in self._models().items()}
        if self.level == "character":
            return {name: value / math.log(2) for name, value in nats.items()}
        return {name: math.exp(value) for name, value in nats.items()}

    def _models(self) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
        """The counting models by their names, from the least to the most informed."""
        models = NGrams(self.train_ids, len(self.vocabulary))
        return {"uniform": models.uniform, "unigram": models.unigram, "bigram": models.bigram}
