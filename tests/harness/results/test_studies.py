"""A study's entries are compared over all of its tracks, and what is missing stays missing."""

import numpy as np
import pytest
from making import make_run as run
from scipy import stats

from recurbench.harness.results.studies import THRESHOLDS, summarise
from recurbench.harness.results.tracks import build_tracks

SCORES = {
    "gru": {"copying": [0.9, 0.8, 0.95], "parity": [0.7, 0.75, 0.8], "dyck": [0.6, 0.5, 0.9]},
    "lstm": {"copying": [0.5, 0.4, 0.45], "parity": [0.7, 0.9, 0.8], "dyck": [0.4, 0.3, 0.5]},
    "rnn": {"copying": [0.2, 0.1, 0.3], "parity": [0.2, 0.1, 0.5], "dyck": [0.4, 0.2, 0.2]},
}
CHANCE, OPTIMAL = 0.1, 0.9


def study(scores=SCORES, references=(("chance", CHANCE), ("optimal", OPTIMAL)), **changes):
    runs = [
        run(cell, task=task, seed=seed, test=score, references=dict(references), **changes)
        for cell, by_task in scores.items()
        for task, found in by_task.items()
        for seed, score in enumerate(found)
    ]
    return summarise("s", build_tracks(runs))


def normalised(cell: str) -> list[np.ndarray]:
    by_task = SCORES[cell]
    return [(np.array(by_task[task]) - CHANCE) / (OPTIMAL - CHANCE) for task in sorted(by_task)]


def test_scores_are_normalised_by_the_best_naive_reference_and_the_optimum():
    found = study(references=[("chance", 0.05), ("naive", CHANCE), ("optimal", OPTIMAL)])
    assert {scale.zero for scale in found.scales} == {("naive", CHANCE)}
    assert {scale.one for scale in found.scales} == {("optimal", OPTIMAL)}
    gru = found.standings[0]
    assert list(gru.scores.values()) == pytest.approx([r.mean() for r in normalised("gru")])


def test_where_the_optimum_is_not_known_one_is_the_best_mean_score():
    found = study(references=[("chance", CHANCE)])
    assert {scale.one[0] for scale in found.scales} == {"gru", "lstm"}
    assert max(max(s.scores.values()) for s in found.standings) == pytest.approx(1)


def test_lower_is_better_is_turned_round():
    losses = {c: {t: [1 - x for x in r] for t, r in tasks.items()} for c, tasks in SCORES.items()}
    turned = study(
        losses,
        [("chance", 1 - CHANCE), ("naive", 1.5), ("optimal", 1 - OPTIMAL)],
        higher_is_better=False,
    )
    for one, other in zip(turned.standings, study().standings, strict=True):
        assert one.label == other.label
        assert list(one.scores.values()) == pytest.approx(list(other.scores.values()))


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ([("optimal", 1.0)], "no naive reference"),
        ([("chance", None)], "no naive reference"),
        ([("chance", 0.9), ("optimal", 0.9)], "optimal is not better than chance"),
        ([("chance", 2.0)], "gru is not better than chance"),
    ],
)
def test_a_track_without_a_scale_is_left_out_with_the_reason(references, reason):
    found = study({"gru": {"copying": [0.5, 0.6]}}, references)
    assert list(found.left_out.values()) == [reason]
    assert (found.scales, found.standings) == ([], [])


def test_mean_ranks_are_of_mean_scores_and_ties_share_theirs():
    found = study()
    assert {s.label: s.mean_rank for s in found.standings} == pytest.approx(
        {"gru": (1 + 2 + 1) / 3, "lstm": (2 + 1 + 2) / 3, "rnn": 3.0}
    )
    tied = study({"a": {"copying": [0.5, 0.6]}, "b": {"copying": [0.6, 0.5]}})
    assert [s.mean_rank for s in tied.standings] == [1.5, 1.5]


def test_the_critical_difference_is_nemenyis():
    found = study()
    q = stats.studentized_range.ppf(0.95, 3, np.inf) / np.sqrt(2)
    assert q == pytest.approx(2.343, abs=1e-3)  # Demšar 2006, Table 5
    assert found.critical_difference == pytest.approx(q * np.sqrt(3 * 4 / (6 * 3)))
    assert found.groups == [["gru", "lstm", "rnn"]]


def test_groups_join_neighbours_within_the_critical_difference():
    tasks = [f"task{n}" for n in range(20)]
    scores = {
        cell: {task: [base, base + 0.01] for task in tasks}
        for cell, base in {"a": 0.8, "b": 0.6, "c": 0.4, "d": 0.2}.items()
    }
    found = study(scores)
    assert found.critical_difference == pytest.approx(2.569 * np.sqrt(20 / 120), abs=1e-3)
    assert found.groups == [["a", "b"], ["b", "c"], ["c", "d"]]


def test_the_interquartile_mean_is_scipys_trimmed_mean_and_lies_in_its_interval():
    for standing in study().standings:
        runs = np.concatenate(normalised(standing.label))
        assert standing.iqm == pytest.approx(stats.trim_mean(runs, 0.25))
        low, high = standing.iqm_interval
        assert low < standing.iqm < high


def test_a_profile_is_the_share_of_runs_above_averaged_over_tracks():
    for standing in study().standings:
        strata = normalised(standing.label)
        for threshold, share in zip(THRESHOLDS, standing.profile, strict=True):
            assert share == pytest.approx(np.mean([(runs > threshold).mean() for runs in strata]))


def test_the_probability_of_improvement_is_mann_whitneys_averaged_over_tracks():
    for one, other, likely, (low, high) in study().improvement:
        shares = [
            stats.mannwhitneyu(x, y).statistic / (len(x) * len(y))
            for x, y in zip(normalised(one), normalised(other), strict=True)
        ]
        assert likely == pytest.approx(np.mean(shares))
        assert low <= likely <= high


def test_a_missing_track_is_named_and_never_filled_in():
    scores = {**SCORES, "new": {"copying": [0.89, 0.88, 0.87]}}
    found = study(scores)
    *others, new = found.standings
    assert (new.label, new.mean_rank, new.iqm) == ("new", None, None)
    assert len(new.missing) == 2
    assert [(s.label, s.mean_rank) for s in others] == [
        (s.label, s.mean_rank) for s in study().standings
    ]
    assert not any("new" in pair for pair in found.improvement)


def test_older_code_does_not_take_part():
    runs = [
        run("gru", test=0.9, references={"chance": 0.1}),
        run("lstm", test=0.5, references={"chance": 0.1}),
        run(
            "rnn",
            test=0.6,
            references={"chance": 0.1},
            code=(0, "1", "1"),
            finished_at="2020-01-01",
        ),
    ]
    assert {s.label for s in summarise("s", build_tracks(runs)).standings} == {"gru", "lstm"}


def test_the_same_runs_give_the_same_summary():
    assert study() == study()
