"""Nested operators over digits: how many expressions there are, which, and what they come to.

Legend: K operators, V digits, L a length in tokens.
"""

import math
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor

DIGITS = 10
OPERATORS: dict[str, Callable[[list[int]], int]] = {
    "MIN": lambda ordered: ordered[0],
    "MAX": lambda ordered: ordered[-1],
    "MED": lambda ordered: (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2,
    "SM": lambda ordered: sum(ordered) % DIGITS,
}
"""What each operator makes of its arguments in ascending order."""

KINDS = tuple(OPERATORS.values())
CLOSE = DIGITS + len(KINDS)
TOKENS = CLOSE + 1
SHORTEST = 4
"""Tokens of an operator, two digits and the bracket that closes."""


class Expressions:
    """All expressions of up to so many tokens, each a list of tokens.

    An expression is an operator with its bracket, which are one token; its arguments, each a digit
    or another expression; and the bracket that closes. Digits are their own tokens, and operators
    stand behind them in the order of `OPERATORS`.

    Args:
        longest: tokens of the longest.
        depth: operators within each other, at most.
        args: arguments of an operator, at most; two at least.
    """

    def __init__(self, longest: int, depth: int, args: int) -> None:
        self.longest, self.depth, self.args = longest, depth, args
        digits = [0] * (longest + 1)
        digits[1] = DIGITS
        # lists[d][k][n]: of k arguments with d operators within each other, n tokens in all.
        self.lists = [_powers(digits, args)]
        for _ in range(1, depth):
            inner = self.lists[-1]
            arguments = [n + self._closed(inner, size) for size, n in enumerate(digits)]
            self.lists.append(_powers(arguments, args))
        self._cuts = lru_cache(maxsize=None)(self._cuts_anew)

    def count(self, length: int) -> int:
        """Expressions of a length."""
        return self._closed(self.lists[-1], length)

    def nth(self, number: int, length: int) -> list[int]:
        """The expression of a length with a number, from 0 to `count(length) - 1`."""
        tokens: list[int] = []
        self._write(number, length, self.depth, tokens)
        return tokens

    def values(self) -> Tensor:
        """The share `(L + 1, K, V)` of an outermost operator and a value among those of a length.

        NaN where no expression has the length.
        """
        arguments = torch.zeros(DIGITS, self.longest + 1, dtype=torch.float64)
        arguments[:, 1] = 1 / DIGITS  # counts over 10^L, which stay within range
        digits = arguments
        for _ in range(1, self.depth):
            arguments = digits + self._results(arguments).sum(0)
        found = self._results(arguments).permute(2, 0, 1)
        return found / found.sum((1, 2), keepdim=True)

    def _closed(self, lists: list[list[int]], length: int) -> int:
        """Expressions of a length, by their lists of arguments."""
        if length < SHORTEST:
            return 0
        return len(KINDS) * sum(lists[count][length - 2] for count in range(2, self.args + 1))

    def _write(self, number: int, length: int, depth: int, tokens: list[int]) -> None:
        """Appends the expression of a length and a depth that has a number."""
        if length == 1:
            tokens.append(number)
            return
        number, kind = divmod(number, len(KINDS))
        tokens.append(DIGITS + kind)
        lists, left = self.lists[depth - 1], length - 2
        count = 2
        while number >= lists[count][left]:
            number -= lists[count][left]
            count += 1
        for later in range(count - 1, -1, -1):
            cuts = self._cuts(depth - 1, later, left)
            size = bisect(cuts, number)
            number -= cuts[size - 1]
            left -= size
            argument, number = divmod(number, lists[later][left])
            self._write(argument, size, depth - 1, tokens)
        tokens.append(CLOSE)

    def _cuts_anew(self, depth: int, later: int, left: int) -> list[int]:
        """Lists of tokens `left` whose first argument has at most 0, 1, 2.. of them.

        The other arguments are `later` in number.
        """
        first, others = self.lists[depth][1], self.lists[depth][later]
        return list(accumulate(first[size] * others[left - size] for size in range(left + 1)))

    def _results(self, arguments: Tensor) -> Tensor:
        """What operators make `(K, V, L + 1)` of arguments of a value and a length `(V, L + 1)`.

        Over all multisets of values, each with its number of orders.
        """
        found = torch.zeros(len(KINDS), *arguments.shape, dtype=torch.float64)
        lag = torch.arange(self.longest + 1) - torch.arange(self.longest + 1)[:, None]
        adding = arguments[:, lag.clamp(min=0)].masked_fill(lag < 0, 0.0)  # (V, L + 1, L + 1)
        sets, products = [[value] for value in range(DIGITS)], arguments
        for _ in range(1, self.args):
            last = torch.tensor([values[-1] for values in sets])
            grown = [(torch.nonzero(last <= value)[:, 0], value) for value in range(DIGITS)]
            sets = [[*sets[row], value] for rows, value in grown for row in rows.tolist()]
            products = torch.cat([products[rows] @ adding[value] for rows, value in grown])
            orders = torch.tensor([_orders(values) for values in sets], dtype=torch.float64)
            for kind, operator in enumerate(KINDS):
                answers = torch.tensor([operator(values) for values in sets])
                found[kind].index_add_(0, answers, orders[:, None] * products)
        closed = torch.zeros_like(found)
        closed[..., 2:] = found[..., :-2] / DIGITS**2
        return closed


def evaluate(tokens: Sequence[int]) -> int:
    """The digit that an expression comes to."""
    open_lists: list[list[int]] = [[]]
    for token in tokens:
        if token == CLOSE:
            kind, *values = open_lists.pop()
            token = KINDS[kind - DIGITS](sorted(values))
        elif token >= DIGITS:
            open_lists.append([])
        open_lists[-1].append(token)
    ((value,),) = open_lists
    return value


def longest_of(depth: int, args: int) -> int:
    """Tokens of the longest expression with so many operators within each other."""
    return 1 if depth == 0 else 2 + args * longest_of(depth - 1, args)


def _powers(counts: list[int], args: int) -> list[list[int]]:
    """Lists of 0, 1.. up to `args` arguments, by their tokens in all."""
    found = [[1] + [0] * (len(counts) - 1)]
    sizes = [(size, count) for size, count in enumerate(counts) if count]
    for _ in range(args):
        longer = [0] * len(counts)
        for left, ways in enumerate(found[-1]):
            if ways:
                for size, count in sizes:
                    if left + size < len(counts):
                        longer[left + size] += ways * count
        found.append(longer)
    return found


def _orders(values: list[int]) -> int:
    """In how many orders a multiset can stand."""
    return math.factorial(len(values)) // math.prod(map(math.factorial, Counter(values).values()))
