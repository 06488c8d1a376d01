"""The listops task: evaluate nested minima, maxima, medians and sums of digits."""

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.base import Batch, Predictor, TaskError, TaskSpec, one_hot_logits
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_overlap
from recurbench.tasks.common.sequences import Sequences, as_rows
from recurbench.tasks.common.source import Drawn
from recurbench.tasks.common.synthetic import Synthetic
from recurbench.tasks.listops.expressions import (
    DIGITS,
    SHORTEST,
    TOKENS,
    Expressions,
    evaluate,
    longest_of,
)

WORD = 32
"""Bits that are drawn at once."""


class ListOps(Classification, Synthetic):
    """Evaluates an expression of nested operators over digits, at its end.

    Nangia & Bowman, "ListOps: A Diagnostic Dataset for Latent Tree Learning", 2018: `MIN` and `MAX`
    of their arguments, `MED`, the median, rounded down, and `SM`, the sum modulo 10. An operator
    and its bracket are one token:

        input    [MAX 2 9 [MIN 4 7 ] 0 ]
        target                         9

        >>> from recurbench.tasks.listops.expressions import evaluate
        >>> evaluate([11, 2, 9, 10, 4, 7, 14, 0, 14])  # MIN, MAX, MED, SM and ] are 10 to 14
        9

    Training has expressions of 4 to `length` tokens, all lengths alike. All expressions of a length
    that nest at most `depth` operators, of 2 to `args` arguments each, are equally likely. The
    paper draws them from the outside in: an argument is an expression with 1/4, up to a depth of
    20, and arguments are 2 to 5, all numbers alike. Its expressions are up to 100 tokens long, and
    those of "Long Range Arena" (Tay et al., 2021) up to 2,000.

    Further test splits, `length_<n>` for two and four times `length`, have expressions of more than
    n / 2 and at most n tokens: longer than any before. Short ones are few: of those in test, 5 %
    are to be expected among the 32,000 of a default run, after which a GRU of 64 units is right on
    0.53 of all (one seed).

    Args:
        length: tokens of the longest expression that is trained on.
        depth: operators within each other, at most.
        args: arguments of an operator, at most.
        eval_sequences: expressions in validation and in each test split; training's are endless.
    """

    name = "listops"
    measures = "nested lists, each kept until it closes, longer than those trained on"
    default_references = {"chance": 0.1, "majority": 0.1159, "outermost": 0.2415, "optimal": 1.0}
    seconds = 3
    grows = "length"

    def __init__(
        self,
        *,
        length: Annotated[int, Ge(SHORTEST)] = 30,
        depth: Annotated[int, Ge(1)] = 4,
        args: Annotated[int, Ge(2), Le(8)] = 5,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.length, self.depth, self.args = length, depth, args
        self.eval_sequences = eval_sequences
        longest = longest_of(depth, args)
        if longest <= Drawn.factors[-1] * length // 2:
            raise TaskError(
                f"depth={depth} and args={args} give no expression of more than {longest} tokens; "
                f"the longest test split of length={length} needs more than "
                f"{Drawn.factors[-1] * length // 2}"
            )

    def describe(self) -> TaskSpec:
        """Tokens in, one digit out at the end."""
        return TaskSpec(TOKENS, tokens=True, output_size=DIGITS, scope="sequence")

    def open(self) -> Drawn:
        """Counts expressions, then draws the evaluation splits."""
        self.expressions = Expressions(Drawn.factors[-1] * self.length, self.depth, self.args)
        self.values = self.expressions.values()
        return super().open()

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Expressions of up to `size` tokens; where that is beyond training, of more than half."""
        among = self._lengths(size)
        drawn = torch.randint(len(among), (rows,), generator=source).tolist()
        lengths = [among[index] for index in drawn]
        numbers = numbers_below([*map(self.expressions.count, lengths)], source)
        strings = [*map(self.expressions.nth, numbers, lengths)]
        return Sequences.of(as_rows(strings), torch.tensor([*map(evaluate, strings)])).pack()

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of those who know less, and of the rule.

        `majority` says the digit that is likeliest in training, and `outermost` the one that is
        likeliest there for the outermost operator. Both are exact, over all expressions.
        """
        shares, trained_on = self._shares(size), self._shares(self.length)
        by_operator = shares.gather(1, trained_on.argmax(1, keepdim=True))
        return {
            "chance": 1 / DIGITS,
            "majority": float(shares.sum(0)[trained_on.sum(0).argmax()]),
            "outermost": float(by_operator.sum()),
            "optimal": 1.0,
        }

    def overlap(self, sequences: int) -> float:
        """By the number of expressions of each length."""
        return expected_overlap(
            sequences, [*map(self.expressions.count, self._lengths(self.length))]
        )

    def predictors(self) -> dict[str, Predictor]:
        """Each digit in turn; the likeliest in training; that of each operator; the targets."""
        trained_on = self._shares(self.length)

        def say(digits: Tensor) -> Tensor:
            return one_hot_logits(digits, DIGITS)

        def outermost(batch: Batch) -> Tensor:
            assert isinstance(batch.inputs, PackedSequence)
            tokens, _ = pad_packed_sequence(batch.inputs, batch_first=True)
            return say(trained_on.argmax(1)[tokens[:, 0] - DIGITS])

        return {
            "chance": lambda batch: say(torch.arange(len(batch.targets)) % DIGITS),
            "majority": lambda batch: say(trained_on.sum(0).argmax().expand(len(batch.targets))),
            "outermost": outermost,
            "optimal": self.oracle,
        }

    def _shares(self, size: int) -> Tensor:
        """The share `(K, V)` of each outermost operator and value in a split."""
        return self.values[self._lengths(size)].mean(0)

    def _lengths(self, size: int) -> list[int]:
        """The lengths of the expressions of a split, without those that none has."""
        beyond = size // 2 if size > self.length else 0
        among = range(max(beyond + 1, SHORTEST), size + 1)
        return [length for length in among if self.expressions.count(length)]


def numbers_below(counts: list[int], source: torch.Generator) -> list[int]:
    """A random number from 0 to below each count, which may be beyond 64 bits."""
    words = max(counts).bit_length() // WORD + 2  # two more, so that all are alike but for 2^-32
    drawn = torch.randint(1 << WORD, (len(counts), words), generator=source).tolist()
    shares = [sum(word << WORD * place for place, word in enumerate(row)) for row in drawn]
    return [count * share >> WORD * words for count, share in zip(counts, shares, strict=True)]
