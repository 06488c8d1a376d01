"""Rules answer each string as a loop does, and guesses are right as often as over all strings."""

from collections import Counter
from itertools import product

import pytest
import torch
from scipy.stats import binom

from recurbench.tasks.transduction.rules import (
    Addition,
    OddsFirst,
    Reverse,
    Rule,
    Sort,
    likeliest_in_order,
)

PLUS = Addition.PLUS
RULES = {
    "reverse": Reverse(3),
    "odds_first": OddsFirst(3),
    "sort": Sort(3),
    "addition": Addition(),
}


def answer(name: str, string: list[int]) -> list[int]:
    """The answer as one would write it for a single string."""
    if name == "reverse":
        return string[::-1]
    if name == "odds_first":
        return string[::2] + string[1::2]
    if name == "sort":
        return sorted(string)
    plus = string.index(PLUS)
    numbers = string[:plus], string[plus + 1 :]
    total = sum(bit << place for number in numbers for place, bit in enumerate(number))
    return [total >> place & 1 for place in range(max(map(len, numbers)) + 1)]


def every_string(name: str, length: int) -> list[list[int]]:
    if name != "addition":
        return [list(string) for string in product(range(3), repeat=length)]
    found = [list(bits) for bits in product(range(2), repeat=length - 1)]
    return [[*bits[:plus], PLUS, *bits[plus:]] for bits in found for plus in range(1, length - 1)]


def padded(strings: list[list[int]], size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Strings in rows that are filled up with what must not be read."""
    rows = [string + [1] * (size - len(string)) for string in strings]
    return torch.tensor(rows), torch.tensor([len(string) for string in strings])


@pytest.mark.parametrize("name", RULES)
def test_every_string_is_answered_whatever_stands_after_its_end(name):
    rule: Rule = RULES[name]
    strings = [s for length in range(rule.shortest, 7) for s in every_string(name, length)]
    rows, lengths = padded(strings, 8)
    found, due = rule.answer(rows, lengths).tolist(), rule.due(rows, lengths).tolist()
    for string, said, count in zip(strings, found, due, strict=True):
        assert said[:count] == answer(name, string)


@pytest.mark.parametrize("length", [3, 4, 7])
@pytest.mark.parametrize("name", RULES)
def test_what_is_right_is_that_of_all_strings(name, length):
    rule: Rule = RULES[name]
    strings = every_string(name, length)
    assert rule.chances(length) == [(1.0, 1 / len(strings))]
    answers = [answer(name, string) for string in strings]
    mean_due = sum(map(len, answers)) / len(answers)
    assert rule.expected_due(length) == pytest.approx(mean_due, rel=1e-12)
    guesses = rule.guesses(*padded(strings, length + 1))
    assert set(guesses) == set(rule.right(length))
    for reference, expected in rule.right(length).items():
        said = guesses[reference].tolist()
        pairs = [pair for rows in zip(answers, said, strict=True) for pair in zip(*rows)]  # noqa: B905
        right = sum(one == other for one, other in pairs) / len(strings)
        assert expected == pytest.approx(right, rel=1e-9), reference


@pytest.mark.parametrize("length", [3, 4, 7])
@pytest.mark.parametrize("name", ["sort", "addition"])
def test_a_clock_says_what_is_most_often_due_at_each_place(name, length):
    """One who knows which kind of string it is, and not its symbols, does no better."""
    strings = every_string(name, length)
    kinds: dict[tuple, Counter] = {}
    for string in strings:
        plus = string.index(PLUS) if name == "addition" else 0
        for place, symbol in enumerate(answer(name, string)):
            kinds.setdefault((plus, place), Counter())[symbol] += 1
    best = sum(max(counts.values()) for counts in kinds.values()) / len(strings)
    assert RULES[name].right(length)["clock"] == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("name", ["reverse", "odds_first"])
def test_the_bag_says_the_most_frequent_symbol(name):
    rows, lengths = padded([[2, 0, 2, 1], [0, 2]], 9)
    (said,) = RULES[name].guesses(rows, lengths).values()
    assert said[0].tolist() == [2] * 9
    assert said[1, 0] in (0, 2)  # not the 1 of what stands after the end


def test_a_sum_without_carries_is_right_where_none_comes_in():
    string = torch.tensor([[1, 1, PLUS, 1, 0, 1]])
    assert RULES["addition"].guesses(string, torch.tensor([6]))["no_carry"][0, :4].tolist() == [
        0, 1, 1, 0,
    ]  # fmt: skip


def test_numbers_of_a_sum_have_all_lengths_and_uniform_bits():
    lengths = torch.full((4000,), 6)
    strings = RULES["addition"].draw(lengths, torch.Generator().manual_seed(0))
    counts = (strings == PLUS).sum(0)
    assert counts[[0, 5]].tolist() == [0, 0]
    assert ((counts[1:5] - 1000).abs() < 150).all()
    assert strings[strings != PLUS].double().mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("length", "alphabet"), [(1, 2), (80, 5), (3000, 7)])
def test_chances_in_order_are_binomial_for_long_strings_too(length, alphabet):
    symbols, chances = likeliest_in_order(length, alphabet)
    for place in {0, length // 3, length - 1}:
        at_most = [binom.sf(place, length, (a + 1) / alphabet) for a in range(alphabet - 1)]
        steps = [high - low for low, high in zip([0, *at_most], [*at_most, 1], strict=True)]
        assert float(chances[place]) == pytest.approx(max(steps), abs=1e-9)
        assert steps[symbols[place]] == pytest.approx(max(steps), abs=1e-9)
