"""The transduction task: read a string, then write the one that a rule makes of it."""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.limits import GoesWith
from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Predictor,
    TaskError,
    TaskSpec,
    one_hot_logits,
    valid_steps,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.sequences import Sequences, pack
from recurbench.tasks.common.synthetic import Synthetic
from recurbench.tasks.transduction.rules import Addition, OddsFirst, Reverse, Rule, Sort
from recurbench.tasks.transduction.stack import Stack

RuleName = Literal["reverse", "stack", "odds_first", "sort", "addition"]

OF_SYMBOLS: dict[str, Callable[[int], Rule]] = {
    "reverse": Reverse,
    "stack": Stack,
    "odds_first": OddsFirst,
    "sort": Sort,
}


class Transduction(Classification, Synthetic):
    """Reads a string up to a marker, then writes what a rule makes of it, a symbol at each blank.

    Delétang et al., "Neural Networks and the Chomsky Hierarchy", 2023, whose table 1 says what a
    machine needs to follow a rule for strings of any length. `parity`, `cycle_navigation` and
    `modular_arithmetic` are its regular tasks, which a finite state is enough for. Here the state
    has to grow with the string, so that a cell of one size can only be right up to some length.
    The paper's missing duplicate is not here: in two equal strings of bits of which one is missing,
    it is the sum of the others modulo 2, a finite state as in `parity`.

    `rule=reverse` is deterministic context-free: a stack is enough.

        input    2 0 1 3 > _ _ _ _
        target   . . . . . 3 1 0 2

        >>> string, length = torch.tensor([[2, 0, 1, 3]]), torch.tensor([4])
        >>> inputs, targets, _ = Transduction().layout(string, length)
        >>> inputs.data.tolist()  # 5 is the blank, 6 the marker
        [2, 0, 1, 3, 6, 5, 5, 5, 5]
        >>> targets.data[-4:].tolist()
        [3, 1, 0, 2]

    `rule=stack`, the paper's stack manipulation, is so too. It shows a stack from its bottom up and
    then actions, and writes what is left from the top down, with an end. A pop of an empty stack
    has no effect. Here ^ pops, and +3 pushes a 3:

        input    2 0 1 ^ ^ +3 > _ _ _
        target   . . . . .  . . 3 2 |

        >>> string, length = torch.tensor([[2, 0, 1, 8, 8, 9 + 3]]), torch.tensor([6])
        >>> Transduction(rule="stack").layout(string, length).targets.data[-3:].tolist()  # 5 ends
        [3, 2, 5]

    The others are context-sensitive: they need a tape. `rule=odds_first` writes the symbols at odd
    places, counted from 1, then those at even ones. The paper's code begins with the even ones.

        input    2 0 1 3 > _ _ _ _
        target   . . . . . 2 1 0 3

        >>> string, length = torch.tensor([[2, 0, 1, 3]]), torch.tensor([4])
        >>> Transduction(rule="odds_first").layout(string, length).targets.data[-4:].tolist()
        [2, 1, 0, 3]

    `rule=sort`, the paper's bucket sort, writes the symbols in order. For it a count of each symbol
    is enough.

        input    2 0 1 0 > _ _ _ _
        target   . . . . . 0 0 1 2

        >>> string = torch.tensor([[2, 0, 1, 0]])
        >>> Transduction(rule="sort").layout(string, length).targets.data[-4:].tolist()
        [0, 0, 1, 2]

    `rule=addition` adds two binary numbers, least significant bit first, and writes one bit more
    than the longer one has. 3 + 5 = 8:

        input    1 1 + 1 0 1 > _ _ _ _
        target   . . . . . . . 0 0 0 1

        >>> string, length = torch.tensor([[1, 1, 4, 1, 0, 1]]), torch.tensor([6])
        >>> Transduction(rule="addition").layout(string, length).targets.data[-4:].tolist()
        [0, 0, 0, 1]

    Symbols, bits, places of the plus and sizes of the stack are uniform, and a third of the actions
    pop; the paper draws no number 0, and fills up the sum and the stack with the symbol that ends
    them. It shows no marker, and has two symbols, five to sort. Training has strings of 1 to
    `length` tokens (3 at least, to add), all lengths alike, where the paper gives all strings of a
    batch one length. Further test splits, `length_<n>` for two and four times `length`, have
    strings of more than n / 2 and at most n tokens: longer than any before. Short strings are few:
    of those in test, 22 % are to be expected among the 32,000 of a default run, 40 % with
    `rule=addition` and 18 % with `rule=stack`.

    Beside chance stand those who know less: `bag` the symbols without their order, where order is
    all; `height` how many symbols are left on the stack, and not which; `clock` the length and the
    place without the symbols, to sort and to add; `no_carry` adds each two bits without what is
    carried over.

    Args:
        rule: what is written.
        length: tokens of the longest string that is trained on, a plus among them.
        alphabet: different symbols.
        eval_sequences: strings in validation and in each test split; training's are endless.
    """

    name = "transduction"
    measures = (
        "a stack, a tape, counts or a carry, by the rule, and strings longer than in training"
    )
    default_references = {"chance": 0.2, "bag": 0.3636, "optimal": 1.0}
    seconds = 10
    grows = "length"

    def __init__(
        self,
        *,
        rule: RuleName = "reverse",
        length: Annotated[int, Ge(1)] = 20,
        alphabet: Annotated[int, Ge(2), GoesWith(rule=tuple(OF_SYMBOLS))] = 5,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.rule = Addition() if rule == "addition" else OF_SYMBOLS[rule](alphabet)
        if length < self.rule.shortest:
            raise TaskError(
                f"length must be at least {self.rule.shortest} for {rule}, not {length}"
            )
        self.length, self.eval_sequences = length, eval_sequences
        self.blank, self.go = self.rule.alphabet, self.rule.alphabet + 1

    def describe(self) -> TaskSpec:
        """Symbols, blank, marker, plus or actions in; symbols out."""
        return TaskSpec(self.rule.tokens, tokens=True, output_size=self.rule.alphabet, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Strings of up to `size` tokens; where that is beyond training, of more than half."""
        among = self._lengths(size)
        lengths = torch.randint(among.start, among.stop, (rows,), generator=source)
        return self.layout(self.rule.draw(lengths, source), lengths)

    def layout(self, strings: Tensor, lengths: Tensor) -> Batch:
        """The sequences that show strings `(B, L)` of lengths `(B,)` and ask for the answers.

        Returns:
            Inputs and targets, packed.
        """
        steps = lengths + 1 + self.rule.due(strings, lengths)
        rows, longest, size = len(strings), strings.shape[1], int(steps.max())
        inputs = torch.full((rows, size), self.blank)
        inputs[:, :longest] = strings
        inputs[torch.arange(size) > lengths[:, None]] = self.blank
        inputs.scatter_(1, lengths[:, None], self.go)
        targets = self._at_blanks(self.rule.answer(strings, lengths), lengths, size, IGNORE_INDEX)
        return Sequences(inputs, steps, targets, per_step=True).pack()

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of those who know less, and of the rule.

        By the symbols that each is expected to get right, of those that are due, over all lengths.
        """
        lengths = self._lengths(size)
        due = sum(map(self.rule.expected_due, lengths))
        right = [self.rule.right(length) for length in lengths]
        naive = {name: sum(at[name] for at in right) / due for name in right[0]}
        return {"chance": 1 / self.rule.alphabet, **naive, "optimal": 1.0}

    def overlap(self, sequences: int) -> float:
        """By the chance of each string: it is among N with 1 - (1 - p)^N."""
        lengths = self._lengths(self.length)
        groups = [group for length in lengths for group in self.rule.chances(length)]
        seen = [
            share * -math.expm1(sequences * math.log1p(-chance / len(lengths)))
            for share, chance in groups
        ]
        return sum(seen) / len(lengths)

    def predictors(self) -> dict[str, Predictor]:
        """Each symbol in turn; what those say who know less; the targets."""
        naive = {name: partial(self._guess, name) for name in self.rule.right(self.rule.shortest)}
        return {"chance": self._in_turn, **naive, "optimal": self.oracle}

    def _in_turn(self, batch: Batch) -> Tensor:
        turns = torch.arange(len(valid_steps(batch.inputs))) % self.rule.alphabet
        return one_hot_logits(turns, self.rule.alphabet)

    def _guess(self, name: str, batch: Batch) -> Tensor:
        assert isinstance(batch.inputs, PackedSequence)
        tokens, steps = pad_packed_sequence(batch.inputs, batch_first=True)
        lengths = (tokens == self.go).int().argmax(1)
        guess = self.rule.guesses(tokens, lengths)[name]
        said = self._at_blanks(guess, lengths, tokens.shape[1], 0)
        return one_hot_logits(pack(said, steps).data, self.rule.alphabet)

    def _at_blanks(self, answers: Tensor, lengths: Tensor, size: int, before: int) -> Tensor:
        """Answers moved behind the marker `(B, size)`, with something else before them."""
        places = torch.arange(size) - lengths[:, None] - 1
        moved = answers.gather(1, places.clamp(0, answers.shape[1] - 1))
        return torch.where(places < 0, before, moved)

    def _lengths(self, size: int) -> range:
        """The lengths of the strings of a split."""
        beyond = size // 2 if size > self.length else 0
        return range(max(beyond + 1, self.rule.shortest), size + 1)
