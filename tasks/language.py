"""Language modelling: predict the next character or word of a text."""

import math
import re
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from tasks.base import (
    IGNORE_INDEX,
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
from tasks.common.metrics import MeanCrossEntropy, classification_metrics
from tasks.common.ngrams import ngram_nats
from tasks.corpora import fetch, read_text

Corpus = Literal["stdlib", "shakespeare", "path"]
Level = Literal["character", "word"]

UNKNOWN = "<unk>"
"""The symbol with id 0, which stands for all that the train split does not have."""

EVAL_LENGTH = 128
"""Steps of an evaluation batch; the state is carried over, so scores do not depend on it."""


class BitsPerCharacter(MeanCrossEntropy):
    """The mean negative log-likelihood of an epoch in bits: nats / ln 2."""

    def compute(self) -> Tensor:
        """Bits per character so far."""
        return super().compute() / math.log(2)


class Perplexity(MeanCrossEntropy):
    """The exponential of the epoch's mean negative log-likelihood."""

    def compute(self) -> Tensor:
        """The perplexity so far."""
        return super().compute().exp()


class Language(Task):
    """Predicts each next symbol of a text from all symbols before it.

    The first 90 % of a text train, the next 5 % validate, the last 5 % test. As characters, the
    text `to be` is:

        input    t o _ b
        target   o _ b e

    Training cuts the text into `batch_size` streams that are read in parallel, `length` symbols a
    batch, each batch continuing where the one before ended (truncated BPTT). The train text is
    taken as a ring that every epoch cuts at another place, drawn from the seed. Evaluation reads
    each transition of a split once, in `eval_streams` streams with the state carried all the way.

    Args:
        corpus: `stdlib`, the help topics of Python's pydoc (another text in each Python version);
            `shakespeare`, the 1.1 million characters of Karpathy's char-rnn (2015); `path`, `file`.
        file: a UTF-8 text of one's own, for `corpus=path`.
        level: what a symbol is: a character, or a word or punctuation mark without its spaces.
        length: steps of a training batch, through which gradients flow.
        max_vocabulary: at word level, how many of the most frequent train words are known.
        eval_streams: rows of an evaluation batch; each starts without a state once.

    Raises:
        TaskError: a knob is out of its range, or `file` and `corpus` do not go together.
    """

    name = "language"

    def __init__(
        self,
        *,
        corpus: Corpus = "stdlib",
        file: str | None = None,
        level: Level = "character",
        length: int = 64,
        max_vocabulary: int = 10_000,
        eval_streams: int = 16,
    ) -> None:
        super().__init__()
        require_choice(get_args(Corpus), corpus=corpus)
        require_choice(get_args(Level), level=level)
        require_positive(length=length, max_vocabulary=max_vocabulary, eval_streams=eval_streams)
        if (corpus == "path") != (file is not None):
            raise TaskError(
                f"corpus={corpus} with file={file}: corpus=path, and it alone, has a file"
            )
        self.corpus, self.file, self.level = corpus, file, level
        self.length, self.max_vocabulary, self.eval_streams = length, max_vocabulary, eval_streams
        self.primary = "bits_per_character" if level == "character" else "perplexity"

    def load(self) -> TaskSpec:
        """Reads and splits the text, and counts the vocabulary on the train split.

        Raises:
            TaskError: the text cannot be had, or a split is too short for the batches asked for.
        """
        text = self._text()
        symbols = list(text) if self.level == "character" else re.findall(r"\w+|[^\w\s]", text)
        borders = len(symbols) * 90 // 100, len(symbols) * 95 // 100
        known = Counter(symbols[: borders[0]]).most_common(
            self.max_vocabulary if self.level == "word" else None
        )
        self.vocabulary = [UNKNOWN, *(symbol for symbol, _ in known)]
        index = {symbol: i for i, symbol in enumerate(self.vocabulary)}
        ids = torch.tensor([index.get(symbol, 0) for symbol in symbols], dtype=torch.long)
        self.train_ids, self.val_ids, self.test_ids = ids.tensor_split(borders)
        self._require_symbols(
            "train", self.train_ids, batch_size=self.batch_size, length=self.length
        )
        self._require_symbols("val", self.val_ids, eval_streams=self.eval_streams)
        self._require_symbols("test", self.test_ids, eval_streams=self.eval_streams)
        size = len(self.vocabulary)
        return TaskSpec(size, tokens=True, output_size=size, scope="step", predicts_next=True)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy in nats of logits `(N, V)` and ids `(N,)`."""
        return F.cross_entropy(outputs, targets, ignore_index=IGNORE_INDEX)

    def metrics(self) -> MetricCollection:
        """Accuracy, loss in nats, perplexity and, at character level, bits per character."""
        metrics = classification_metrics(self.spec.output_size)
        metrics.add_metrics({"perplexity": Perplexity()})
        if self.level == "character":
            metrics.add_metrics({"bits_per_character": BitsPerCharacter()})
        return metrics

    def references(self) -> dict[str, float]:
        """All symbols alike, and symbol and pair counts of the train split (see `ngram_nats`)."""
        size = len(self.vocabulary)
        nats = {"uniform": math.log(size), **ngram_nats(self.train_ids, self.test_ids, size)}
        if self.level == "character":
            return {name: value / math.log(2) for name, value in nats.items()}
        return {name: math.exp(value) for name, value in nats.items()}

    def fingerprint(self) -> str:
        """A hash of the splits' ids, the vocabulary and the cutting into batches."""
        splits = self.train_ids, self.val_ids, self.test_ids
        return hash_data(splits, self.vocabulary, self.length, self.eval_streams)

    def train_dataloader(self) -> Batches:
        """Chunks `(batch_size, length)` of parallel streams; a new epoch starts them anew."""
        symbols, rows, length = len(self.train_ids), self.batch_size, self.length
        steps = symbols // (rows * length)
        ring = self.train_ids.repeat(2)

        def make(position: int) -> Batch:
            epoch, step = divmod(position, steps)
            rng = generator(self.name, "train", self.seed, epoch)
            start = int(torch.randint(symbols, (), generator=rng))
            text = ring[start : start + rows * steps * length + 1]
            chunk = slice(step * length, (step + 1) * length)
            inputs, targets = text[:-1].view(rows, -1), text[1:].view(rows, -1)
            return Batch(inputs[:, chunk], targets[:, chunk], fresh=step == 0)

        return Batches(make)

    def val_dataloader(self) -> Batches:
        """Every transition of the validation split once."""
        return self._evaluation(self.val_ids)

    def test_dataloader(self) -> Batches:
        """Every transition of the test split once."""
        return self._evaluation(self.test_ids)

    def _text(self) -> str:
        if self.corpus == "stdlib":
            return "\n".join(topics[key] for key in sorted(topics))
        if self.file is not None:
            return read_text(Path(self.file).expanduser())
        return read_text(fetch("shakespeare/input.txt"))

    def _require_symbols(self, split: str, ids: Tensor, **knobs: int) -> None:
        """Refuses a split that does not fill the product of the knobs with transitions."""
        needed = math.prod(knobs.values()) + 1
        if len(ids) < needed:
            asked = " and ".join(f"{knob}={value}" for knob, value in knobs.items())
            raise TaskError(
                f"{self.file or self.corpus}: the {split} split has {len(ids)} {self.level}s, "
                f"but {asked} need {needed}"
            )

    def _evaluation(self, ids: Tensor) -> Batches:
        transitions = len(ids) - 1
        padding = -transitions % self.eval_streams
        inputs = F.pad(ids[:-1], (0, padding)).view(self.eval_streams, -1)
        targets = F.pad(ids[1:], (0, padding), value=IGNORE_INDEX).view(self.eval_streams, -1)
        chunks = list(zip(inputs.split(EVAL_LENGTH, 1), targets.split(EVAL_LENGTH, 1), strict=True))
        return Batches(lambda i: Batch(*chunks[i], fresh=i == 0), len(chunks))
