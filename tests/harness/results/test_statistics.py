"""What scores over seeds support is said as the textbook's functions say it."""

import statistics
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recurbench.harness.results.statistics import (
    COMPARED,
    LEVEL,
    correlation,
    deviation,
    interval,
    letters,
    rank_ranges,
    tell_apart,
)


def seeded(*scores: float) -> dict[int, float]:
    return dict(enumerate(scores))


def drawn(means: list[float], seeds: int, deviation: float = 1.0) -> list[dict[int, float]]:
    random = np.random.default_rng(0)
    return [seeded(*random.normal(mean, deviation, seeds)) for mean in means]


@pytest.mark.parametrize("scores", [[0.1, 0.4], [1.0, 2.0, 4.0], [5.0] * 4, [-3.0, 1e3, 2.0]])
def test_an_interval_is_students(scores):
    t = stats.t(len(scores) - 1, np.mean(scores), stats.sem(scores))
    expected = t.interval(0.95) if np.std(scores) else (scores[0], scores[0])
    assert interval(scores) == pytest.approx(expected)


def test_one_score_has_no_interval():
    assert interval([0.5]) is None


AWKWARD = {
    "all alike": [0.1] * 3,
    "one bit apart": [0.1, 0.1, 0.1 + 2**-56],
    "small beside their mean": [1e9 + 0.1, 1e9 + 0.2, 1e9 + 0.4],
    "very different": [1e-300, 1.0, 1e150],
    "the smallest": [5e-324, 0.0, 1.5e-323],
    "the largest": [1e150, -1e150, 1e150],
    "whole numbers": [2**63 - 1, -(2**63), 3],
    "mixed": [1, 0.5, -0.0],
}


@pytest.mark.parametrize("scores", AWKWARD.values(), ids=AWKWARD)
def test_a_deviation_is_that_of_the_standard_library(scores):
    assert deviation(scores) == statistics.stdev(scores)


@given(st.lists(st.floats(-1e150, 1e150) | st.floats(0, 1), min_size=2, max_size=9))
def test_a_deviation_is_rounded_as_in_the_standard_library(scores):
    assert deviation(scores) == statistics.stdev(scores)


def holm_by_hand(p: dict[tuple[int, int], float]) -> set[tuple[int, int]]:
    found = set()
    for number, pair in enumerate(sorted(p, key=p.__getitem__)):
        if p[pair] > LEVEL / (len(p) - number):
            break
        found.add(pair)
    return found


@pytest.mark.parametrize("seeds", [2, 3, 7])
@pytest.mark.parametrize("paired", [False, True])
def test_pairs_are_told_apart_by_t_tests_with_holms_correction(seeds, paired):
    entries = drawn([0, 0, 1, 4, 8, 40], seeds)
    test = stats.ttest_rel if paired else stats.ttest_ind
    how = {} if paired else {"equal_var": False}
    p = {
        (a, b): test(list(entries[a].values()), list(entries[b].values()), **how).pvalue
        for a, b in combinations(range(len(entries)), 2)
    }
    table = tell_apart(entries, paired=paired)
    found = {(a, b) for a, b in p if table[a][b]}
    assert found == holm_by_hand(p)
    assert all(table[a][b] == table[b][a] for a, b in p)
    assert seeds == 2 or 0 < len(found) < len(p)


def test_a_paired_test_uses_common_seeds_alone():
    one, other = {0: 1.0, 1: 2.0, 2: 3.5, 9: -50.0}, {0: 0.0, 1: 1.1, 2: 2.4, 7: 50.0}
    assert tell_apart([one, other], paired=True)[0][1]
    assert not tell_apart([one, other])[0][1]


def test_an_entry_with_one_seed_is_told_apart_from_none_and_costs_the_others_nothing():
    entries = [*drawn([0, 4], 3), seeded(1e6)]
    with_it, without = tell_apart(entries), tell_apart(entries[:2])
    assert without[0][1]
    assert with_it == [[False, True, False], [True, False, False], [False] * 3]


def test_entries_whose_seeds_all_agree_differ_where_they_differ():
    table = tell_apart([seeded(1.0, 1.0), seeded(1.0, 1.0, 1.0), seeded(0.5, 0.5)])
    assert table == [[False, False, True], [False, False, True], [True, True, False]]


def test_more_entries_than_can_be_compared_are_all_tied():
    entries = [seeded(float(n), n + 0.01) for n in range(COMPARED + 1)]
    assert not any(map(any, tell_apart(entries)))


def test_a_rank_is_the_range_that_the_tests_leave_open():
    different = [
        [False, False, True, True],
        [False, False, False, True],
        [True, False, False, False],
        [True, True, False, False],
    ]
    assert rank_ranges(different) == [(1, 2), (1, 3), (2, 4), (3, 4)]
    assert letters(different) == ["a", "ab", "bc", "c"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [([], ["a", "a", "a"]), ([(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
     ([(0, 2)], ["a", "ab", "b"]), ([(0, 1)], ["a", "b", "ab"])],
)  # fmt: skip
def test_letters_of_three_entries(pairs, expected):
    different = [[(a, b) in pairs or (b, a) in pairs for b in range(3)] for a in range(3)]
    assert letters(different) == expected


@given(st.integers(1, 9), st.data())
def test_entries_share_a_letter_if_and_only_if_they_cannot_be_told_apart(k, data):
    different = [[False] * k for _ in range(k)]
    for a, b in combinations(range(k), 2):
        different[a][b] = different[b][a] = data.draw(st.booleans())
    groups = list(map(set, letters(different)))
    assert all(groups)
    for a, b in combinations(range(k), 2):
        assert bool(groups[a] & groups[b]) != different[a][b]


@given(st.integers(1, 6), st.data())
def test_letters_are_the_largest_groups_that_cannot_be_told_apart(k, data):
    different = [[False] * k for _ in range(k)]
    for a, b in combinations(range(k), 2):
        different[a][b] = different[b][a] = data.draw(st.booleans())
    subsets = chain.from_iterable(combinations(range(k), size) for size in range(1, k + 1))
    alike = [set(s) for s in subsets if not any(different[a][b] for a, b in combinations(s, 2))]
    largest = [group for group in alike if not any(group < other for other in alike)]
    expected = [""] * k
    for name, group in zip("abcdefghi", sorted(largest, key=sorted), strict=False):
        for place in group:
            expected[place] += name
    assert letters(different) == expected


def test_there_are_letters_for_any_number_of_groups():
    different = [[a != b for b in range(30)] for a in range(30)]
    found = letters(different)
    assert (found[0], found[25], found[26], found[29]) == ("a", "z", "(aa)", "(ad)")


def test_the_correlation_is_the_mean_over_pairs_with_three_common_seeds():
    one, other, third = seeded(1.0, 2.0, 4.0), seeded(2.0, 3.0, 7.0), seeded(5.0, 1.0, 2.0)
    pairs = [(one, other), (one, third), (other, third)]
    mean = np.mean([np.corrcoef(list(a.values()), list(b.values()))[0, 1] for a, b in pairs])
    assert correlation([one, other, third]) == pytest.approx(mean)
    assert correlation([one, seeded(1.0, 2.0)]) is None
    assert correlation([one, seeded(1.0, 1.0, 1.0)]) is None
