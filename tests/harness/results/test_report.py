"""A leaderboard says the same in every format, fits its terminal, and shows what was asked for."""

import re
from collections.abc import Callable

import pytest
from making import ADAM, SGD, make_clear, make_run, make_seeds
from rich.cells import cell_len
from rich.text import Text

from recurbench.harness.results.board import Board, build_board
from recurbench.harness.results.captions import captions
from recurbench.harness.results.columns import COLUMNS, with_half
from recurbench.harness.results.export import FORMATS
from recurbench.harness.results.report import View, lines
from recurbench.harness.results.rows import Row
from recurbench.harness.results.runs import Run

NAMED = {column.heading: column for column in COLUMNS}
HEADINGS = [column.heading for column in View().columns]

Show = Callable[..., str]


def table(runs: list[Run], *columns: str, **view: object) -> list[list[str]]:
    """The cells of the only track of some runs, under some columns."""
    (track,) = build_board(runs).tracks
    shown = View(columns=tuple(NAMED[name] for name in columns), **view)
    return [list(line.cells) for line in lines(track, shown)]


def said(runs: list[Run], **options: bool) -> str:
    """All captions of the only track."""
    board = build_board(runs, **options)
    return "\n".join(captions(board, board.tracks[0]))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Show:
    """`terminal(board, 80)`: what a terminal of a width shows, with the codes of its colours."""

    def show(board: Board, width: int = 120, is_terminal: bool = True) -> str:
        monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        return FORMATS["terminal"](board, View())

    return show


def headings_of(text: str) -> list[str]:
    """The columns of the first table of a terminal."""
    line = next(line for line in Text.from_ansi(text).plain.splitlines() if line.startswith("┃"))
    return [cell.strip() for cell in line.strip("┃").split("┃")]


def test_entries_stand_best_first_and_references_where_their_score_would() -> None:
    found = table(make_clear(), "rank", "ties", "cell", "test")
    assert found == [
        ["1", "a", "gru", "0.9010 ± 0.0025"],
        ["2-3", "b", "rnn hidden_size=8", "0.5017 ± 0.0038"],
        ["2-3", "b", "lstm", "0.5010 ± 0.0025"],
        ["", "", "chance", "0.125"],
    ]


def test_where_lower_is_better_all_is_turned_round() -> None:
    runs = [run for label, score in (("gru", 0.1), ("lstm", 0.9))
            for run in make_seeds(label, score, higher_is_better=False)]  # fmt: skip
    assert [cell for (cell,) in table(runs, "cell")] == ["gru", "chance", "lstm"]


@pytest.mark.parametrize(
    ("heading", "text"),
    [
        ("hidden", "8"),
        ("parameters", "1,234,567"),
        ("seeds", "3"),
        ("trials", "1"),
        ("train time", "4.0 s"),
        ("tokens/s", "400"),
        ("failed", "0"),
        ("val", "0.5"),
        ("state", "7"),
        ("recurrent", "100"),
        ("memory", "1,000 B"),
        ("FLOPs/token", "250"),
    ],
)
def test_a_row_shows_an_entrys(heading: str, text: str) -> None:
    found = dict(table(make_clear(), "cell", heading))
    assert found["lstm"] == text
    assert found["chance"] == ""


@pytest.mark.parametrize(
    ("mean", "interval", "text"),
    [
        (0.5, None, "0.5000"),
        (0.123456, (0.113456, 0.133456), "0.1235 ± 0.0100"),
        (0.0, (-0.1, 0.1), "0.000 ± 0.100"),
        (-12.345, (-13.345, -11.345), "-12.35 ± 1.00"),
        (0.00002, (0.00001, 0.00003), "0.00002000 ± 0.00001000"),
        (1e-9, (0, 2e-9), "1.000e-09 ± 1.0e-09"),
        (1e149, (0, 2e149), "1.000e+149 ± 1.0e+149"),
        (0.0, (-1e100, 1e100), "0.000e+00 ± 1.0e+100"),
    ],
)
def test_a_score_has_four_digits_and_its_interval_the_same_place(
    mean: float, interval: tuple[float, float] | None, text: str
) -> None:
    assert with_half(mean, interval) == text


def test_an_entry_without_a_score_stands_last_with_dashes_and_its_failures() -> None:
    lost = [make_run("lost", seed=seed, status=s) for seed, s in enumerate(("failed", "diverged"))]
    found = table([*lost, *make_seeds("gru", 0.0)], "rank", "cell", "test", "train time", "failed")
    assert found[-1] == ["-", "lost", "-", "-", "2"]
    assert [row[1] for row in found] == ["chance", "gru", "lost"]


def test_the_first_group_is_best_unless_all_entries_are_in_it() -> None:
    (track,) = build_board(make_clear()).tracks
    assert [line.best for line in lines(track, View())] == [True, False, False, False]
    (track,) = build_board(
        [*make_seeds("gru", 0.1, 0.5, 0.9), *make_seeds("lstm", 0.2, 0.4, 0.8)]
    ).tracks
    assert not any(line.best for line in lines(track, View()))


CAPTIONS = {
    "track ": make_clear(),
    "± half the width of the 95 % interval": make_clear(),
    "fewer than 3 seeds": make_seeds("gru", 0.5),
    "unequal numbers of seeds: 1 to 2": [*make_seeds("gru", 0.5), *make_seeds("lstm", 0.5, 0.6)],
    "entries that share a letter cannot be told apart (Welch's t tests, Holm": make_clear(),
    "not chosen, too few seeds: gru: lr=0.1 name=sgd (1 of 2 seeds)": [
        *make_seeds("gru", 0.5, 0.5), make_run(optimizer={"lr": 0.1, "name": "sgd"}),
    ],
    "trials that were not chosen had 1 of 2 seeds each": [
        run for cell in ("gru", "lstm")
        for run in (*make_seeds(cell, 0.5, 0.6), make_run(cell, optimizer=SGD))
    ],
    "edge: the best rate is the least or the largest tried": [
        make_run(), make_run(val=0.1, optimizer=ADAM | {"lr": 0.1}),
    ],
    "* tuned with more trials than other entries": [
        make_run(), make_run(optimizer=SGD), make_run("lstm"),
    ],
    "equal tuning: every entry had the same 2 trials": [
        make_run(cell, optimizer=trial) for cell in ("gru", "lstm") for trial in (ADAM, SGD)
    ],
    "unequal tuning: as many trials for each entry, but not the same ones": [
        make_run("gru", optimizer=ADAM), make_run("lstm", optimizer=SGD),
    ],
    "older code: newer code has been run since; not ranked": [
        make_run(code=(1, "1", "1")),
        make_run(code=(1, "2", "1"), finished_at="2026-02-01T00:00:00Z"),
    ],
    "of older code (commit c0ffee0): today's gives other scores": [make_run(code=(0, "1", "1"))],
    "2 more runs with the same seed": [make_run(run_id=name) for name in "abc"],
    "1 runs left out: they name another metric or direction": [
        *make_seeds("gru", 0.5, 0.5), make_run("lstm", metric="loss"),
    ],
    "times on a processor, 1 thread, cpu": make_clear(),
    "; 1 other machines": [*make_clear(), make_run("lem", hardware="another")],
}  # fmt: skip


@pytest.mark.parametrize("caption", CAPTIONS)
def test_a_caption_says_what_a_reader_must_know(caption: str) -> None:
    assert caption in said(CAPTIONS[caption])


@pytest.mark.parametrize(("known", "there"), [({"overlap": 0.547}, True), ({}, False)])
def test_a_share_of_test_that_training_has_too_is_said(known: dict, there: bool) -> None:
    caption = "about 55% of the test sequences are among those trained on"
    assert (caption in said([make_run(**known)])) == there
    assert "among those" not in said([make_run(overlap=0.001)])


def test_no_caption_warns_of_what_is_not_there() -> None:
    assert len(said(make_clear()).splitlines()) == 4  # track, test, ties, times


def test_paired_tests_are_named_with_the_correlation_that_they_rest_on() -> None:
    shifted = [*make_seeds("gru", 0.1, 0.5, 0.9), *make_seeds("lstm", 0.2, 0.6, 1.001)]
    assert build_board(shifted).tracks[0].entries[0].rank == (1, 2)
    assert build_board(shifted, paired=True).tracks[0].entries[0].rank == (1, 1)
    text = said(shifted, paired=True)
    assert "paired t tests over common seeds" in text
    assert "correlation of scores with one seed: 1.00" in text


def test_times_compare_within_one_machine_alone() -> None:
    runs = [
        *make_seeds("gru", 0.9),
        *make_seeds("lstm", 0.5),
        *make_seeds("rnn", 0.4, hardware="another"),
    ]
    times = dict(table(runs, "cell", "train time"))
    assert (times["gru"], times["rnn"]) == ("2.0 s", "-")
    both = [make_run(seed=0), make_run(seed=1, hardware="another"), *make_seeds("lstm", 0.5)]
    assert dict(table(both, "cell", "tokens/s"))["gru"] == "-"


def test_titles_say_what_tells_tracks_apart_and_the_end_what_they_share() -> None:
    board = build_board([make_run(train="short"), make_run(train="long"), make_run(task="dyck")])
    titles = {track.settings["train"]["length"]: board.title(track)
              for track in board.tracks if track.task == "copying"}  # fmt: skip
    assert titles == {
        "short": "copying length=short: accuracy, higher is better",
        "long": "copying length=long: accuracy, higher is better",
    }
    for form in ("terminal", "markdown"):
        assert FORMATS[form](board, View()).rstrip().lower().splitlines()[-1].startswith("all tra")
    (only,) = build_board([make_run()]).tracks
    assert build_board([make_run()]).shared == ""
    assert "depth=1" in captions(build_board([make_run()]), only)[0]


@pytest.mark.parametrize("sort", ["cell", "parameters", "test", "train time", "failed", "val"])
@pytest.mark.parametrize("downwards", [False, True])
def test_rows_are_sorted_by_a_column_and_references_stand_last(sort: str, downwards: bool) -> None:
    runs = [*make_clear(), make_run("lost", status="failed")]
    values = [NAMED[sort].sorts(row) for row in rows_of(runs, sort, downwards)]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=downwards)
    assert values == known + [None] * (len(values) - len(known))
    assert table(runs, "cell", sort=NAMED[sort], downwards=downwards)[-1] == ["chance"]


def rows_of(runs: list[Run], sort: str, downwards: bool) -> list[Row]:
    (track,) = build_board(runs).tracks
    rows = {row.label: row for row in track.entries}
    cells = table(runs, "cell", sort=NAMED[sort], downwards=downwards)
    return [rows[cell] for (cell,) in cells if cell in rows]


def test_a_time_of_another_machine_is_sorted_like_one_that_is_missing() -> None:
    runs = [
        *make_seeds("gru", 0.9),
        *make_seeds("lstm", 0.5),
        *make_seeds("rnn", 0.4, hardware="b", seconds=1.0),
    ]
    cells = [cell for (cell,) in table(runs, "cell", sort=NAMED["train time"])]
    assert cells == ["gru", "lstm", "rnn", "chance"]


def test_each_trial_has_a_line_below_its_entry_if_asked_for() -> None:
    runs = [
        make_run(val=0.6),
        make_run(optimizer=SGD),
        make_run(optimizer=SGD, status="failed", seed=1),
    ]
    found = table(runs, "cell", "val", "test", "seeds", "failed", all_trials=True)
    assert found[:3] == [
        ["gru", "0.6", "0.5000", "1", "1"],
        ["  name=adam lr=0.003 (chosen)", "0.6000", "0.5000", "1", "0"],
        ["  name=sgd lr=0.1", "0.5000", "0.5000", "1", "1"],
    ]


WIDE = [*make_clear(), make_run("a_cell first_option=1 second_option=2 third_option=3")]


@pytest.mark.parametrize("width", [60, 70, 80, 100, 120, 200])
def test_a_terminal_is_filled_by_whole_words_and_never_beyond_its_width(
    width: int, terminal: Show
) -> None:
    board = build_board(WIDE)
    text = Text.from_ansi(terminal(board, width)).plain
    assert max(map(cell_len, text.splitlines())) <= width
    rows = [line.strip("│").split("│") for line in text.splitlines() if line.startswith("│")]
    words = {word for row in rows for cell in row for word in cell.split()}
    everything = {word for line in lines(board.tracks[0], View()) for cell in line.cells
                  for word in cell.split()}  # fmt: skip
    assert words <= everything
    assert "…" not in text


def test_columns_are_dropped_in_the_order_that_they_state(terminal: Show) -> None:
    order = sorted((c for c in View().columns if c.dropped), key=lambda c: c.dropped)
    dropped = [column.heading for column in order]
    assert dropped == [
        "failed", "tokens/s", "train time", "hidden", "parameters", "trials", "seeds", "ties",
        "rank",
    ]  # fmt: skip
    for width in range(40, 200, 4):
        shown = headings_of(terminal(build_board(WIDE), width))
        assert shown == [heading for heading in HEADINGS if heading in shown]
        gone = [heading for heading in dropped if heading not in shown]
        assert gone == dropped[: len(gone)]
        assert {"cell", "test"} <= set(shown)
    assert headings_of(terminal(build_board(WIDE), 200)) == HEADINGS


def test_a_word_that_no_terminal_has_room_for_is_broken_and_not_cut(terminal: Show) -> None:
    label = f"gru {'x' * 150}"
    text = Text.from_ansi(terminal(build_board([make_run(label)]), 60)).plain
    rows = [line.split("│") for line in text.splitlines() if line.startswith("│")]
    assert "".join(row[2] for row in rows).replace(" ", "").startswith(label.replace(" ", ""))


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_best_group_is_bold_on_a_terminal_alone(is_terminal: bool, terminal: Show) -> None:
    text = terminal(build_board(make_clear()), is_terminal=is_terminal)
    bold = [line for line in text.splitlines() if re.search(r"\x1b\[1m ?(1|gru) ", line)]
    assert len(bold) == is_terminal
    assert ("\x1b" in text) is is_terminal
    assert "0.9010 ± 0.0025" in Text.from_ansi(text).plain


def test_colour_asked_for_elsewhere_does_not_reach_a_file(
    terminal: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in terminal(build_board(make_clear()), is_terminal=False)
