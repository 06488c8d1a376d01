"""The compression task: hold a whole string, and say what stands at each place asked for."""

import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import IGNORE_INDEX, Batch, Predictor, TaskSpec, dense
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_largest_count, expected_overlap
from recurbench.tasks.common.synthetic import Synthetic


class Compression(Classification, Synthetic):
    """Reads a string, then says the symbol at each place that is asked for, in random order.

    Compression of Poli et al., "Mechanistic Design and Scaling of Hybrid Architectures", 2024, for
    a cell that answers step by step. There one output, at a marker behind the string, goes through
    a network of its own that is given the place and says its symbol. Here the cell reads places
    itself, behind a gap that begins with a marker. All have to be in its state when the first one
    is asked for, and, unlike in `copying`, each can be the next. With `symbols=3, gap=2`, where
    letters are places:

        input    2 5 2 > _ c a b
        target   . . . . . 2 2 5

        >>> task = Compression(symbols=3, gap=2)
        >>> inputs, targets, _ = task.layout(
        ...     torch.tensor([[2, 5, 2]]), asked=torch.tensor([[2, 0, 1]]), gap=2
        ... )
        >>> inputs.tolist()  # 8 is the blank, 9 the marker, places are 10 to 12
        [[2, 5, 2, 9, 8, 12, 10, 11]]
        >>> targets[:, -3:].tolist()
        [[2, 2, 5]]

    The paper has strings of 32 symbols, out of an alphabet of 16. A GRU of 64 units is right on
    0.52 by default after 1,000 steps of training (one seed).

    Further test splits, `gap_<n>`, have two and four times the gap that is trained on. It is the
    gap that grows, because longer strings would have places that a model was never asked for.

    Args:
        symbols: of a string.
        gap: steps from the last symbol to the first place, with the marker.
        alphabet: different symbols.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "compression"
    measures = "a whole string in one state, to be read at any place"
    default_references = {"chance": 0.125, "bag": 0.3247, "optimal": 1.0}
    seconds = 5
    grows = "gap"

    def __init__(
        self,
        *,
        symbols: Annotated[int, Ge(1)] = 8,
        gap: Annotated[int, Ge(1)] = 4,
        alphabet: Annotated[int, Ge(2)] = 8,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.symbols, self.gap, self.alphabet = symbols, gap, alphabet
        self.eval_sequences = eval_sequences
        self.blank, self.go, self.first = alphabet, alphabet + 1, alphabet + 2

    def describe(self) -> TaskSpec:
        """Symbols, blank, marker and places in; symbols out."""
        tokens = self.first + self.symbols
        return TaskSpec(tokens, tokens=True, output_size=self.alphabet, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences with a gap; all orders of the places are equally likely."""
        string = torch.randint(self.alphabet, (rows, self.symbols), generator=source)
        asked = torch.rand(rows, self.symbols, generator=source).argsort(1)
        return self.layout(string, asked, size)

    def layout(self, string: Tensor, asked: Tensor, gap: int) -> Batch:
        """The sequences that show strings `(B, S)` and ask for places `(B, S)`, counted from 0.

        Returns:
            Inputs and targets `(B, 2 S + gap)`.
        """
        between = torch.full((len(string), gap), self.blank)
        between[:, 0] = self.go
        inputs = torch.cat([string, between, self.first + asked], 1)
        targets = torch.full_like(inputs, IGNORE_INDEX)
        targets[:, -asked.shape[1] :] = string.gather(1, asked)
        return Batch(inputs, targets)

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy without memory, of one who forgot only the order, and the best."""
        return {
            "chance": 1 / self.alphabet,
            "bag": expected_largest_count(self.symbols, self.alphabet) / self.symbols,
            "optimal": 1.0,
        }

    def overlap(self, sequences: int) -> float:
        """By the number of strings, and of orders of the questions."""
        strings = self.alphabet**self.symbols
        return expected_overlap(sequences, [strings * math.factorial(self.symbols)])

    def predictors(self) -> dict[str, Predictor]:
        """Always symbol 0; always the most frequent one of the string; the targets."""
        return {
            "chance": lambda batch: self.always(batch, dense(batch.inputs)[:, 0] * 0),
            "bag": lambda batch: self.always(
                batch, dense(batch.inputs)[:, : self.symbols].mode(1).values
            ),
            "optimal": self.oracle,
        }
