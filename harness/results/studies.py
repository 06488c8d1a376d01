"""A study as a whole: its entries over all of its tracks, on one scale.

Legend: k entries, N tracks. A normalised score is 0 for the best naive reference of a track and 1
for its optimum, or for the best mean score of an entry where the optimum is not known. It may lie
outside of 0 and 1. What an entry lacks is never filled in: aggregates are of entries that have runs
on every track.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from recurbench.harness.results.rows import Row
from recurbench.harness.results.statistics import LEVEL, Interval
from recurbench.harness.results.tracks import Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPTIMUM = "optimal"
"""The name of the reference that nothing can beat; all others are naive."""

RESAMPLES = 2000
"""Of the stratified bootstrap: the runs of each track are drawn anew, by themselves."""

IN_PAIRS = 60
"""The first entries by mean rank, whose pairs are all compared; there are too many of more."""

THRESHOLDS = tuple(step / 40 for step in range(-10, 41))
"""Normalised scores at which performance profiles are read."""


@dataclass(frozen=True)
class Scale:
    """What normalised scores of a track mean.

    Attributes:
        track: its id.
        zero: the best naive reference, its name and score.
        one: what 1 stands for, its name and score.
    """

    track: str
    zero: tuple[str, float]
    one: tuple[str, float]

    def of(self, score: float) -> float:
        """The normalised score."""
        return (score - self.zero[1]) / (self.one[1] - self.zero[1])


@dataclass(frozen=True)
class Standing:
    """An entry over all tracks of a study.

    Attributes:
        label: the cell with the knobs that were set.
        runs: normalised test scores of its seeds, by track.
        scores: their means.
        missing: tracks that it has no completed run on.
        mean_rank: of its mean scores on all tracks, among the entries that lack none.
        iqm: the interquartile mean of all its normalised scores.
        iqm_interval: 95 %, by stratified bootstrap over runs.
        profile: at each of `THRESHOLDS`, the share of its runs above, averaged over tracks.
    """

    label: str
    runs: dict[str, list[float]]
    scores: dict[str, float]
    missing: list[str]
    mean_rank: float | None = None
    iqm: float | None = None
    iqm_interval: Interval | None = None
    profile: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Study:
    """The entries of a study over its tracks.

    Attributes:
        name: that its records have.
        scales: of its tracks, in their order.
        left_out: ids of tracks without a scale, with the reason.
        standings: by mean rank; entries that lack a track come last.
        critical_difference: mean ranks that differ by less cannot be told apart (Nemenyi's test
            at 5 %); None with fewer than two tracks or entries.
        groups: labels of entries that the test leaves together, neighbours in rank.
        improvement: for pairs of the first `IN_PAIRS` entries, how likely a run of one is better
            than one of the other on a track, averaged over tracks, and its 95 % interval.
    """

    name: str
    scales: list[Scale]
    left_out: dict[str, str]
    standings: list[Standing]
    critical_difference: float | None = None
    groups: list[list[str]] = field(default_factory=list)
    improvement: list[tuple[str, str, float, Interval]] = field(default_factory=list)


def summarise(name: str, tracks: Sequence[Track]) -> Study:
    """Puts the tracks of a study on one scale and compares its entries over all of them."""
    found = {track.id: _scale(track) for track in tracks}
    scales = [scale for scale in found.values() if isinstance(scale, Scale)]
    left_out = {track: scale for track, scale in found.items() if isinstance(scale, str)}
    standings = _standings(scales, {track.id: track.current for track in tracks})
    whole = [standing for standing in standings if not standing.missing]
    if not scales or not whole:
        return Study(name, scales, left_out, standings)
    ranked = _aggregate(whole, scales)
    difference = _nemenyi(len(ranked), len(scales))
    return Study(
        name,
        scales,
        left_out,
        ranked + [standing for standing in standings if standing.missing],
        difference,
        [] if difference is None else _groups(ranked, difference),
        _improvements(ranked[:IN_PAIRS], scales),
    )


def _scale(track: Track) -> Scale | str:
    """A track's scale, or why it has none."""
    sign = 1 if track.higher_is_better else -1
    naive = {
        name: score
        for name, score in track.references.items()
        if name != OPTIMUM and score is not None
    }
    known = {row.label: row.test for row in track.current if row.test is not None}
    if not naive:
        return "no naive reference"
    if not known:
        return "no completed run"
    zero = max(naive, key=lambda name: sign * naive[name])
    optimum = track.references.get(OPTIMUM)
    best = max(known, key=lambda label: sign * known[label])
    one = (best, known[best]) if optimum is None else (OPTIMUM, optimum)
    if sign * (one[1] - naive[zero]) <= 0:
        return f"{one[0]} is not better than {zero}"
    return Scale(track.id, (zero, naive[zero]), one)


def _standings(scales: Sequence[Scale], rows: Mapping[str, Sequence[Row]]) -> list[Standing]:
    """Normalised scores of each entry, by label."""
    by_label: dict[str, dict[str, list[float]]] = {}
    for scale in scales:
        for row in rows[scale.track]:
            runs = [scale.of(score) for score in row.scores.values()]
            by_label.setdefault(row.label, {})[scale.track] = runs
    return [
        Standing(
            label,
            runs,
            {track: sum(scores) / len(scores) for track, scores in runs.items()},
            [scale.track for scale in scales if scale.track not in runs],
        )
        for label, runs in sorted(by_label.items())
    ]


def _aggregate(whole: Sequence[Standing], scales: Sequence[Scale]) -> list[Standing]:
    """Standings with their ranks and aggregates, the best mean rank first."""
    import numpy as np

    means = np.array([[standing.scores[scale.track] for scale in scales] for standing in whole])
    # Equal scores share the mean of their ranks.
    above = (means[None] > means[:, None]).sum(1)
    level = (means[None] == means[:, None]).sum(1)
    ranks = (1 + above + (level - 1) / 2).mean(1)
    found = []
    for number, (standing, rank) in enumerate(zip(whole, ranks, strict=True)):
        strata = [np.array(standing.runs[scale.track]) for scale in scales]
        drawn = np.concatenate(_resampled(strata, number), axis=1)
        low, high = np.quantile(_middle_mean(drawn), [LEVEL / 2, 1 - LEVEL / 2])
        found.append(
            Standing(
                standing.label,
                standing.runs,
                standing.scores,
                [],
                float(rank),
                float(_middle_mean(np.concatenate(strata)[None])[0]),
                (float(low), float(high)),
                [
                    float(np.mean([(runs > threshold).mean() for runs in strata]))
                    for threshold in THRESHOLDS
                ],
            )
        )
    return sorted(found, key=lambda standing: (standing.mean_rank, standing.label))


def _resampled(strata: "Sequence[NDArray[np.float64]]", entry: int) -> "list[NDArray[np.float64]]":
    """The runs of an entry on each track drawn anew, `(RESAMPLES, runs)`; alike at every call."""
    import numpy as np

    random = np.random.default_rng(entry)
    return [runs[random.integers(len(runs), size=(RESAMPLES, len(runs)))] for runs in strata]


def _middle_mean(scores: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The mean of each row without its lowest and its highest quarter (rounded down)."""
    import numpy as np

    cut = scores.shape[1] // 4
    middle: NDArray[np.float64] = np.sort(scores, axis=1)[:, cut : scores.shape[1] - cut].mean(1)
    return middle


def _nemenyi(k: int, tracks: int) -> float | None:
    """The critical difference of mean ranks (Demšar, "Statistical comparisons", 2006)."""
    if k < 2 or tracks < 2:
        return None
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - LEVEL, k, float("inf")) / 2**0.5
    return float(q * (k * (k + 1) / (6 * tracks)) ** 0.5)


def _groups(ranked: Sequence[Standing], difference: float) -> list[list[str]]:
    """The longest runs of neighbours that are no further apart than the critical difference."""
    ranks = [standing.mean_rank or 0.0 for standing in ranked]
    groups: list[range] = []
    for first, rank in enumerate(ranks):
        last = max(i for i, other in enumerate(ranks) if other - rank < difference)
        if last > first and (not groups or last >= groups[-1].stop):
            groups.append(range(first, last + 1))
    return [[ranked[place].label for place in group] for group in groups]


def _improvements(
    ranked: Sequence[Standing], scales: Sequence[Scale]
) -> list[tuple[str, str, float, Interval]]:
    """Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", 2021.

    On a track it is the share of pairs of runs in which the first entry's is better, ties by half.
    """
    import numpy as np

    strata = [[np.array(entry.runs[scale.track]) for scale in scales] for entry in ranked]
    drawn = [_resampled(runs, number) for number, runs in enumerate(strata)]
    found = []
    for one, other in combinations(range(len(ranked)), 2):
        measured = [
            _better(x[None], y[None]) for x, y in zip(strata[one], strata[other], strict=True)
        ]
        again = np.mean([_better(x, y) for x, y in zip(drawn[one], drawn[other], strict=True)], 0)
        low, high = np.quantile(again, [LEVEL / 2, 1 - LEVEL / 2])
        pair = ranked[one].label, ranked[other].label
        found.append((*pair, float(np.mean(measured)), (float(low), float(high))))
    return found


def _better(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """For rows of runs `(R, n)` and `(R, m)`, the share of pairs in which x is above y."""
    pairs = x[:, :, None] - y[:, None, :]
    share: NDArray[np.float64] = ((pairs > 0) + 0.5 * (pairs == 0)).mean((1, 2))
    return share
