"""Expressions are counted, numbered and valued as one finds by listing all of them."""

from itertools import product

import numpy as np
import pytest
import torch

from recurbench.tasks.listops.expressions import (
    CLOSE,
    DIGITS,
    OPERATORS,
    Expressions,
    evaluate,
    longest_of,
)

NAMES = list(OPERATORS)
SIZES = [(5, 1, 5), (7, 2, 2), (7, 3, 3), (6, 1, 4)]
"""Tokens, depth and arguments, of which all expressions can be listed."""


def every_expression(length: int, depth: int, args: int) -> list[list[int]]:
    """All expressions of a length, written down by trying all parts."""
    found = []
    for kind, count in product(range(len(NAMES)), range(2, args + 1)):
        for sizes in product(range(1, length), repeat=count):
            if sum(sizes) == length - 2:
                parts = [every_argument(size, depth - 1, args) for size in sizes]
                for chosen in product(*parts):
                    found.append([DIGITS + kind, *(t for part in chosen for t in part), CLOSE])
    return found


def every_argument(length: int, depth: int, args: int) -> list[list[int]]:
    if length == 1:
        return [[digit] for digit in range(DIGITS)]
    return every_expression(length, depth, args) if depth and length >= 4 else []


def value(tokens: list[int]) -> int:
    """What an expression comes to, as Python with brackets."""
    starts = {DIGITS + kind: f"{name}([" for kind, name in enumerate(NAMES)}
    text = " ".join(starts.get(t, "])," if t == CLOSE else f"{t},") for t in tokens)
    functions = {"MIN": min, "MAX": max, "MED": np.median, "SM": sum}
    rounded = {
        name: lambda values, f=function: int(f(values)) % 10 for name, function in functions.items()
    }
    (found,) = eval(text, rounded)
    return found


@pytest.mark.parametrize(("longest", "depth", "args"), SIZES)
def test_each_expression_of_a_length_has_one_number(longest, depth, args):
    expressions = Expressions(longest, depth, args)
    for length in range(longest + 1):
        every = every_expression(length, depth, args)
        assert expressions.count(length) == len(every)
        numbered = [expressions.nth(number, length) for number in range(len(every))]
        assert sorted(numbered) == sorted(every)


@pytest.mark.parametrize(("longest", "depth", "args"), SIZES)
def test_shares_of_operators_and_values_are_those_of_all_expressions(longest, depth, args):
    shares = Expressions(longest, depth, args).values()
    for length in range(longest + 1):
        every = every_expression(length, depth, args)
        counts = torch.zeros_like(shares[length])
        for tokens in every:
            counts[tokens[0] - DIGITS, evaluate(tokens)] += 1
        torch.testing.assert_close(shares[length], counts / len(every), equal_nan=True)


def test_expressions_come_to_what_python_makes_of_them():
    expressions = Expressions(40, 4, 5)
    for seed in range(300):
        length = 4 + seed % 37
        tokens = expressions.nth(int(0.37 * seed * expressions.count(length) / 300), length)
        assert len(tokens) == length
        assert evaluate(tokens) == value(tokens)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("MED 1 2 3 4 ]", 2), ("MED 0 9 ]", 4), ("MED 7 9 1 ]", 7), ("SM 9 8 7 ]", 4),
        ("MIN 3 MAX 8 5 ] ]", 3), ("MAX SM 5 5 ] MED 9 8 8 ] MIN 2 1 ] ]", 8),
    ],
)  # fmt: skip
def test_operators_are_those_of_the_paper(text, result):
    ids = {"]": CLOSE} | {name: DIGITS + kind for kind, name in enumerate(NAMES)}
    assert evaluate([ids[word] if word in ids else int(word) for word in text.split()]) == result


def test_the_longest_expression_is_as_long_as_that():
    for depth, args in [(1, 5), (2, 3), (3, 2)]:
        longest = longest_of(depth, args)
        expressions = Expressions(longest + 6, depth, args)
        lengths = [n for n in range(longest + 7) if expressions.count(n)]
        assert lengths[-1] == longest


def test_shares_of_long_expressions_stay_finite():
    shares = Expressions(700, 6, 3).values()
    assert shares[-1].sum().item() == pytest.approx(1)
