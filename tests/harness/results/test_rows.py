"""An entry's row: its trial is chosen on validation, its scores are reported on test."""

from itertools import permutations
from statistics import fmean

import msgspec
import pytest
from making import ADAM, SGD
from making import make_run as run

from recurbench.harness.results.runs import Run
from recurbench.harness.results.statistics import interval
from recurbench.harness.results.tracks import build_tracks


def only_entry(*runs: Run):
    """The only entry of the runs' only track."""
    (track,) = build_tracks(runs)
    (entry,) = track.entries
    return entry


def test_the_trial_is_chosen_by_validation_even_where_test_would_choose_another():
    entry = only_entry(
        run(optimizer=ADAM, val=0.8, test=0.2),
        run(optimizer=SGD, val=0.7, test=0.9),
    )
    assert (entry.trial, entry.val, entry.test) == (ADAM, 0.8, 0.2)
    assert entry.trials == 2


def test_where_lower_is_better_the_trial_with_the_lowest_validation_is_chosen():
    entry = only_entry(
        run(optimizer=ADAM, val=3.0, test=1.0, higher_is_better=False),
        run(optimizer=SGD, val=2.0, test=5.0, higher_is_better=False),
    )
    assert (entry.trial, entry.test) == (SGD, 5.0)


def test_the_trial_is_chosen_by_the_mean_over_seeds_not_by_its_luckiest_seed():
    entry = only_entry(
        run(optimizer=ADAM, seed=0, val=0.9, test=0.1),
        run(optimizer=ADAM, seed=1, val=0.1, test=0.2),
        run(optimizer=SGD, seed=0, val=0.6, test=0.3),
        run(optimizer=SGD, seed=1, val=0.6, test=0.6),
    )
    assert entry.trial == SGD
    assert entry.val == pytest.approx(0.6)
    assert entry.test == pytest.approx(0.45)


def test_a_trial_that_completed_fewer_seeds_cannot_win_by_its_easy_ones():
    entry = only_entry(
        run(optimizer=ADAM, seed=0, val=0.5, test=0.4),
        run(optimizer=ADAM, seed=1, val=0.5, test=0.6),
        run(optimizer=SGD, seed=0, val=0.9, test=0.9),
        run(optimizer=SGD, seed=1, status="diverged"),
    )
    assert (entry.trial, entry.seeds, len(entry.failures), entry.trials) == (ADAM, 2, 1, 2)
    assert entry.left_out == ["name=sgd lr=0.1 (1 of 2 seeds)"]


def rate(lr: float, **options) -> dict:
    return {"name": "adam", "lr": lr, **options}


def test_of_trials_that_are_equal_on_validation_the_one_with_the_least_rate_is_chosen():
    tried = [run(optimizer=rate(lr), test=lr) for lr in (0.1, 0.001, 0.01)]
    assert {only_entry(*again).trial["lr"] for again in permutations(tried)} == {0.001}


def test_trials_with_one_rate_are_settled_by_their_other_options():
    tried = [run(optimizer=rate(0.1, weight_decay=decay)) for decay in (0.2, 0.1)]
    chosen = [only_entry(*again).trial["weight_decay"] for again in permutations(tried)]
    assert chosen == [0.1, 0.1]


@pytest.mark.parametrize(
    ("rates", "best", "edge"),
    [
        ([0.1], 0.1, False),
        ([0.1, 0.2], 0.2, True),
        ([0.1, 0.2, 0.3], 0.1, True),
        ([0.1, 0.2, 0.3], 0.3, True),
        ([0.1, 0.2, 0.3], 0.2, False),
    ],
)
def test_a_rate_at_the_edge_of_its_grid_is_marked(rates, best, edge):
    tried = [run(optimizer=rate(lr), val=float(lr == best)) for lr in rates]
    assert only_entry(*tried).edge is edge


def test_another_decay_makes_no_grid_of_rates():
    tried = [
        run(optimizer=rate(0.1, weight_decay=0.0), val=0.9),
        run(optimizer=rate(0.2, weight_decay=0.1), val=0.1),
    ]
    assert not only_entry(*tried).edge


def test_every_trial_is_kept_with_its_scores():
    entry = only_entry(
        run(optimizer=rate(0.2), val=0.9, test=0.8),
        run(optimizer=rate(0.1), val=0.1, test=0.2),
        run(optimizer=rate(0.3), status="diverged"),
    )
    assert [(t["setting"]["lr"], t["val"], t["test"], t["chosen"]) for t in entry.tried] == [
        (0.1, 0.1, 0.2, False), (0.2, 0.9, 0.8, True), (0.3, None, None, False),
    ]  # fmt: skip


def test_a_seed_counts_once_however_often_its_record_is_there():
    twice = [run(seed=seed) for seed in (0, 1)] * 2
    entry = only_entry(*twice)
    assert (entry.seeds, entry.repeated, len(entry.runs)) == (2, 2, 2)


def test_of_runs_with_one_seed_the_completed_one_that_ended_last_counts():
    """Times are compared as moments: the last one here is the earliest of the day."""
    again = [
        run(test=0.1, finished_at="2026-01-01T10:00:00+00:00", run_id="a"),
        run(test=0.2, finished_at="2026-01-01T11:00:00+00:00", run_id="b"),
        run(test=0.3, finished_at="2026-01-01T12:00:00+05:00", run_id="c"),
        run(status="failed", finished_at="2026-01-02T00:00:00+00:00", run_id="d"),
    ]
    found = [only_entry(*some) for some in permutations(again)]
    assert {entry.test for entry in found} == {0.2}
    assert {(entry.seeds, entry.repeated, len(entry.failures)) for entry in found} == {(1, 3, 0)}


def test_each_number_leads_to_its_runs():
    (one,) = only_entry(run(seed=3, val=0.4, test=0.6, run_id="abc")).runs
    assert (one["run_id"], one["seed"], one["val"], one["test"]) == ("abc", 3, 0.4, 0.6)
    assert one["commit"].startswith("c0ffee")
    assert (one["record"], one["versions"]["torch"]) == ("abc.json", "2.13.0")


def test_a_failure_keeps_its_message():
    (failure,) = only_entry(run(seed=2, status="diverged")).failures
    assert (failure["status"], failure["message"], failure["seed"]) == ("diverged", "E: m", 2)


def test_further_test_splits_have_means_and_intervals():
    runs = [
        run(seed=seed, metrics={s: {"accuracy": x} for s in ("val", "test", "test_long")})
        for seed, x in enumerate((0.2, 0.4))
    ]
    entry = only_entry(*runs)
    assert entry.splits == {"test_long": (pytest.approx(0.3), entry.interval)}


def test_times_of_seeds_from_several_machines_are_no_machines():
    assert only_entry(run(seed=0), run(seed=1)).machine == "a processor, 1 thread, cpu"
    assert only_entry(run(seed=0), run(seed=1, threads=2)).machine is None


def test_the_order_of_an_optimizers_options_does_not_make_a_trial():
    entry = only_entry(run(seed=0), run(seed=1, optimizer=dict(reversed(ADAM.items()))))
    assert (entry.trials, entry.seeds) == (1, 2)


def test_scores_are_means_over_seeds_with_their_interval():
    scores = [0.25, 0.5, 0.875]
    entry = only_entry(*(run(seed=i, test=score) for i, score in enumerate(scores)))
    assert entry.test == pytest.approx(fmean(scores))
    assert entry.interval == interval(scores)
    assert entry.seeds == 3


def test_a_single_seed_has_no_interval():
    assert only_entry(run()).interval is None


def test_costs_are_those_of_the_chosen_trial_times_as_means_memory_at_its_peak():
    entry = only_entry(
        run(seed=0, val=0.9, seconds=1.0, memory=10),
        run(seed=1, val=0.9, seconds=2.0, memory=30),
        run(seed=2, val=0.9, seconds=6.0, memory=20),
        *(run(seed=i, val=0.1, optimizer=SGD, seconds=99.0, memory=99) for i in range(3)),
    )
    assert (entry.train_seconds, entry.tokens_per_second) == (3.0, 300.0)
    assert entry.training_memory_bytes == 30


def test_memory_is_missing_where_a_record_does_not_have_what_training_adds():
    old = msgspec.structs.replace(run(seed=1).cost, training_memory_bytes=None)
    entry = only_entry(run(seed=0, memory=10), msgspec.structs.replace(run(seed=1), cost=old))
    assert entry.training_memory_bytes is None
    assert entry.peak_memory_bytes == 1_000_000
    assert (entry.parameters, entry.state_size, entry.flops_per_token) == (123, 7, 250)


@pytest.mark.parametrize("status", ["diverged", "failed", "out_of_memory", "timed_out"])
def test_runs_that_did_not_complete_are_counted_over_all_trials(status):
    entry = only_entry(
        run(seed=0),
        run(seed=1, status=status),
        run(seed=0, optimizer=SGD, status=status),
    )
    assert (len(entry.failures), entry.seeds, entry.trials) == (2, 1, 2)


@pytest.mark.parametrize("score", ["val", "test"])
def test_a_run_whose_score_is_not_finite_counts_as_failed(score):
    entry = only_entry(run(seed=0), run(seed=1, **{score: None}))
    assert (entry.seeds, len(entry.failures), entry.test) == (1, 1, 0.5)
    assert only_entry(run(**{score: None})).rank is None
