"""A board ranks by a further test split, or by the area below the length curve, if asked to."""

import csv
import io
import json
from typing import Any

import msgspec
import pytest
from making import ADAM, SGD, make_record
from page_kit import data_in

from recurbench.harness.errors import UserError
from recurbench.harness.results.board import Board, build_board
from recurbench.harness.results.columns import COLUMNS
from recurbench.harness.results.export import FORMATS
from recurbench.harness.results.lengths import area, lengths_of
from recurbench.harness.results.record import digest
from recurbench.harness.results.report import View
from recurbench.harness.results.runs import Run, run_of
from recurbench.harness.results.splits import asked_for, on_splits
from recurbench.harness.results.statistics import interval
from recurbench.harness.results.tracks import Track, build_tracks

REFERENCES = {"val": {"chance": 0.2}, "test_delay_30": {"chance": 0.1}, "test_delay_60": {}}


def run(
    cell: str = "gru", test: float = 0.5, *longer: float | None, delay: int = 15, **changes: Any
) -> Run:
    """A run of copying with scores on test and on splits with two and four times the delay."""
    name = changes.get("metric", "accuracy")
    scores = {"val": changes.pop("val", 0.5), "test": test}
    scores |= {f"test_delay_{2**n * delay}": score for n, score in enumerate(longer, 1)}
    record = make_record(
        cell, metrics={split: {name: score} for split, score in scores.items()},
        split_references=REFERENCES, **changes,
    )  # fmt: skip
    if record.status != "completed":
        record.metrics = {}
    track = record.track
    task = {"name": track.task["name"], "delay": delay, "switch": True}
    record.track = msgspec.structs.replace(track, id=digest([track.id, delay]), task=task)
    record.run_id = digest([record.run_id, delay])
    return run_of(record, "file.json")


CROSSING = [
    *(run("gru", 0.9 + seed / 100, 0.3 + seed / 100, 0.1, seed=seed) for seed in range(3)),
    *(run("lstm", 0.5 + seed / 100, 0.8 + seed / 100, 0.7, seed=seed) for seed in range(3)),
]
"""One that is better on test, and one that is better on longer splits."""


def board(runs: list[Run], *tasks: str, **options: Any) -> Board:
    """The board of what `--task` asks for."""
    _, wanted = asked_for(tasks)
    found, splits = on_splits(runs, wanted)
    return build_board(found, splits=splits, **options)


def only_track(runs: list[Run], *tasks: str) -> Track:
    (track,) = board(runs, *tasks).tracks
    return track


@pytest.mark.parametrize("name", ["delay_30", "test_delay_30"])
def test_entries_are_ranked_by_the_split_with_its_intervals_tests_and_references(name):
    track = only_track(CROSSING, f"copying@{name}")
    lstm, gru = track.entries
    assert [(row.label, row.rank, row.ties) for row in (lstm, gru)] == [
        ("lstm", (1, 1), "a"), ("gru", (2, 2), "b"),
    ]  # fmt: skip
    assert lstm.test == pytest.approx(0.81)
    assert lstm.interval == pytest.approx(interval([0.8, 0.81, 0.82]))
    assert lstm.scores == pytest.approx({0: 0.8, 1: 0.81, 2: 0.82})
    assert (track.split, track.references) == ("test_delay_30", {"chance": 0.1})
    assert track.split_references["test"] == {"chance": 0.125}
    assert set(lstm.splits) == {"test", "test_delay_60"}
    assert lstm.splits["test"][0] == pytest.approx(0.51)


def test_without_a_split_test_ranks_as_ever():
    asked = only_track(CROSSING, "copying@test")
    assert asked == only_track(CROSSING, "copying") == build_tracks(CROSSING)[0]
    assert ([row.label for row in asked.entries], asked.split) == (["gru", "lstm"], "test")


def test_the_trial_is_still_the_one_that_validation_chooses():
    runs = [
        run("gru", 0.5, 0.1, 0.1, val=0.9, optimizer=ADAM),
        run("gru", 0.5, 0.8, 0.8, val=0.1, optimizer=SGD),
    ]
    (row,) = only_track(runs, "copying@delay_30").entries
    assert (row.trial, row.val, row.test) == (ADAM, 0.9, 0.1)
    assert {trial["setting"]["lr"]: trial["test"] for trial in row.tried} == {0.003: 0.1, 0.1: 0.8}


@pytest.mark.parametrize("broken", [(0.9, None), (0.9,)], ids=["not finite", "older record"])
def test_an_entry_one_of_whose_seeds_has_no_score_there_is_not_ranked(broken):
    runs = [run("gru", 0.9, *broken), run("gru", 0.9, 0.9, 0.9, seed=1), run("lstm", 0.1, 0.1, 0.1)]
    asked = board(runs, "copying@delay_60")
    lstm, gru = asked.tracks[0].entries
    assert (lstm.label, lstm.rank) == ("lstm", (1, 1))
    assert (gru.test, gru.interval, gru.rank, gru.seeds) == (None, None, None, 2)
    text = FORMATS["markdown"](asked, View())
    assert "not ranked, as not all seeds have a finite score: gru (1 of 2)" in text


def test_the_share_of_test_seen_in_training_says_nothing_of_another_split():
    runs = [run("gru", 0.5, 0.5, 0.5, overlap=0.25)]
    assert only_track(runs, "copying").overlap == 0.25
    assert only_track(runs, "copying@delay_30").overlap is None


def test_tracks_without_the_split_and_other_tasks_stay_apart():
    runs = [*CROSSING, run("gru", 0.5, 0.5, delay=20), run("rnn", 0.5, task="parity")]
    found = board(runs, "copying@delay_40", "parity").tracks
    assert [(track.task, track.split) for track in found] == [
        ("copying", "test_delay_40"), ("parity", "test"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (
            ["copying@delay_31"],
            "copying@delay_31: no record has that split; did you mean delay_30?",
        ),
        (["copying@x"], "(valid: delay_30, delay_60, length_area, test)"),
        (["parity@delay_30"], "parity@delay_30: no record has that split (valid: test)"),
        (["copying@val"], "val chooses trials and checkpoints, so it does not rank them too"),
        (["copying@delay_30", "copying"], "--task copying: copying is asked for twice"),
        (["copying@delay_30", "copying@test"], "copying is asked for twice"),
    ],
)
def test_a_split_that_cannot_rank_is_refused_with_those_that_can(tasks, said):
    with pytest.raises(UserError) as refused:
        board([*CROSSING, run("rnn", task="parity")], *tasks)
    assert said in str(refused.value)


def test_failed_runs_alone_have_no_split():
    with pytest.raises(UserError, match="no record has that split"):
        board([run(status="failed")], "copying@delay_30")


@pytest.mark.parametrize("form", ["markdown", "terminal", "latex"])
def test_tables_name_the_split(form):
    text = FORMATS[form](board(CROSSING, "copying@delay_30"), View()).replace("\\_", "_")
    text = text.replace("&#8288;", "")  # a sign that is not seen, in Markdown
    assert "copying@delay_30: accuracy, higher is better" in text
    assert "test_delay_30" in text
    assert "0.8100" in text
    assert "0.9100" not in text


def test_programs_find_the_split_beside_each_score():
    asked = board(CROSSING, "copying@delay_30")
    (track,) = json.loads(FORMATS["json"](asked, View()))["tracks"]
    assert (track["split"], track["lengths"]) == (
        "test_delay_30", {"test": 15, "test_delay_30": 30, "test_delay_60": 60},
    )  # fmt: skip
    for form, count in (("csv", 3), ("runs", 6)):
        rows = list(csv.DictReader(io.StringIO(FORMATS[form](asked, View()))))
        assert [row["split"] for row in rows] == ["test_delay_30"] * count
    assert [float(row["test"]) for row in rows] == pytest.approx([0.8, 0.81, 0.82, 0.3, 0.31, 0.32])


def test_the_page_is_of_the_split_too():
    (track,) = data_in(FORMATS["html"](board(CROSSING, "copying@delay_30"), View()))["tracks"]
    assert (track["split"], track["name"]) == ("test_delay_30", "copying@delay_30")
    assert track["references"] == {
        "test_delay_30": {"chance": 0.1}, "test": {"chance": 0.125}, "val": {"chance": 0.2},
        "test_delay_60": {},
    }  # fmt: skip
    assert track["rows"][0]["test"] == 0.81
    assert track["rows"][0]["splits"]["test"][0] == 0.51


def test_a_study_is_summarised_by_the_split():
    asked = board([run("gru", 0.9, 0.6, 0.1, study="s")], "copying@delay_30", studies=["s"])
    (scale,) = asked.studies[0].scales
    assert scale.zero == ("chance", 0.1)
    assert "copying@delay_30" in FORMATS["terminal"](asked, View()).partition("study s")[2]


# The area below the length curve.

THREE = {"test": 15, "test_delay_30": 30, "test_delay_60": 60}


@pytest.mark.parametrize(
    ("scores", "lengths", "known"),
    [
        ((1.0, 0.5, 0.25), (15, 30, 60), 0.5625),
        ((1.0, 0.5, 0.25), (1, 2, 4), 0.5625),
        ((0.3, 0.3, 0.3), (15, 30, 60), 0.3),
        ((1.0, 0.0), (10, 20), 0.5),
        ((1.0, 0.0, 0.0), (2, 4, 16), 1 / 6),  # of three doublings, the mean of the first is 1/2
        ((1.0, 1.0, 0.0), (2, 4, 16), 2 / 3),
        ((0.0, -2.0), (3, 12), -1.0),
        ((1.0, None), (10, 20), None),
        ((), (), None),
    ],
)
def test_the_area_is_the_mean_over_doublings(scores, lengths, known):
    names = "abc"[: len(scores)]
    found = area(dict(zip(names, scores, strict=True)), dict(zip(names, lengths, strict=True)))
    assert found == (known if known is None else pytest.approx(known))


@pytest.mark.parametrize(
    ("splits", "known"),
    [
        (["val", "test", "test_delay_60", "test_delay_30"], THREE),
        (["test", "test_delay_5", "test_delay_15"], {}),
        (["test", "test_other_30", "test_delay", "test_name_30", "test_switch_30"], {}),
        (["test", "test_delay_30", "test_max_length_40"], {}),
        (["test", "test_max_length_40"], {"test": 20, "test_max_length_40": 40}),
        (["test", "test_delay_" + "9" * 5000], {}),
        ([], {}),
    ],
)
def test_a_split_s_length_stands_in_its_name_behind_the_knob_that_grows(splits, known):
    task = {"name": "t", "delay": 15, "max_length": 20, "switch": True}
    found = lengths_of(task, splits)
    assert list(found.items()) == list(known.items())


def test_an_entry_s_area_is_the_mean_of_those_of_its_seeds():
    runs = [run("gru", 1.0, 0.5, 0.25), run("gru", 1.0, 1.0, 1.0, seed=1)]
    (row,) = only_track(runs).entries
    assert row.length_area is not None
    assert row.length_area[0] == pytest.approx((0.5625 + 1) / 2)
    assert row.length_area[1] == pytest.approx(interval([0.5625, 1.0]))
    (shown,) = [column for column in COLUMNS if column.heading == "length area"]
    assert shown.text(row, only_track(runs)).startswith("0.7812 ± ")
    entry, _ = csv.DictReader(io.StringIO(FORMATS["csv"](board(runs), View())))
    assert float(entry["length_area"]) == row.length_area[0]
    assert float(entry["length_area_low"]) == row.length_area[1][0]


@pytest.mark.parametrize("longer", [(0.5,), (0.5, None), ()])
def test_no_area_is_known_where_a_seed_lacks_a_length_that_others_have(longer):
    runs = [
        run("gru", 1.0, *longer),
        run("gru", 1.0, 0.5, 0.25, seed=1),
        run("lstm", 1.0, 1.0, 1.0),
    ]
    areas = {row.label: row.length_area for row in only_track(runs).entries}
    assert areas == {"gru": None, "lstm": (1.0, None)}


def test_a_track_may_be_ranked_by_the_area():
    runs = [run("gru", 1.0, 0.2, 0.0), run("lstm", 0.8, 0.8, 0.8)]
    asked = board(runs, "copying@length_area")
    (track,) = asked.tracks
    assert [(row.label, pytest.approx(row.test)) for row in track.entries] == [
        ("lstm", 0.8), ("gru", 0.35),
    ]  # fmt: skip
    assert track.references == {}  # chance is not known at each length
    assert "accuracy over log2 of length, 15, 30, 60" in FORMATS["markdown"](asked, View())


def test_references_that_are_known_at_each_length_have_an_area_too():
    found = run("gru", 1.0, 0.5, 0.25)
    found.setting.split_references = {
        "test_delay_30": {"chance": 0.5}, "test_delay_60": {"chance": 0.25, "naive": 1.0},
    }  # fmt: skip
    found.setting.references = {"chance": 1.0}
    assert only_track([found], "copying@length_area").references == {"chance": 0.5625}
