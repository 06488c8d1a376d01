"""Times are taken in turns, so that what disturbs one way disturbs its rival too."""

import re

from recurbench.harness.speed.alternating import ENOUGH, alternate, quartiles, ratios


def test_ways_are_called_forwards_and_backwards_in_turns() -> None:
    calls: list[str] = []
    times = alternate([lambda: calls.append("a"), lambda: calls.append("b")], 3, lambda: None)
    assert [len(own) for own in times] == [3, 3]
    turns = re.sub(r"(.)\1+", r"\1", "".join(calls))
    assert turns == "ab" + "a" + "b" + "a", "warm, then b a, a b, b a"


def test_what_is_short_is_repeated_and_what_is_long_is_not() -> None:
    calls: list[str] = []

    def long() -> None:
        until = len(calls) + 1
        calls.append("long")
        sum(range(1_000_000))
        assert len(calls) == until

    alternate([lambda: calls.append("short"), long], 2, lambda: None)
    assert calls.count("long") == 2 + 2
    assert calls.count("short") > 100
    assert ENOUGH < 0.01, "or a million numbers are not long"


def test_everything_begun_is_waited_for() -> None:
    order: list[str] = []
    alternate([lambda: order.append("call")], 2, lambda: order.append("wait"))
    assert order[:3] == ["wait", "call", "wait"]
    assert order[-1] == "wait"


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([2, 4, 60], [1, 1, 10]) == (3, 4, 5)


def test_quartiles_of_few_numbers_are_between_them() -> None:
    low, median, high = quartiles([1, 9])
    assert 1 < low < median == 5 < high < 9
