"""The rule that pushes symbols to a stack and pops them, then writes down what is left.

Legend: B batch, L longest string, A symbols of the stack.
"""

import math
from functools import cache

import torch
from torch import Tensor

from recurbench.tasks.transduction.rules import Rule

POPS = 1 / 3
"""How likely an action takes the top symbol away instead of pushing one."""


class Stack(Rule):
    """What is on a stack after some actions, from its top down, and then the end.

    A string shows the stack from its bottom up, one symbol at least, and then the actions. Sizes
    of the stack are equally likely. An action is a pop with 1/3, and otherwise pushes a symbol; to
    pop an empty stack has no effect.

    `height` knows how many symbols are left and not which: it says the first symbol up to the end.
    """

    def __init__(self, symbols: int) -> None:
        super().__init__(alphabet=symbols + 1)  # the end is said too
        self.symbols, self.end = symbols, symbols
        self.pop = self.tokens
        self.push = self.pop + 1
        self.tokens += 1 + symbols

    def draw(self, lengths: Tensor, source: torch.Generator) -> Tensor:
        """Symbols of the stack, then actions."""
        shape = len(lengths), int(lengths.max())
        symbols = torch.randint(self.symbols, shape, generator=source)
        pops = torch.rand(shape, generator=source, dtype=torch.float64) < POPS
        chances = torch.rand(len(lengths), 1, generator=source, dtype=torch.float64)
        first = 1 + (chances * lengths[:, None]).long()
        actions = torch.where(pops, self.pop, self.push + symbols)
        return torch.where(torch.arange(shape[1]) < first, symbols, actions)

    def answer(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """The symbols that are left, the last one first, and the end, `(B, L + 1)`."""
        stack, heights = self._run(strings, lengths)
        places = heights[:, None] - 1 - torch.arange(stack.shape[1])
        return torch.where(places < 0, self.end, stack.gather(1, places.clamp(min=0)))

    def due(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """The symbols that are left, and the end."""
        return self._run(strings, lengths)[1] + 1

    def expected_due(self, length: int) -> float:
        """The expected height of the stack, and the end."""
        return expected_height(length) + 1

    def guesses(self, strings: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The first symbol as often as there are symbols, and the end, `(B, L + 1)`."""
        heights = self._run(strings, lengths)[1]
        above = torch.arange(strings.shape[1] + 1) < heights[:, None]
        return {"height": torch.where(above, 0, self.end)}

    def right(self, length: int) -> dict[str, float]:
        """The end, and one of A symbols, as each symbol that is left is uniform."""
        return {"height": 1 + expected_height(length) / self.symbols}

    def chances(self, length: int) -> list[tuple[float, float]]:
        """By the size of the stack and the number of pops."""
        groups = []
        for actions in range(length):
            for pops in range(actions + 1):
                pushes = actions - pops
                one = POPS**pops * (1 - POPS) ** pushes / length
                share = math.comb(actions, pops) * one
                groups.append((share, one / self.symbols ** (length - pops)))
        return groups

    def _run(self, strings: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols from the bottom up `(B, L + 1)`, and how many of them are left `(B,)`."""
        rows, size = strings.shape
        stack, heights = torch.zeros(rows, size + 1, dtype=torch.long), torch.zeros_like(lengths)
        for step, tokens in enumerate(strings.T):
            pops, inside = tokens == self.pop, step < lengths
            pushed = torch.where(tokens > self.pop, tokens - self.push, tokens)
            # What stands above the height is written over before it is read.
            stack.scatter_(1, heights[:, None], pushed[:, None])
            changed = torch.where(pops, (heights - 1).clamp(min=0), heights + 1)
            heights = torch.where(inside, changed, heights)
        return stack, heights


@cache
def expected_height(length: int) -> float:
    """How many symbols are left on average of strings of a length.

    With r actions to come and h symbols on the stack, where p is the chance of a pop::

        E_0(h) = h        E_r(h) = p E_{r-1}(max(h - 1, 0)) + (1 - p) E_{r-1}(h + 1)

    A string of n tokens begins with h = 1 to n, and then has n - h actions.
    """
    expected = torch.arange(2 * length + 1, dtype=torch.float64)
    total = 0.0
    for actions in range(length):
        total += float(expected[length - actions])
        popped = torch.cat([expected[:1], expected[:-2]])
        expected = POPS * popped + (1 - POPS) * expected[1:]
    return total / length
