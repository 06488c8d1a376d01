"""What scores over seeds support: intervals of means, tests of all pairs, groups of ties.

Legend: k entries, each with its scores, one per seed.
"""

from collections.abc import Mapping, Sequence
from math import isqrt
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 0.05
"""How often entries that are alike may be told apart, over all pairs of a track together."""

COMPARED = 500
"""The most entries of a track whose pairs are all tested."""

Seeded = Mapping[int, float]
"""The scores of an entry by their seeds."""

Interval = tuple[float, float]


def interval(scores: Sequence[float]) -> Interval | None:
    """The 95 % Student t interval of the mean; None for fewer than two scores."""
    from scipy.special import stdtrit

    if len(scores) < 2:
        return None
    middle = fmean(scores)
    half = float(stdtrit(len(scores) - 1, 1 - LEVEL / 2)) * deviation(scores) / len(scores) ** 0.5
    return middle - half, middle + half


def deviation(scores: Sequence[float]) -> float:
    """The sample standard deviation of two scores or more, which are finite.

    Exact but for the rounding of the result: the float that `statistics.stdev` gives, several
    times as fast. Floats are whole numbers of a small enough unit, a power of two, and sums of
    whole numbers lose nothing.
    """
    ratios = [score.as_integer_ratio() for score in scores]
    unit = max(below for _, below in ratios)
    whole = [above * (unit // below) for above, below in ratios]
    n = len(whole)
    squares = n * sum(number * number for number in whole) - sum(whole) ** 2
    return _root(squares, n * (n - 1) * unit * unit)


def tell_apart(entries: Sequence[Seeded], *, paired: bool = False) -> list[list[bool]]:
    """Which pairs of entries differ: Welch's t tests, by Holm's method over all pairs.

    A pair that cannot be tested, as one has a single seed, is not told apart and is not counted.

    Args:
        entries: the scores of each.
        paired: test the differences of scores with the same seed instead; only sensible where
            these are correlated (see `correlation`).

    Returns:
        A symmetric k × k table.
    """
    import numpy as np

    k = len(entries)
    different = np.zeros((k, k), dtype=bool)
    if 2 <= k <= COMPARED:
        rows, columns = np.triu_indices(k, 1)
        p = (_paired if paired else _welch)(entries, rows, columns)
        tested = np.flatnonzero(~np.isnan(p))
        found = tested[_holm(p[tested])]
        different[rows[found], columns[found]] = True
    table: list[list[bool]] = (different | different.T).tolist()
    return table


def rank_ranges(different: Sequence[Sequence[bool]]) -> list[tuple[int, int]]:
    """The ranks that the tests leave open, for entries in the order of their means, best first.

    Args:
        different: which entries are told apart, as `tell_apart` says.
    """
    return [
        (1 + sum(row[:place]), len(row) - sum(row[place + 1 :]))
        for place, row in enumerate(different)
    ]


def letters(different: Sequence[Sequence[bool]]) -> list[str]:
    """A compact letter display: entries that share a letter cannot be told apart.

    Piepho, "An algorithm for a letter-based representation of all-pairwise comparisons", 2004: a
    group of all entries is split at every pair that differs; groups within others are dropped.
    Here all pairs of an entry are taken at once, and a group is a whole number, a bit an entry.

    Args:
        different: which entries are told apart, in the order of their means, best first.
    """
    k = len(different)
    # The first entry is the highest bit, so that a larger set is one that begins earlier.
    bits = [1 << (k - 1 - place) for place in range(k)]
    groups = [(1 << k) - 1] if different else []
    for bit, row in zip(bits, different, strict=True):
        apart = sum(other for other, differs in zip(bits, row, strict=True) if differs)
        groups = _split(groups, bit, apart)
    groups.sort(reverse=True)
    names = [(_letter(number), group) for number, group in enumerate(groups)]
    return ["".join(name for name, group in names if group & bit) for bit in bits]


def correlation(entries: Sequence[Seeded]) -> float | None:
    """Pearson's correlation of scores with the same seed, averaged over pairs of entries.

    Pairs with fewer than three seeds in common, or of which one always scores the same, do not
    count; None if there is no other.
    """
    import numpy as np

    by_seeds: dict[tuple[int, ...], list[Seeded]] = {}
    for scores in entries:
        by_seeds.setdefault(tuple(sorted(scores)), []).append(scores)
    groups = list(by_seeds.items())
    found: list[float] = []
    for number, (seeds, group) in enumerate(groups):
        for others, other in groups[number:]:
            common = sorted(set(seeds) & set(others))
            if len(common) >= 3:
                table = _directions(group, common) @ _directions(other, common).T
                pairs = table[np.triu_indices(len(table), 1)] if other is group else table.ravel()
                found += pairs.tolist()
    return fmean(found) if found else None


def _directions(group: Sequence[Seeded], seeds: Sequence[int]) -> "NDArray[np.float64]":
    """Scores around their mean, scaled to the length one; without entries that score the same."""
    import numpy as np

    scores = np.array([[entry[seed] for seed in seeds] for entry in group])
    scores = scores[np.ptp(scores, axis=1) > 0]
    around = scores - scores.mean(axis=1, keepdims=True)
    scaled: NDArray[np.float64] = around / np.linalg.norm(around, axis=1, keepdims=True)
    return scaled


def _welch(
    entries: Sequence[Seeded], rows: "NDArray[np.intp]", columns: "NDArray[np.intp]"
) -> "NDArray[np.float64]":
    """Welch, "The generalization of 'Student's' problem", 1947: p of each pair, NaN if untested."""
    import numpy as np
    from scipy.special import stdtr

    counts = np.array([len(entry) for entry in entries])
    means = np.array([fmean(entry.values()) for entry in entries])
    errors = np.array([_squared_error(list(entry.values())) for entry in entries])
    squares = errors[rows] + errors[columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(means[rows] - means[columns]) / np.sqrt(squares)
        parts = [(errors[one] / squares) ** 2 / (counts[one] - 1) for one in (rows, columns)]
        freedom = 1 / (parts[0] + parts[1])
    # Where all seeds of both give one score, equal ones are equal and others differ.
    p = np.where(squares == 0, (means[rows] == means[columns]).astype(float), np.nan)
    varying = squares > 0
    p[varying] = 2 * stdtr(freedom[varying], -t[varying])
    return p


def _squared_error(scores: Sequence[float]) -> float:
    """Of a mean: the sample variance over the number of scores; NaN for one score."""
    return deviation(scores) ** 2 / len(scores) if len(scores) > 1 else float("nan")


def _paired(
    entries: Sequence[Seeded], rows: "NDArray[np.intp]", columns: "NDArray[np.intp]"
) -> "NDArray[np.float64]":
    """Student's test of differences over common seeds: p of each pair, NaN if untested."""
    import numpy as np
    from scipy.special import stdtr

    found = []
    for row, column in zip(rows, columns, strict=True):
        one, other = entries[row], entries[column]
        differences = [one[seed] - other[seed] for seed in one.keys() & other.keys()]
        error = _squared_error(differences) ** 0.5
        if error > 0:
            t = abs(fmean(differences)) / error
            found.append(2 * float(stdtr(len(differences) - 1, -t)))
        else:  # no spread, or NaN
            found.append(error if error else float(not any(differences)))
    return np.array(found)


def _holm(p: "NDArray[np.float64]") -> "NDArray[np.intp]":
    """Holm, 1979: the numbers of the hypotheses that are rejected at `LEVEL` all together."""
    import numpy as np

    order = np.argsort(p, kind="stable")
    kept = p[order] > LEVEL / (len(p) - np.arange(len(p)))
    return order[: int(np.argmax(kept)) if kept.any() else len(p)]


def _split(groups: list[int], entry: int, apart: int) -> list[int]:
    """Groups in which an entry is with none that differ from it; none lies within another."""
    mixed = [group for group in groups if group & entry and group & apart]
    kept = [group for group in groups if not (group & entry and group & apart)]
    halves = [group ^ entry for group in mixed]
    # The largest first: without those that differ, one of these may lie within another.
    halves += sorted((group & ~apart for group in mixed), key=int.bit_count, reverse=True)
    for half in halves:
        if not any(half & group == half for group in kept):
            kept.append(half)
    return kept


def _root(above: int, below: int) -> float:
    """The square root of a fraction, rounded once.

    It is found to 54 bits or more of a whole number. What is cut off from it leaves a lowest bit,
    so that a remainder is never rounded like none.
    """
    shift = max(0, 55 + (below.bit_length() - above.bit_length() + 1) // 2)
    scaled = (above << 2 * shift) // below
    root = isqrt(scaled)
    return ((root << 1) | (root * root * below != above << 2 * shift)) / (1 << shift + 1)


def _letter(number: int) -> str:
    """a, b, ..., z, then aa, ab and so on in brackets, so that letters cannot be mistaken."""
    if number < 26:
        return chr(ord("a") + number)
    return f"({_letter(number // 26 - 1)}{_letter(number % 26)})"
