"""A board says what tells its tracks apart, what they share, and shows the runs asked for."""

import pytest
from making import ADAM, SGD, make_record
from making import make_run as run

from recurbench.harness.errors import UserError
from recurbench.harness.results.board import Board, Filter, build_board
from recurbench.harness.results.record import Record, Track, digest
from recurbench.harness.results.runs import Run, run_of


def on_track(task: dict, *, data: str = "d", train: dict | None = None, **changes) -> Run:
    """A run on a track with these settings."""
    record: Record = make_record(task=task["name"], **changes)
    train = train or {"max_steps": 10, "max_seconds": None}
    track = Track(
        id=digest([task, data, train]), task=task, data=data, model={"depth": 1},
        train=train, budget={"parameters": None}, precision="32",
    )  # fmt: skip
    record.track = track
    return run_of(record, "file.json")


def titles(board: Board) -> list[str]:
    return [board.title(track).partition(":")[0] for track in board.tracks]


def test_a_title_names_what_tells_a_track_from_others_of_its_task():
    board = build_board(
        [
            on_track({"name": "copying", "delay": 5, "symbols": 3}),
            on_track({"name": "copying", "delay": 50, "symbols": 3}),
            on_track({"name": "parity", "length": 8}),
        ]
    )
    assert sorted(titles(board)) == ["copying delay=5", "copying delay=50", "parity"]


@pytest.mark.parametrize(
    "values", [[1, 2, 10, 20, 100], [-10, -2, 3, 20], [1e-5, 0.001, 0.25, 0.5, 3.0], ["a2", "a10"]]
)
def test_tracks_stand_in_the_order_of_their_titles_with_numbers_by_their_size(values):
    runs = [on_track({"name": "copying", "delay": value}, study="s") for value in values]
    for some in (runs, runs[::-1]):
        board = build_board(some, studies=["s"])
        assert [track.settings["task"]["delay"] for track in board.tracks] == values
        scales = [scale.track for scale in board.studies[0].scales]
        assert scales == [track.id for track in board.tracks]


def test_a_task_stands_before_those_whose_names_go_on_with_a_number():
    names = ["copying", "copying2", "copying10"]
    runs = [on_track({"name": name, "delay": delay}) for name in names for delay in (3, 20)]
    assert titles(build_board(reversed(runs))) == [
        f"{name} delay={delay}" for name in names for delay in (3, 20)
    ]


def test_training_that_differs_stands_in_the_title_too():
    long = {"max_steps": 20, "max_seconds": None}
    board = build_board([on_track({"name": "copying"}), on_track({"name": "copying"}, train=long)])
    assert sorted(titles(board)) == ["copying max_steps=10", "copying max_steps=20"]


def test_a_fingerprint_stands_in_the_title_only_where_nothing_else_differs():
    alike = [on_track({"name": "copying"}, data=data) for data in "de"]
    assert sorted(titles(build_board(alike))) == ["copying data=d", "copying data=e"]
    other = [on_track({"name": "copying", "delay": n}, data=str(n)) for n in (1, 2)]
    assert sorted(titles(build_board(other))) == ["copying delay=1", "copying delay=2"]


def test_what_all_tracks_share_is_said_once():
    tasks = [{"name": "copying", "delay": 5, "symbols": 3}, {"name": "parity", "length": 8}]
    board = build_board(map(on_track, tasks))
    assert board.shared == "data=d depth=1 max_steps=10 precision=32"
    assert [board.settings(track) for track in board.tracks] == ["delay=5 symbols=3", "length=8"]


def test_one_track_has_no_neighbours():
    board = build_board([on_track({"name": "copying", "delay": 5})])
    (track,) = board.tracks
    assert (titles(board), board.shared) == (["copying"], "")
    assert board.settings(track) == "delay=5 data=d depth=1 max_steps=10 precision=32"


RUNS = [
    run("gru", seed=0, study="a"),
    run("gru hidden_size=3", seed=1, optimizer=SGD, study="b"),
    run("lstm", task="parity", seed=0, status="failed"),
]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (Filter(), [0, 1, 2]),
        (Filter(tasks=("copying",)), [0, 1]),
        (Filter(tasks=("copying", "parity")), [0, 1, 2]),
        (Filter(cells=("gru",)), [0, 1]),
        (Filter(cells=("gru hidden_size=3", "lstm")), [1, 2]),
        (Filter(studies=("b",)), [1]),
        (Filter(tracks=(RUNS[2].setting.track.id,)), [2]),
        (Filter(where={"optimizer.lr": str(ADAM["lr"])}), [0, 2]),
        (Filter(where={"seed": "1"}), [1]),
        (Filter(where={"optimizer.lr": "3e-3", "cell.name": "gru"}), [0]),
        (Filter(where={"task.name": "parity"}), [2]),
        (Filter(where={"status": "failed"}), [2]),
        (Filter(where={"cell.hidden_size": "8", "study": "a"}), [0]),
        (Filter(where={"budget.parameters": "null"}), [0, 1, 2]),
        (Filter(where={"budget.parameters": "None"}), [0, 1, 2]),
        (Filter(tasks=("copying",), where={"seed": "0"}), [0]),
    ],
)
def test_runs_are_chosen_by_names_and_options(wanted, places):
    assert wanted.of(RUNS) == [RUNS[place] for place in places]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Filter(tasks=("copyng",)), "--task copyng: no record of it; did you mean copying?"),
        (Filter(cells=("gruu",)), "--cell gruu: no record of it; did you mean gru?"),
        (Filter(studies=("c",)), "--study c: no record of it (valid: a, b)"),
        (Filter(where={"optimizer.lrr": "1"}), "--where optimizer.lrr: no record has it; did you"),
        (Filter(where={"seed": "7"}), "--where seed=7: no record has that (valid: 0, 1)"),
    ],
)
def test_a_name_that_no_run_has_is_refused_with_those_known(wanted, said):
    with pytest.raises(UserError) as refused:
        wanted.of(RUNS)
    assert said in str(refused.value)


def test_a_study_that_is_asked_for_is_summarised_over_its_tracks_alone():
    runs = [
        run("gru", task="copying", study="a"),
        run("gru", task="parity", study="a"),
        run("gru", task="dyck", study="b"),
    ]
    (study,) = build_board(runs, studies=["a"]).studies
    assert (study.name, len(study.scales)) == ("a", 2)
    assert build_board(runs).studies == []


def test_an_option_that_is_off_and_unknown_to_older_records_tells_no_tracks_apart():
    newer = {"max_steps": 10, "max_seconds": None, "max_tokens": None}
    old, new = on_track({"name": "parity"}), on_track({"name": "parity"}, data="e", train=newer)
    assert sorted(titles(build_board([old, new]))) == ["parity data=d", "parity data=e"]
