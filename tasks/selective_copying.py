"""The selective copying task: recall symbols, in order, that were scattered among blanks."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_largest_count
from recurbench.tasks.common.synthetic import Synthetic


class SelectiveCopying(Classification, Synthetic):
    """Recalls symbols, in order, that stood at random places among blanks.

    Jing et al., "Gated Orthogonal Recurrent Units: On Learning to Forget", 2019 (the denoise task),
    in the layout of Gu & Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
    2023, section 4.1: `length` steps with the symbols among them, then a marker for each symbol
    that is due. Unlike in `copying`, counting steps does not help: a cell has to tell what to keep
    by what it reads. With `symbols=3, length=8`:

        input    _ 2 _ _ 5 1 _ _ > > >
        target   . . . . . . . . 2 5 1

    Gu & Dao train with 16 symbols in `length=4096`, out of an alphabet of 16 that counts the blank.

        >>> task = SelectiveCopying(symbols=3, length=8)
        >>> recalled, places = torch.tensor([[2, 5, 1]]), torch.tensor([[1, 4, 5]])
        >>> inputs, targets, _ = task.layout(recalled, places, length=8)
        >>> inputs.tolist()  # 8 is the blank, 9 the marker
        [[8, 2, 8, 8, 5, 1, 8, 8, 9, 9, 9]]
        >>> targets[:, -3:].tolist()
        [[2, 5, 1]]

    Further test splits, `length_<n>`, are two and four times as long, with as many symbols.

    Args:
        symbols: how many are recalled.
        length: steps in which the symbols are shown.
        alphabet: different symbols.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "selective_copying"
    measures = "keeping what matters, by its content, among what does not"
    default_references = {"chance": 0.125, "bag": 0.3632, "optimal": 1.0}
    seconds = 24.0
    grows = "length"

    def __init__(
        self,
        *,
        symbols: Annotated[int, Ge(1)] = 6,
        length: int = 30,
        alphabet: Annotated[int, Ge(2)] = 8,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        if length < symbols:
            raise TaskError(f"length must be at least symbols={symbols}, not {length}")
        self.symbols, self.length, self.alphabet = symbols, length, alphabet
        self.eval_sequences = eval_sequences
        self.blank, self.go = alphabet, alphabet + 1

    def describe(self) -> TaskSpec:
        """Symbols, blank and marker in; symbols out."""
        return TaskSpec(self.alphabet + 2, tokens=True, output_size=self.alphabet, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length; all sets of places are equally likely."""
        recalled = torch.randint(self.alphabet, (rows, self.symbols), generator=source)
        places = torch.rand(rows, size, generator=source).topk(self.symbols).indices
        return self.layout(recalled, places.sort().values, size)

    def layout(self, recalled: Tensor, places: Tensor, length: int) -> Batch:
        """The sequences that show symbols `(B, S)` at places `(B, S)`, in order, and ask for them.

        Returns:
            Inputs and targets `(B, length + S)`.
        """
        rows, symbols = recalled.shape
        inputs = torch.full((rows, length + symbols), self.blank).scatter_(1, places, recalled)
        inputs[:, length:] = self.go
        targets = torch.full_like(inputs, IGNORE_INDEX)
        targets[:, length:] = recalled
        return Batch(inputs, targets)

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy without memory, of one who forgot only the order, and the best."""
        return {
            "chance": 1 / self.alphabet,
            "bag": expected_largest_count(self.symbols, self.alphabet) / self.symbols,
            "optimal": 1.0,
        }

    def predictors(self) -> dict[str, Predictor]:
        """Always symbol 0; always the most frequent one of the sequence; the targets."""
        return {
            "chance": lambda batch: self.always(batch, dense(batch.inputs)[:, 0] * 0),
            "bag": lambda batch: self.always(batch, self._shown(batch).mode(1).values),
            "optimal": self.oracle,
        }

    def _shown(self, batch: Batch) -> Tensor:
        """The symbols `(B, S)` of each sequence."""
        inputs = dense(batch.inputs)
        return inputs[inputs < self.alphabet].view(len(inputs), self.symbols)
