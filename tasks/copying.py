"""The copying task: recall symbols, in order, after a delay."""

import math
from collections.abc import Iterable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from tasks.base import (
    EVAL_ROWS,
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
from tasks.metrics import classification_metrics

Score = Literal["recall", "every"]


class Copying(Task):
    """Recalls random symbols, in order, once a marker says go.

    Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997, in the layout of Arjovsky et al.,
    "Unitary Evolution Recurrent Neural Networks", 2016, and Bai et al., "An Empirical Evaluation of
    Generic Convolutional and Recurrent Networks", 2018: the symbols, `delay` steps of which the
    last is the marker, then a blank for each symbol that is due. With `symbols=3, delay=4`:

        input    2 5 1 _ _ _ > _ _ _
        target   . . . . . . . 2 5 1

    A dot does not count with `score=recall` and is a blank to predict with `score=every`, the
    layout of the published losses. The two are not to be compared: `memoryless_loss` of the first
    is ln 8, of the second 10 ln 8 / (T + 20), for 10 symbols out of 8 and a delay of T.

    Further test splits, `delay_<n>`, have two and four times the delay that is trained on.

    Args:
        symbols: how many are recalled.
        delay: steps from the last symbol to the marker.
        alphabet: different symbols.
        score: the steps that count in loss and accuracy.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "copying"
    primary = "accuracy"

    def __init__(
        self,
        *,
        symbols: int = 5,
        delay: int = 15,
        alphabet: int = 8,
        score: Score = "recall",
        eval_sequences: int = 1000,
    ) -> None:
        super().__init__()
        require_positive(symbols=symbols, delay=delay, eval_sequences=eval_sequences)
        require_choice(get_args(Score), score=score)
        if alphabet < 2:
            raise TaskError(f"alphabet must be at least 2, not {alphabet}")
        self.symbols, self.delay, self.alphabet, self.score = symbols, delay, alphabet, score
        self.eval_sequences = eval_sequences
        self.blank, self.go = alphabet, alphabet + 1

    @property
    def memoryless_loss(self) -> float:
        """The least loss without memory: blanks are certain, each recalled symbol costs ln A."""
        counted = self.symbols if self.score == "recall" else self.delay + 2 * self.symbols
        return self.symbols * math.log(self.alphabet) / counted

    def setup(self, stage: str | None = None) -> None:
        """Generates the evaluation splits."""
        self.spec = TaskSpec(
            input_size=self.alphabet + 2,
            tokens=True,
            output_size=self.alphabet + (self.score == "every"),
            scope="step",
        )
        delays = {"val": self.delay, "test": self.delay}
        delays |= {f"delay_{factor * self.delay}": factor * self.delay for factor in (2, 4)}
        self._splits = {split: self._evaluation(split, delay) for split, delay in delays.items()}

    def layout(self, recalled: Tensor, delay: int) -> Batch:
        """The sequences that ask for symbols `(B, S)` back: inputs and targets `(B, T)`."""
        rows, symbols = recalled.shape
        inputs = torch.full((rows, delay + 2 * symbols), self.blank)
        inputs[:, :symbols] = recalled
        inputs[:, symbols + delay - 1] = self.go
        targets = torch.full_like(inputs, IGNORE_INDEX if self.score == "recall" else self.blank)
        targets[:, -symbols:] = recalled
        return Batch(inputs, targets)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of the steps that count, in nats."""
        return F.cross_entropy(outputs, targets, ignore_index=IGNORE_INDEX)

    def metrics(self) -> MetricCollection:
        """Accuracy and mean cross-entropy of the steps that count."""
        return classification_metrics(self.spec.output_size)

    def references(self) -> dict[str, float]:
        """Accuracy without memory, which guesses the symbols but knows where blanks are due."""
        total = self.delay + 2 * self.symbols
        counted = self.symbols if self.score == "recall" else total
        return {"chance": 1 - self.symbols * (1 - 1 / self.alphabet) / counted, "optimal": 1.0}

    def fingerprint(self) -> str:
        """Of every evaluation split and the first training batch of 32 at seed 0."""
        return hash_data(*map(list, self._splits.values()), self._training_batch(32, 0, 0))

    def train_dataloader(self) -> Iterable[Batch]:
        """Fresh sequences at every step, without end."""
        rows, seed = self.batch_size, self.seed
        return Batches(lambda step: self._training_batch(rows, seed, step))

    def val_dataloader(self) -> Iterable[Batch]:
        """The validation split."""
        return self._splits["val"]

    def test_dataloader(self) -> Iterable[Batch]:
        """The test split, at the delay that is trained on."""
        return self._splits["test"]

    def extra_test_dataloaders(self) -> dict[str, Iterable[Batch]]:
        """Test splits at longer delays."""
        return {name: split for name, split in self._splits.items() if name not in ("val", "test")}

    def _training_batch(self, rows: int, seed: int, step: int) -> Batch:
        recalled = self._draw(rows, generator(self.name, "train", seed, step))
        return self.layout(recalled, self.delay)

    def _draw(self, rows: int, draw: torch.Generator) -> Tensor:
        return torch.randint(self.alphabet, (rows, self.symbols), generator=draw)

    def _evaluation(self, split: str, delay: int) -> Batches:
        recalled = self._draw(self.eval_sequences, generator(self.name, split)).split(EVAL_ROWS)
        return Batches(lambda position: self.layout(recalled[position], delay), len(recalled))
