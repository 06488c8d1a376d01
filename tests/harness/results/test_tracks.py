"""A track ranks its entries by what the tests support, and hides nothing that went wrong."""

import random
from dataclasses import asdict

import pytest
from making import ADAM, SGD
from making import make_run as run

from recurbench.harness.results.record import PROTOCOL
from recurbench.harness.results.runs import Run
from recurbench.harness.results.tracks import build_tracks


def order(*runs: Run) -> list[str]:
    """The labels of the entries of the runs' only track, best first."""
    (track,) = build_tracks(runs)
    return [entry.label for entry in track.entries]


def ranks(*runs: Run) -> dict[str, tuple[int, int] | None]:
    """The rank of each entry of the runs' only track."""
    (track,) = build_tracks(runs)
    return {entry.label: entry.rank for entry in track.entries}


def seeds(cell: str, scores: list[float], **changes) -> list[Run]:
    """Runs of a cell with these test scores, one a seed."""
    return [run(cell, seed=seed, test=score, **changes) for seed, score in enumerate(scores)]


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
    assert track.split_references == {}
    assert track.overlap is None


def test_a_track_has_for_each_split_its_own_references():
    known = {"val": {"chance": 0.13}, "test_delay_30": {"chance": 0.5, "bag": None}}
    (track,) = build_tracks([run(split_references=known)])
    assert track.references == {"chance": 0.125}
    assert track.split_references == known


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_best_test_score_comes_first(higher_is_better):
    better = {"higher_is_better": higher_is_better}
    runs = [run("low", test=0.1, **better), run("high", test=0.9, **better)]
    assert order(*runs) == (["high", "low"] if higher_is_better else ["low", "high"])


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_rank_is_the_range_that_the_tests_leave_open(higher_is_better):
    sign = 1 if higher_is_better else -1
    runs = [
        one
        for cell, scores in {
            "best": [0.90, 0.91, 0.92], "close": [0.89, 0.91, 0.90], "far": [0.1, 0.11, 0.12],
        }.items()
        for one in seeds(cell, [sign * x for x in scores], higher_is_better=higher_is_better)
    ]  # fmt: skip
    assert ranks(*runs) == {"best": (1, 2), "close": (1, 2), "far": (3, 3)}
    (track,) = build_tracks(runs)
    assert [row.ties for row in track.entries] == ["a", "a", "b"]


def test_entries_with_one_seed_each_are_neither_told_apart_nor_given_letters():
    runs = [run("good", test=0.9), run("bad", test=0.1)]
    assert ranks(*runs) == {"good": (1, 2), "bad": (1, 2)}
    (track,) = build_tracks(runs)
    assert [row.ties for row in track.entries] == ["", ""]


def test_pairs_of_seeds_are_compared_if_asked_for_and_their_correlation_is_measured():
    hard = [0.0, 0.5, 1.0, 1.5]
    runs = [*seeds("a", [x + 0.1 for x in hard]), *seeds("b", [x + 0.001 * x for x in hard])]
    (unpaired,), (paired,) = build_tracks(runs), build_tracks(runs, paired=True)
    assert [row.rank for row in unpaired.entries] == [(1, 2), (1, 2)]
    assert [row.rank for row in paired.entries] == [(1, 1), (2, 2)]
    assert paired.correlation == pytest.approx(1)


def test_the_order_of_the_records_does_not_matter():
    runs = [
        run(cell, seed=seed, optimizer=optimizer, val=random.Random(f"{cell}{seed}").random())
        for cell in ("gru", "lstm", "rnn")
        for seed in (0, 1)
        for optimizer in (ADAM, SGD)
    ]
    shuffled = random.Random(0).sample(runs, len(runs))
    assert [asdict(t) for t in build_tracks(shuffled)] == [asdict(t) for t in build_tracks(runs)]


def test_runs_that_name_another_metric_or_direction_are_left_out_and_counted():
    runs = [
        *seeds("gru", [0.1, 0.2]),
        run("lstm", metric="bits"),
        run("rnn", higher_is_better=False),
    ]
    (track,) = build_tracks(runs)
    assert [row.label for row in track.entries] == ["gru"]
    assert (track.metric, track.inconsistent) == ("accuracy", 2)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_entries_without_a_completed_run_come_last_and_have_no_rank(higher_is_better):
    found = order(
        run("zzz", status="failed", higher_is_better=higher_is_better),
        run("aaa", status="diverged", higher_is_better=higher_is_better),
        run("mmm", test=0.0, higher_is_better=higher_is_better),
        run("nnn", test=9e9, higher_is_better=higher_is_better),
    )
    first, second = ("nnn", "mmm") if higher_is_better else ("mmm", "nnn")
    assert found == [first, second, "aaa", "zzz"]


def test_a_track_on_which_all_runs_failed_is_listed():
    (track,) = build_tracks([run("gru", status="failed"), run("gru", seed=1, status="diverged")])
    (entry,) = track.entries
    assert (track.metric, track.references) == ("accuracy", {"chance": 0.125})
    assert (entry.rank, entry.test, entry.seeds, len(entry.failures)) == (None, None, 0, 2)


def test_what_one_completed_run_knows_of_a_track_goes_for_those_that_failed():
    (track,) = build_tracks([run("gru", status="failed"), run("rnn", metric="bits")])
    assert track.metric == "bits"
    assert track.references == {"chance": 0.125}


def test_knobs_make_entries_of_their_own():
    found = order(run("gru", test=0.1), run("gru hidden_size=3", test=0.2))
    assert found == ["gru hidden_size=3", "gru"]


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
        "a processor, 1 thread, cpu",
        "a processor, 4 threads, cpu",
        "another, 1 thread, cpu",
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
    assert found == [(True, None, 0.9, 2), (False, (1, 1), 0.4, 1)]


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
    assert [(row.older, row.rank) for row in track.entries] == [(False, (1, 1)), (True, None)]


@pytest.mark.parametrize(("protocol", "outdated"), [(PROTOCOL - 1, True), (PROTOCOL, False)])
def test_a_track_of_an_earlier_protocol_is_ranked_and_says_so(protocol, outdated):
    (track,) = build_tracks([run(code=(protocol, "1", "1"))])
    assert track.outdated is outdated
    assert [row.rank for row in track.entries] == [(1, 1)]
