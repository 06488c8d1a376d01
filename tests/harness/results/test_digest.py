"""A digest is the same for equal values, everywhere, and another for others."""

import math
import random

import pytest

from recurbench.harness.results.record import digest

PARTS = {"cell": {"name": "gru", "hidden_size": 3}, "seed": 0, "columns": ["a", "b"], "x": None}


def shuffled(value, source: random.Random):
    """The same value with the keys of every dict in another order."""
    if not isinstance(value, dict):
        return value
    keys = source.sample(list(value), len(value))
    return {key: shuffled(value[key], source) for key in keys}


@pytest.mark.parametrize("seed", range(5))
def test_a_digest_does_not_depend_on_the_order_of_keys(seed):
    other = shuffled(PARTS, random.Random(seed))
    assert digest(other) == digest(PARTS)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"seed": False},
        {"seed": "0"},
        {"columns": ["b", "a"]},
        {"cell": {"name": "gru", "hidden_size": 3.5}},
        {"x": 0},
        {"y": None},
    ],
    ids=str,
)
def test_a_digest_changes_with_every_value(change):
    assert digest(PARTS | change) != digest(PARTS)


def test_a_digest_is_the_same_on_every_machine_and_python():
    assert digest(PARTS) == "330eb638ff6e"
    assert len({digest({"seed": seed}) for seed in range(999)}) == 999


def test_a_digest_refuses_numbers_that_are_not_finite():
    with pytest.raises(ValueError, match="JSON"):
        digest({"lr": math.nan})
