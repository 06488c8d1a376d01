"""The repeat previous task: say at every step which symbol came so many steps ago."""

from functools import cache
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_largest_count, expected_overlap
from recurbench.tasks.common.synthetic import Synthetic


class RepeatPrevious(Classification, Synthetic):
    """Says at every step which symbol came `delay` steps ago.

    Repeat previous of Morad et al., "POPGym: Benchmarking Partially Observable Reinforcement
    Learning", 2023, as a sequence to learn from, with the right answer at each step in place of a
    reward. Each symbol has to be kept for the same number of steps, while all after it are kept
    too: a queue. The first `delay` steps are not scored. With `delay=2`:

        input    3 0 2 2 1 0
        target   . . 3 0 2 2

        >>> task = RepeatPrevious(delay=2)
        >>> inputs, targets, _ = task.layout(torch.tensor([[3, 0, 2, 2, 1, 0]]))
        >>> targets.tolist()
        [[-100, -100, 3, 0, 2, 2]]

    Symbols are independent and uniform. POPGym deals cards from one, two or three shuffled decks,
    of which the suit is asked for, and has delays of 4, 32 and 64 steps in sequences of 52 for each
    deck. `memory_capacity` asks for all delays at once, and for numbers. A GRU of 64 units is right
    on all with `delay=10, length=40` after 1,000 steps of training, and on 0.69 by default (one
    seed).

    Further test splits, `length_<n>`, are two and four times as long, with the same delay: nothing
    tells a cell of another one.

    Args:
        delay: how many steps ago the symbol came.
        length: steps of a sequence.
        alphabet: different symbols.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "repeat_previous"
    measures = "a queue: the last symbols in order, each let go in time"
    default_references = {"chance": 0.25, "bag": 0.3371, "optimal": 1.0}
    seconds = 9
    grows = "length"

    def __init__(
        self,
        *,
        delay: Annotated[int, Ge(1)] = 20,
        length: int = 60,
        alphabet: Annotated[int, Ge(2)] = 4,
        eval_sequences: Annotated[int, Ge(1)] = 500,
    ) -> None:
        super().__init__()
        if length <= delay:
            raise TaskError(f"length must be above delay={delay}, not {length}")
        self.delay, self.length, self.alphabet = delay, length, alphabet
        self.eval_sequences = eval_sequences

    def describe(self) -> TaskSpec:
        """Symbols in, symbols out at every step."""
        return TaskSpec(self.alphabet, tokens=True, output_size=self.alphabet, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length."""
        return self.layout(torch.randint(self.alphabet, (rows, size), generator=source))

    def layout(self, symbols: Tensor) -> Batch:
        """The sequences of symbols `(B, T)` with those of `delay` steps ago, `(B, T)`."""
        return Batch(symbols, F.pad(symbols[:, : -self.delay], (self.delay, 0), value=IGNORE_INDEX))

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of one who knows how often each symbol came so far, and of the rule.

        The second says the most frequent one. After t symbols, each of them is as likely as any
        other to be the one that is asked for, so that it is right with E[largest count] / t.
        """
        steps = range(self.delay, size)
        bag = sum(largest_share(step, self.alphabet) for step in steps) / len(steps)
        return {"chance": 1 / self.alphabet, "bag": bag, "optimal": 1.0}

    def overlap(self, sequences: int) -> float:
        """By the number of sequences."""
        return expected_overlap(sequences, [self.alphabet**self.length])

    def predictors(self) -> dict[str, Predictor]:
        """Always symbol 0; the most frequent one before the present step; the targets."""
        return {
            "chance": lambda batch: self.always(batch, dense(batch.inputs)[:, 0] * 0),
            "bag": self._bag,
            "optimal": self.oracle,
        }

    def _bag(self, batch: Batch) -> Tensor:
        here = F.one_hot(dense(batch.inputs), self.alphabet)
        before = here.cumsum(1) - here
        return one_hot_logits(before.argmax(-1).flatten(), self.alphabet)


@cache
def largest_share(draws: int, alphabet: int) -> float:
    """The share of the most frequent symbol among some random ones, on average."""
    return expected_largest_count(draws, alphabet) / draws
