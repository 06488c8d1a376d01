"""Tasks that ask what a finite automaton says of a string, and how well guesses do.

Legend: B batch, T longest string, S states, K symbols, C classes.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from recurbench.tasks.base import Batch, Predictor, TaskSpec, one_hot_logits
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_overlap
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.synthetic import Synthetic


class Automaton(NamedTuple):
    """A deterministic finite automaton that begins in state 0; its last state has a class.

    Attributes:
        moves: the state `(S, K)` that follows on each state and symbol.
        classes: the class `(S,)` of each state.
    """

    moves: Tensor
    classes: Tensor

    def classify(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        """The class `(B,)` of each row of symbols `(B, T)`, of which the first `lengths` count."""
        states = torch.zeros_like(lengths)
        for step, symbol in enumerate(symbols.T):
            states = torch.where(step < lengths, self.moves[states, symbol], states)
        return self.classes[states]

    def shares(self, shortest: int, longest: int) -> Tensor:
        """How likely each class is `(C,)` if symbols, and lengths in a range, are uniform."""
        states, symbols = self.moves.shape
        steps = torch.zeros(states, states, dtype=torch.float64)
        share = torch.tensor(1 / symbols, dtype=torch.float64)
        sources = torch.arange(states)[:, None].expand_as(self.moves)
        steps.index_put_((sources, self.moves), share.expand_as(self.moves), accumulate=True)
        now = torch.eye(states, dtype=torch.float64)[0]
        total = torch.zeros_like(now)
        for length in range(1, longest + 1):
            now = now @ steps
            if length >= shortest:
                total += now
        classes = torch.zeros(int(self.classes.max()) + 1, dtype=torch.float64)
        return classes.index_add_(0, self.classes, total / (longest - shortest + 1))

    def agreement(self, other: "Automaton") -> "Automaton":
        """Reads a string with both: class 1 where they agree on it, 0 where they do not."""
        moves = self.moves[:, None] * len(other.classes) + other.moves
        agree = self.classes[:, None] == other.classes
        return Automaton(moves.flatten(0, 1), agree.flatten().long())


class FormalLanguage(Classification, Synthetic):
    """Strings of random length, each with the class that an automaton gives it.

    Trained on lengths up to `length`, all equally likely; the further test splits, `length_<n>`,
    have lengths above n / 2, up to n, so that each of their strings is longer than all before.
    """

    grows = "length"

    width: ClassVar[int] = 1
    """Tokens that spell a symbol of the automaton; the first symbol takes one less than the others,
    but at least one."""

    tokens: int
    """Different tokens."""

    length: int
    machine: Automaton

    def describe(self) -> TaskSpec:
        """Tokens in, one class of the whole string out."""
        classes = int(self.machine.classes.max()) + 1
        return TaskSpec(self.tokens, tokens=True, output_size=classes, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Strings of up to `size` tokens; where that is beyond training, of more than half."""
        shortest, longest = self._range(size)
        counts = torch.randint(shortest, longest + 1, (rows,), generator=source)
        drawn = (rows, int(counts.max()))
        symbols = torch.randint(self.machine.moves.shape[1], drawn, generator=source)
        lengths = self.width * (counts - 1) + 1
        answers = self.machine.classify(symbols, counts)
        return Sequences(self.spell(symbols), lengths, answers).pack()

    def spell(self, symbols: Tensor) -> Tensor:
        """The tokens `(B, T)` of the automaton's symbols."""
        return symbols

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of the class that is likeliest in training, and of the rule."""
        shares, trained_on = (self.machine.shares(*self._range(n)) for n in (size, self.length))
        majority = float(shares[trained_on.argmax()])
        known = {"chance": 1 / len(shares), "majority": majority, "optimal": 1.0}
        if trained_on.max() - known["chance"] < 1e-9:  # no class is likelier than others
            del known["majority"]
        return known

    def overlap(self, sequences: int) -> float:
        """By the number of strings of each length."""
        shortest, longest = self._range(self.length)
        return expected_overlap(sequences, [*map(self.strings, range(shortest, longest + 1))])

    def strings(self, symbols: int) -> int:
        """Different strings that spell so many of the automaton's symbols."""
        return int(self.machine.moves.shape[1] ** symbols)

    def predictors(self) -> dict[str, Predictor]:
        """Each class in turn; always the likeliest of those in training; the targets."""
        shares = self.machine.shares(*self._range(self.length))
        played: dict[str, Predictor] = {
            "chance": lambda batch: one_hot_logits(
                torch.arange(len(batch.targets)) % len(shares), len(shares)
            ),
            "majority": lambda batch: one_hot_logits(
                shares.argmax().expand(len(batch.targets)), len(shares)
            ),
            "optimal": self.oracle,
        }
        return {name: played[name] for name in self.references() if name in played}

    def _range(self, size: int) -> tuple[int, int]:
        """The fewest and the most of the automaton's symbols in a string of a size."""
        shortest = self._symbols_in(size // 2 if size > self.length else 0) + 1
        return shortest, self._symbols_in(size)

    def _symbols_in(self, tokens: int) -> int:
        """How many of the automaton's symbols that many tokens spell."""
        return (tokens + self.width - 1) // self.width
