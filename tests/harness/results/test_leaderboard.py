"""A leaderboard chooses on validation, reports on test, and hides nothing that went wrong."""

import random
from dataclasses import asdict
from statistics import fmean, stdev

import pytest
from making import ADAM, SGD
from making import make_run as run

from recurbench.harness.results.record import PROTOCOL
from recurbench.harness.results.runs import Run
from recurbench.harness.results.tracks import build_tracks


def ranks(*runs: Run) -> list[tuple[int | None, str]]:
    """Rank and label of the entries of the runs' only track."""
    (track,) = build_tracks(runs)
    return [(entry.rank, entry.label) for entry in track.entries]


def only_entry(*runs: Run):
    """The only entry of the runs' only track."""
    (track,) = build_tracks(runs)
    (entry,) = track.entries
    return entry


def test_without_records_there_is_no_track():
    assert build_tracks([]) == []


def test_runs_that_may_not_be_compared_stand_on_different_tracks():
    tracks = build_tracks(
        [
            run("gru", task="language"),
            run("gru", train="short"),
            run("lstm", train="long"),
            run("rnn", train="short"),
        ]
    )
    found = {
        (track.task, track.settings["train"]["length"], tuple(e.label for e in track.entries))
        for track in tracks
    }
    assert found == {
        ("copying", "short", ("gru", "rnn")),
        ("copying", "long", ("lstm",)),
        ("language", "short", ("gru",)),
    }
    assert [(t.task, t.id) for t in tracks] == sorted((t.task, t.id) for t in tracks)


def test_a_track_knows_its_settings_without_their_id():
    (track,) = build_tracks([run(train="long")])
    assert track.settings == {
        "task": {"name": "copying"}, "data": "d", "model": {"depth": 1},
        "train": {"length": "long"}, "budget": {"parameters": None}, "precision": "32",
        "machine": None,
    }  # fmt: skip
    assert (track.metric, track.higher_is_better) == ("accuracy", True)
    assert track.references == {"chance": 0.125}


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_best_test_score_comes_first(higher_is_better):
    better = {"higher_is_better": higher_is_better}
    runs = [run("low", test=0.1, **better), run("high", test=0.9, **better)]
    order = ["high", "low"] if higher_is_better else ["low", "high"]
    assert ranks(*runs) == [(1, order[0]), (2, order[1])]


def test_the_order_of_the_records_does_not_matter():
    runs = [
        run(cell, seed=seed, optimizer=optimizer, val=random.Random(f"{cell}{seed}").random())
        for cell in ("gru", "lstm", "rnn")
        for seed in (0, 1)
        for optimizer in (ADAM, SGD)
    ]
    shuffled = random.Random(0).sample(runs, len(runs))
    assert [asdict(t) for t in build_tracks(shuffled)] == [asdict(t) for t in build_tracks(runs)]


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
    assert (entry.trial, entry.seeds, entry.failed, entry.trials) == (ADAM, 2, 1, 2)


def test_the_order_of_an_optimizers_options_does_not_make_a_trial():
    entry = only_entry(run(seed=0), run(seed=1, optimizer=dict(reversed(ADAM.items()))))
    assert (entry.trials, entry.seeds) == (1, 2)


def test_scores_are_means_over_seeds_with_their_sample_deviation():
    scores = [0.25, 0.5, 0.875]
    entry = only_entry(*(run(seed=i, test=score) for i, score in enumerate(scores)))
    assert entry.test == pytest.approx(fmean(scores))
    assert entry.spread == pytest.approx(stdev(scores))
    assert entry.seeds == 3


def test_a_single_seed_has_no_deviation():
    assert only_entry(run()).spread is None


def test_costs_are_those_of_the_chosen_trial_times_as_means_memory_at_its_peak():
    entry = only_entry(
        run(seed=0, val=0.9, seconds=1.0, memory=10),
        run(seed=1, val=0.9, seconds=2.0, memory=30),
        run(seed=2, val=0.9, seconds=6.0, memory=20),
        *(run(seed=i, val=0.1, optimizer=SGD, seconds=99.0, memory=99) for i in range(3)),
    )
    assert (entry.train_seconds, entry.tokens_per_second) == (3.0, 300.0)
    assert entry.peak_memory_bytes == 30
    assert (entry.parameters, entry.state_size) == (123, 7)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.5, 0.5], [1, 1]),
        ([0.9, 0.5, 0.5, 0.1], [1, 2, 2, 4]),
        ([0.9, 0.9, 0.9, 0.1], [1, 1, 1, 4]),
    ],
)
def test_equal_scores_share_a_rank_and_use_up_the_next(scores, expected):
    runs = [run(f"cell{i}", test=score) for i, score in enumerate(scores)]
    assert ranks(*reversed(runs)) == [(rank, f"cell{i}") for i, rank in enumerate(expected)]


@pytest.mark.parametrize("status", ["diverged", "failed", "out_of_memory", "timed_out"])
def test_runs_that_did_not_complete_are_counted_over_all_trials(status):
    entry = only_entry(
        run(seed=0),
        run(seed=1, status=status),
        run(seed=0, optimizer=SGD, status=status),
    )
    assert (entry.failed, entry.seeds, entry.trials, entry.rank) == (2, 1, 2, 1)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_entries_without_a_completed_run_come_last_and_have_no_rank(higher_is_better):
    found = ranks(
        run("zzz", status="failed", higher_is_better=higher_is_better),
        run("aaa", status="diverged", higher_is_better=higher_is_better),
        run("mmm", test=0.0, higher_is_better=higher_is_better),
        run("nnn", test=9e9, higher_is_better=higher_is_better),
    )
    first, second = ("nnn", "mmm") if higher_is_better else ("mmm", "nnn")
    assert found == [(1, first), (2, second), (None, "aaa"), (None, "zzz")]


def test_a_track_on_which_all_runs_failed_is_listed():
    (track,) = build_tracks([run("gru", status="failed"), run("gru", seed=1, status="diverged")])
    (entry,) = track.entries
    assert (track.metric, track.references) == ("accuracy", {"chance": 0.125})
    assert (entry.rank, entry.test, entry.seeds, entry.failed) == (None, None, 0, 2)


def test_what_one_completed_run_knows_of_a_track_goes_for_those_that_failed():
    (track,) = build_tracks([run("gru", status="failed"), run("rnn", metric="bits")])
    assert track.metric == "bits"
    assert track.references == {"chance": 0.125}


@pytest.mark.parametrize("score", ["val", "test"])
def test_a_run_whose_score_is_not_finite_counts_as_failed(score):
    entry = only_entry(run(seed=0), run(seed=1, **{score: None}))
    assert (entry.seeds, entry.failed, entry.test) == (1, 1, 0.5)
    assert only_entry(run(**{score: None})).rank is None


def test_knobs_make_entries_of_their_own():
    found = ranks(run("gru", test=0.1), run("gru hidden_size=3", test=0.2))
    assert found == [(1, "gru hidden_size=3"), (2, "gru")]


@pytest.mark.parametrize(("other", "unequally"), [("gru", False), ("lstm", True)])
def test_a_track_tells_whether_all_entries_were_tuned_alike(other, unequally):
    tuned = [run("gru", optimizer=optimizer) for optimizer in (ADAM, SGD)]
    (track,) = build_tracks([*tuned, run(other, seed=1)])
    assert track.tuned_unequally is unequally


def test_a_track_names_every_machine_once():
    (track,) = build_tracks(
        [
            run(seed=0),
            run(seed=1),
            run(seed=2, threads=4),
            run(seed=3, hardware="another", status="failed"),
        ]
    )
    assert track.machines == [
        "a processor, 1 threads, cpu",
        "a processor, 4 threads, cpu",
        "another, 1 threads, cpu",
    ]


LATER = "2026-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    "newer", [(PROTOCOL, "2", "1"), (PROTOCOL, "1", "2"), (PROTOCOL + 1, "1", "1")], ids=str
)
def test_runs_of_older_code_are_a_row_of_their_own_and_never_mixed_in(newer):
    """Else a seed would count twice after an edit, and old scores would mix with new ones."""
    old = [run(test=0.9, seed=seed) for seed in (0, 1)]
    new = [run(test=0.4, code=newer, finished_at=LATER)]
    (track,) = build_tracks([*new, *old])
    found = [(row.older, row.rank, row.test, row.seeds) for row in track.entries]
    assert found == [(True, None, 0.9, 2), (False, 1, 0.4, 1)]


def test_an_edit_of_one_cell_makes_no_other_cells_runs_older():
    runs = [run("gru"), run("lstm", code=(PROTOCOL, "2", "1"), finished_at=LATER)]
    (track,) = build_tracks(runs)
    assert [row.older for row in track.entries] == [False, False]


def test_an_edit_of_the_task_makes_all_earlier_runs_older():
    runs = [run("gru"), run("lstm", code=(PROTOCOL, "1", "2"), finished_at=LATER)]
    (track,) = build_tracks(runs)
    assert {row.label: row.older for row in track.entries} == {"gru": True, "lstm": False}


def test_a_failed_run_of_newer_code_makes_no_other_run_older():
    failed = run(status="failed", code=(PROTOCOL, "2", "1"), finished_at=LATER)
    (track,) = build_tracks([run(test=0.9), failed])
    assert [(row.older, row.rank) for row in track.entries] == [(False, 1), (True, None)]


@pytest.mark.parametrize(("protocol", "outdated"), [(PROTOCOL - 1, True), (PROTOCOL, False)])
def test_a_track_of_an_earlier_protocol_is_ranked_and_says_so(protocol, outdated):
    (track,) = build_tracks([run(code=(protocol, "1", "1"))])
    assert track.outdated is outdated
    assert [row.rank for row in track.entries] == [1]


def test_an_entry_without_a_completed_run_does_not_mark_the_others_as_tuned_more():
    crashed = run("rnn", status="failed")
    tuned = [run(optimizer=optimizer) for optimizer in (ADAM, SGD)]
    (track,) = build_tracks([crashed, *tuned])
    assert not track.tuned_unequally
