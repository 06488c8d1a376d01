"""The induction task: what came after the trigger when it was there before?"""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    Batch,
    Predictor,
    TaskSpec,
    dense,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_largest_count
from recurbench.tasks.common.synthetic import Synthetic


class Induction(Classification, Synthetic):
    """Recalls the symbol that followed a trigger, when the trigger comes again.

    Induction heads of Olsson et al., "In-context Learning and Induction Heads", 2022, in the layout
    of Gu & Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023, section
    4.1: random symbols, among which the trigger stands once, at any place but the last two, and
    once more at the end. With `length=9` and `alphabet=16`:

        input    4 0 > 2 2 1 7 0 >
        target                   2

    Gu & Dao train with `length=256` and 16 symbols, and test up to a million steps. A GRU
    finds the rule all at once or not at all, and the later the longer sequences are.

        >>> task = Induction(length=9, alphabet=16)
        >>> symbols = torch.tensor([[4, 0, 2, 2, 1, 7, 0]])
        >>> inputs, targets, _ = task.layout(symbols, torch.tensor([2]))
        >>> inputs.tolist()  # 16 is the trigger
        [[4, 0, 16, 2, 2, 1, 7, 0, 16]]
        >>> targets.tolist()
        [2]

    Further test splits, `length_<n>`, are two and four times as long.

    Args:
        length: steps of a sequence, with both triggers.
        alphabet: different symbols beside the trigger.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "induction"
    measures = "storing one symbol by what came before it, and nothing else"
    default_references = {"chance": 0.007812, "bag": 0.03446, "optimal": 1.0}
    seconds = 40.0
    grows = "length"

    def __init__(
        self,
        *,
        length: Annotated[int, Ge(3)] = 128,
        alphabet: Annotated[int, Ge(2)] = 128,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.length, self.alphabet, self.eval_sequences = length, alphabet, eval_sequences
        self.trigger = alphabet

    def describe(self) -> TaskSpec:
        """Symbols and the trigger in; one symbol out at the end."""
        return TaskSpec(self.alphabet + 1, tokens=True, output_size=self.alphabet, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length."""
        symbols = torch.randint(self.alphabet, (rows, size - 2), generator=source)
        return self.layout(symbols, torch.randint(size - 2, (rows,), generator=source))

    def layout(self, symbols: Tensor, asked: Tensor) -> Batch:
        """The sequences of symbols `(B, T - 2)` that ask for those with numbers `(B,)`.

        Returns:
            Inputs `(B, T)`, with a trigger before each of those and at the end; targets `(B,)`.
        """
        rows, count = symbols.shape
        places = torch.arange(count) + (torch.arange(count) >= asked[:, None])
        inputs = torch.full((rows, count + 2), self.trigger).scatter_(1, places, symbols)
        return Batch(inputs, symbols.gather(1, asked[:, None])[:, 0])

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy without memory, of one who knows only how often each symbol came, and the best.

        The second says the most frequent symbol; every symbol is as likely to be asked for.
        """
        symbols = size - 2
        return {
            "chance": 1 / self.alphabet,
            "bag": expected_largest_count(symbols, self.alphabet) / symbols,
            "optimal": 1.0,
        }

    def predictors(self) -> dict[str, Predictor]:
        """Always symbol 0; the most frequent one of the sequence; the targets."""
        return {
            "chance": lambda batch: one_hot_logits(self.targets_of(batch) * 0, self.alphabet),
            "bag": lambda batch: one_hot_logits(self._symbols(batch).mode(1).values, self.alphabet),
            "optimal": self.oracle,
        }

    def _symbols(self, batch: Batch) -> Tensor:
        """The symbols `(B, T - 2)` without the triggers."""
        inputs = dense(batch.inputs)
        return inputs[inputs != self.trigger].view(len(inputs), -1)
