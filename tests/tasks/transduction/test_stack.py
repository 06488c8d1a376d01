"""The stack is left as a list would be, and what is known of it is summed over all strings."""

import math
from collections import Counter
from itertools import product

import pytest
import torch

from recurbench.tasks.transduction.stack import POPS, Stack, expected_height

SYMBOLS = 2
RULE = Stack(SYMBOLS)
END, POP, PUSH = RULE.end, RULE.pop, RULE.push


def left(string: list[int]) -> list[int]:
    """The stack from its top down, and the end."""
    stack: list[int] = []
    for token in string:
        if token != POP:
            stack.append(token - PUSH if token >= PUSH else token)
        elif stack:
            stack.pop()
    return [*reversed(stack), END]


def every_string(length: int) -> list[tuple[list[int], float]]:
    """All strings with their chances."""
    actions = [(POP, POPS), *((PUSH + symbol, (1 - POPS) / SYMBOLS) for symbol in range(SYMBOLS))]
    shown = [(symbol, 1 / SYMBOLS) for symbol in range(SYMBOLS)]
    found = []
    for size in range(1, length + 1):
        for parts in product(*[shown] * size, *[actions] * (length - size)):
            tokens, chances = zip(*parts, strict=True)
            found.append(([*tokens], math.prod(chances) / length))
    return found


def padded(strings: list[list[int]], size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Strings in rows that are filled up with a pop, which must not be read."""
    rows = [string + [POP] * (size - len(string)) for string in strings]
    return torch.tensor(rows), torch.tensor([len(string) for string in strings])


def test_every_string_leaves_what_a_list_would_hold_whatever_stands_after_its_end():
    strings = [string for length in range(1, 6) for string, _ in every_string(length)]
    rows, lengths = padded(strings, 8)
    answers, due = RULE.answer(rows, lengths).tolist(), RULE.due(rows, lengths).tolist()
    for string, answer, count in zip(strings, answers, due, strict=True):
        assert answer[:count] == left(string)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_what_is_due_and_right_is_that_of_all_strings_by_their_chances(length):
    strings = every_string(length)
    assert sum(chance for _, chance in strings) == pytest.approx(1)
    rows, lengths = padded([string for string, _ in strings], length + 1)
    said = RULE.guesses(rows, lengths)["height"].tolist()
    due = right = 0.0
    for (string, chance), guess in zip(strings, said, strict=True):
        answer = left(string)
        due += chance * len(answer)
        right += chance * sum(a == b for a, b in zip(answer, guess[: len(answer)], strict=True))
    assert RULE.expected_due(length) == pytest.approx(due, rel=1e-12)
    assert RULE.right(length) == {"height": pytest.approx(right, rel=1e-12)}


@pytest.mark.parametrize("length", [1, 4])
def test_groups_of_strings_are_those_of_all_strings(length):
    listed = Counter[float]()
    for _, chance in every_string(length):
        listed[round(chance, 12)] += chance
    grouped = Counter[float]()
    for share, chance in RULE.chances(length):
        grouped[round(chance, 12)] += share
    assert grouped == pytest.approx(listed)


def test_strings_are_drawn_with_their_chances():
    count, length = 20_000, 3
    lengths = torch.full((count,), length)
    drawn = Counter(map(tuple, RULE.draw(lengths, torch.Generator().manual_seed(0)).tolist()))
    expected = {tuple(string): chance for string, chance in every_string(length)}
    assert set(drawn) == set(expected)
    for string, chance in expected.items():
        assert drawn[string] / count == pytest.approx(chance, abs=5 * math.sqrt(chance / count))


def test_a_long_stack_grows_by_a_third_of_the_actions():
    """Two of three actions push, and few pops meet an empty stack."""
    assert expected_height(400) == pytest.approx(200.5 + 199.5 / 3, abs=0.1)
