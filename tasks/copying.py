"""The copying task: recall symbols, in order, after a delay."""

import math
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Predictor,
    TaskSpec,
    dense,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_largest_count, expected_overlap
from recurbench.tasks.common.synthetic import Synthetic

Score = Literal["recall", "every"]
Layout = Literal["arjovsky", "bai"]


class Copying(Classification, Synthetic):
    """Recalls random symbols, in order, once a marker says go.

    Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997, in the layout of Arjovsky et al.,
    "Unitary Evolution Recurrent Neural Networks", 2016, and Bai et al., "An Empirical Evaluation of
    Generic Convolutional and Recurrent Networks", 2018: the symbols, `delay` steps of which the
    last is the marker, then a blank for each symbol that is due. With `symbols=3, delay=4`:

        input    2 5 1 _ _ _ > _ _ _
        target   . . . . . . . 2 5 1

    A dot does not count with `score=recall` and is a blank to predict with `score=every`, the
    layout of the published losses. The first is ranked by accuracy. In the second blanks alone make
    nearly every step right, so that it is ranked by its loss. Two references come before any
    recall: `memoryless` knows the present input alone, `clock` knows the step too, and so when a
    symbol is due. `clock` is 10 ln 8 / (T + 20) for 10 symbols out of 8 and a delay of T, which
    Arjovsky et al. call the memoryless baseline; as the better of the two it is the zero of
    normalised scores. A cell without a clock cannot reach it.

        >>> task = Copying(symbols=3, delay=4)
        >>> inputs, targets, _ = task.layout(torch.tensor([[2, 5, 1]]), delay=4)
        >>> inputs.tolist()  # 8 is the blank, 9 the marker
        [[2, 5, 1, 8, 8, 8, 9, 8, 8, 8]]
        >>> targets[:, -3:].tolist()
        [[2, 5, 1]]

    With `layout=bai` the sequences are those of Bai et al., "An Empirical Evaluation of Generic
    Convolutional and Recurrent Networks", 2018: the marker goes on through the recall, each step is
    one number, and with `score=every` the marker is a class too, which is never right. The marker
    says that symbols are due, so that `memoryless` is close to `clock`:

        input    3 6 2 0 0 0 9 9 9 9
        target   . . . . . . . 3 6 2

        >>> task = Copying(symbols=3, delay=4, layout="bai", score="every")
        >>> inputs, targets, _ = task.layout(torch.tensor([[2, 5, 1]]), delay=4)
        >>> inputs[..., 0].tolist()  # 0 is the blank, 9 the marker
        [[3.0, 6.0, 2.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0, 9.0]]

    They train on 10,000 sequences in a fixed order (`train_sequences`), and give the losses 0.0204
    (LSTM), 0.0197 (GRU) and 0.0202 (RNN) at a delay of 1,000, in table 1.

    Further test splits, `delay_<n>`, have two and four times the delay that is trained on.

    Strings of symbols are drawn again and again: of those in test, 62 % are to be expected among
    the 32,000 sequences of a default run, of 10 symbols none. No sequence of another delay is.

    Args:
        symbols: how many are recalled.
        delay: steps from the last symbol to the marker.
        alphabet: different symbols.
        score: the steps that count in loss and accuracy.
        layout: `arjovsky` reads tokens, with a single marker; `bai` reads numbers, as shown.
        eval_sequences: sequences in validation and in each test split.
        train_sequences: sequences in training, the same in each pass; endless by default.
    """

    name = "copying"
    measures = "recall of symbols and of their order after a delay"
    default_references = {"chance": 0.125, "bag": 0.3865, "optimal": 1.0}
    seconds = 16
    grows = "delay"

    def __init__(
        self,
        *,
        symbols: Annotated[int, Ge(1)] = 5,
        delay: Annotated[int, Ge(1)] = 15,
        alphabet: Annotated[int, Ge(2)] = 8,
        score: Score = "recall",
        layout: Layout = "arjovsky",
        eval_sequences: Annotated[int, Ge(1)] = 1000,
        train_sequences: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        super().__init__()
        self.symbols, self.delay, self.alphabet, self.score = symbols, delay, alphabet, score
        self.eval_sequences, self.train_sequences = eval_sequences, train_sequences
        self.primary = "accuracy" if score == "recall" else "loss"
        self.blank, self.go = alphabet, alphabet + 1
        self.as_numbers = layout == "bai"
        self.numbers = torch.tensor([*range(1, alphabet + 1), 0, alphabet + 1])

    def describe(self) -> TaskSpec:
        """Symbols, blank and marker in, as tokens or a number; symbols out, and all that counts."""
        outputs = self.alphabet if self.score == "recall" else self._classes
        size = 1 if self.as_numbers else self.alphabet + 2
        return TaskSpec(size, tokens=not self.as_numbers, output_size=outputs, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences at a delay."""
        recalled = torch.randint(self.alphabet, (rows, self.symbols), generator=source)
        return self.layout(recalled, size)

    def layout(self, recalled: Tensor, delay: int) -> Batch:
        """The sequences that ask for symbols `(B, S)` back.

        Returns:
            Inputs `(B, T)`, or `(B, T, 1)` as numbers, and targets `(B, T)`.
        """
        rows, symbols = recalled.shape
        inputs = torch.full((rows, delay + 2 * symbols), self.blank)
        inputs[:, :symbols] = recalled
        last = symbols + delay - 1
        inputs[:, last : None if self.as_numbers else last + 1] = self.go
        targets = torch.full_like(inputs, IGNORE_INDEX if self.score == "recall" else self.blank)
        targets[:, -symbols:] = recalled
        return Batch(
            self.numbers[inputs].float()[..., None] if self.as_numbers else inputs, targets
        )

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy without memory, of one who forgot only the order, and the best; or losses.

        With `score=every`: nothing known, the present input, the step, and all. Of S symbols out of
        A, one who knows the step pays ln A each and nothing for blanks; T = D + 2 S steps are
        scored at a delay of D::

            clock = S ln A / T

        One who sees the present input knows that a blank is due where a symbol or the marker is
        shown. A blank is shown n + S times, n = D - 1, and a symbol is due at S of them; with
        `layout=bai` it is the marker that is shown n + S times, n = 1. The best guess gives blank
        and symbols the shares that they have there::

            memoryless = (n ln((n + S) / n) + S ln(A (n + S) / S)) / T
        """
        if self.score == "every":
            return {
                "chance": math.log(self._classes),
                "memoryless": self._memoryless_loss(size),
                "clock": self.symbols * math.log(self.alphabet) / self._steps(size),
                "optimal": 0.0,
            }
        bag = expected_largest_count(self.symbols, self.alphabet) / self.symbols
        return {"chance": 1 / self.alphabet, "bag": bag, "optimal": 1.0}

    def overlap(self, sequences: int) -> float:
        """By the number of strings of the symbols."""
        drawn = min(sequences, self.train_sequences or sequences)
        return expected_overlap(drawn, [self.alphabet**self.symbols])

    def predictors(self) -> dict[str, Predictor]:
        """Always symbol 0; always the most frequent one of the sequence; the targets.

        With `score=every`: all alike; the shares of each class where the present input is shown;
        blanks until symbols are due, then those alike; the targets.
        """
        if self.score == "every":
            return {
                "chance": lambda batch: torch.zeros(dense(batch.targets).numel(), self._classes),
                "memoryless": self._by_input,
                "clock": self._blanks_then_any,
                "optimal": self.oracle,
            }
        return {
            "chance": lambda batch: self.always(batch, dense(batch.targets)[:, -1] * 0),
            "bag": lambda batch: self.always(
                batch, self._read(batch)[:, : self.symbols].mode(1).values
            ),
            "optimal": self.oracle,
        }

    def _steps(self, delay: int) -> int:
        """Of a sequence."""
        return delay + 2 * self.symbols

    @property
    def _classes(self) -> int:
        """With `score=every`."""
        return self.alphabet + 1 + self.as_numbers

    def _blanks_due(self, delay: int) -> int:
        """How often a blank is due where the input is shown at which symbols are due."""
        return 1 if self.as_numbers else delay - 1

    def _memoryless_loss(self, delay: int) -> float:
        """The least loss of one who sees the present input alone."""
        blanks, due = self._blanks_due(delay), self.symbols
        shown = blanks + due
        loss = due * math.log(self.alphabet * shown / due)
        if blanks:
            loss += blanks * math.log(shown / blanks)
        return loss / self._steps(delay)

    def _read(self, batch: Batch) -> Tensor:
        """The inputs as tokens `(B, T)`."""
        inputs = dense(batch.inputs)
        return self.numbers.argsort()[inputs[..., 0].long()] if self.as_numbers else inputs

    def _by_input(self, batch: Batch) -> Tensor:
        """Outputs that say how often each class is due where the present input is shown."""
        tokens = self._read(batch)
        shares = torch.zeros(self._classes)
        shares[: self.alphabet] = self.symbols / self.alphabet
        shares[self.blank] = self._blanks_due(tokens.shape[1] - 2 * self.symbols)
        unsure = tokens == (self.go if self.as_numbers else self.blank)
        logits = torch.where(unsure[..., None], shares.log(), self._sure_of_blanks(batch))
        return logits.flatten(0, 1)

    def _blanks_then_any(self, batch: Batch) -> Tensor:
        """Outputs that are sure of blanks, and of no symbol where one is due."""
        logits = self._sure_of_blanks(batch)
        logits[:, -self.symbols :] = 0
        logits[:, -self.symbols :, self.alphabet :] = -torch.inf
        return logits.flatten(0, 1)

    def _sure_of_blanks(self, batch: Batch) -> Tensor:
        """Logits `(B, T, classes)`."""
        return one_hot_logits(torch.full_like(dense(batch.targets), self.blank), self._classes)
