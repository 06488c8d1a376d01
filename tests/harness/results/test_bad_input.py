"""One bad file never costs the board: it is left out, with one line that names file and key."""

import gzip
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from making import make_record, make_run

from recurbench.harness.cli import main
from recurbench.harness.results import archive
from recurbench.harness.results.archive import write_archive
from recurbench.harness.results.board import build_board
from recurbench.harness.results.export import FORMATS
from recurbench.harness.results.record import encode, write
from recurbench.harness.results.report import View

GOOD = [make_record(cell, seed=seed, test=0.5 + seed / 10) for cell in ("gru", "lstm")
        for seed in (0, 1)]  # fmt: skip
WHOLE_FILE = encode(GOOD[0])


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """A test that waits for a pipe fails after a minute."""

    def fail(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def board(workplace: Path, capsys: pytest.CaptureFixture) -> Callable[..., tuple[str, list[str]]]:
    """`board("--task", "copying")`: the board of `results/runs` as JSON, and the complaints."""
    for each in GOOD:
        write(workplace / "results/runs" / f"{each.run_id}.json", each)

    def show(*arguments: str) -> tuple[str, list[str]]:
        assert main(["leaderboard", "--format", "json", *arguments]) == 0
        output = capsys.readouterr()
        return output.out, output.err.splitlines()

    return show


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def of_200_megabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200 << 20)


def bytes_of(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def link_to(target: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.symlink_to(target)

    return make


ARCHIVED = b"\n".join(map(encode, [*GOOD[:2], *GOOD[2:]]))

FILES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "empty": ("x.json", bytes_of(b""), "not JSON"),
    "half_written": ("x.json", bytes_of(WHOLE_FILE[: len(WHOLE_FILE) // 2]), "not JSON"),
    "zeros": ("x.json", bytes_of(b"\0" * 4096), "not JSON"),
    "utf_16": ("x.json", bytes_of(WHOLE_FILE.decode().encode("utf-16")), "UTF-16"),
    "latin_1": ("x.json", bytes_of(WHOLE_FILE.replace(b"gru", b"gr\xfc")), "not JSON"),
    "deep": ("x.json", bytes_of(b'{"a":' * 100_000), "not JSON"),
    "deep_section": (
        "x.json",
        bytes_of(WHOLE_FILE.replace(b'"depth":1', b'"depth":' + b"[" * 500 + b"]" * 500)),
        "track.model.depth",
    ),
    "two_records": ("x.json", bytes_of(WHOLE_FILE * 2), "not JSON"),
    "text": ("x.json", bytes_of(b"no record"), "not JSON"),
    "list": ("x.json", bytes_of(b"[]"), "not a JSON object"),
    "other_json": ("package.json", bytes_of(b'{"name": "x"}'), "schema_version"),
    "large": ("x.json", of_200_megabytes, "too many"),
    "fifo": ("x.json", a_fifo, "not a file"),
    "socket": ("x.json", a_socket, "not a file"),
    "device": ("x.json", link_to("/dev/zero"), "not a file"),
    "folder": ("x.json", Path.mkdir, "not a file"),
    "unreadable": ("x.json", link_to("/proc/self/mem"), "Input/output error"),
    "link_to_itself": ("x.json", link_to("x.json"), ""),
    "link_to_nothing": ("x.json", link_to("nowhere.json"), ""),
    "fifo_archive": ("x.jsonl.gz", a_fifo, "not a file"),
    "device_archive": ("x.jsonl.gz", link_to("/dev/zero"), "not a file"),
    "folder_archive": ("x.jsonl.gz", Path.mkdir, "not a file"),
    "no_archive": ("x.jsonl.gz", bytes_of(b"no gzip"), "no whole archive"),
    "plain_archive": ("x.jsonl.gz", bytes_of(ARCHIVED), "no whole archive"),
    "truncated_archive": ("x.jsonl.gz", bytes_of(gzip.compress(ARCHIVED)[:-9]), "no whole archive"),
    "bad_line": ("x.jsonl.gz", bytes_of(gzip.compress(ARCHIVED + b"\n{}")), "line 5: schema"),
    "blank_line": ("x.jsonl.gz", bytes_of(gzip.compress(ARCHIVED + b"\n\n")), "line 5: not JSON"),
}
"""Files that are no records, and what the complaint says."""


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_named_and_the_board_of_the_others_is_the_same(
    name: str, board: Callable, workplace: Path
) -> None:
    def counted(text: str) -> list[Any]:
        return [
            {**entry, "repeated": None, "runs": [run["run_id"] for run in entry["runs"]]}
            for track in json.loads(text)["tracks"]
            for entry in track["entries"]
        ]

    before, complaints = board()
    assert complaints == []
    ending, make, reason = FILES[name]
    make(workplace / "results/runs" / ending)
    after, complaints = board()
    assert counted(after) == counted(before)
    (line,) = complaints
    assert line.startswith(f"recurbench: results/runs/{ending}: skipped: ")
    assert reason in line


def test_a_line_of_an_archive_may_be_too_long(
    board: Callable, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST", len(WHOLE_FILE) + 100)
    bomb = gzip.compress(b" " * (1 << 20))
    (workplace / "results/runs/x.jsonl.gz").write_bytes(bomb)
    _, (line,) = board()
    assert "x.jsonl.gz: skipped: no whole archive: line 1: " in line


def test_a_byte_order_mark_and_a_key_that_is_there_twice_do_no_harm(
    board: Callable, workplace: Path
) -> None:
    """Of two values of a key the last counts, as for every reader of JSON."""
    later = encode(make_record("rnn", seed=1)).replace(b'"seed":1', b'"seed":7,"seed":1')
    (workplace / "results/runs/x.json").write_bytes(b"\xef\xbb\xbf" + later)
    text, complaints = board("--cell", "rnn")
    (entry,) = json.loads(text)["tracks"][0]["entries"]
    assert [run["seed"] for run in entry["runs"]] == [1]
    assert complaints == []


@pytest.mark.parametrize("changes", [{"seed": 5}, {"task": "parity"}, {"cell": "rnn"}], ids=str)
def test_of_two_runs_with_one_id_the_later_counts_and_the_other_is_named(
    changes: dict[str, Any], board: Callable, workplace: Path
) -> None:
    """A copied file that was edited by hand, or two machines that clash."""
    later = {"finished_at": "2026-02-01T00:00:00Z", "run_id": GOOD[0].run_id, **changes}
    write(workplace / "results/runs/x.json", make_record(**later))
    text, (line,) = board()
    assert f"{GOOD[0].run_id}.json: skipped: run_id {GOOD[0].run_id} is another run's, in" in line
    assert "x.json" in line
    runs = [
        run["run_id"]
        for track in json.loads(text)["tracks"]
        for entry in track["entries"]
        for run in entry["runs"]
    ]
    assert sorted(runs) == sorted(each.run_id for each in GOOD)


def test_a_copy_of_a_file_counts_once_and_is_counted_as_repeated(
    board: Callable, workplace: Path
) -> None:
    write(workplace / "results/runs/copies/x.json", GOOD[0])
    write_archive(workplace / "results/runs/all.jsonl.gz", GOOD)
    text, complaints = board()
    entries = json.loads(text)["tracks"][0]["entries"]
    assert {entry["label"]: (entry["seeds"], entry["repeated"]) for entry in entries} == {
        "gru": (2, 3), "lstm": (2, 2),
    }  # fmt: skip
    assert complaints == []


@pytest.mark.parametrize(
    "odd", [{"metric": "loss"}, {"higher_is_better": False}], ids=["metric", "direction"]
)
def test_runs_that_disagree_in_metric_or_direction_are_left_out_and_counted(
    odd: dict[str, Any],
) -> None:
    runs = [make_run(seed=seed) for seed in (0, 1)]
    made = build_board([*runs, make_run("lstm", **odd)])
    (track,) = made.tracks
    assert (track.metric, track.higher_is_better, track.inconsistent) == ("accuracy", True, 1)
    assert [row.label for row in track.entries] == ["gru"]
    for form in ("terminal", "markdown"):
        assert "1 runs left out" in FORMATS[form](made, View()).replace("\n", " ")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:30:00+00:00"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:01+00:00"),
        ("2026-01-01T23:00:00-05:00", "2026-01-02T05:00:00Z"),
    ],
)
def test_times_with_and_without_an_offset_are_in_one_order(earlier: str, later: str) -> None:
    runs = [make_run(test=0.1, finished_at=earlier, run_id="b"),
            make_run(test=0.9, finished_at=later, run_id="a")]  # fmt: skip
    for ordered in (runs, runs[::-1]):
        (entry,) = build_board(ordered).tracks[0].entries
        assert entry.test == 0.9


@pytest.mark.parametrize("score", [1e308, -1e308, 1e151, 10**200])
def test_a_score_that_no_mean_could_be_made_of_counts_as_one_that_is_not_finite(
    score: float,
) -> None:
    runs = [make_run(seed=0), make_run(seed=1, test=score)]
    (entry,) = build_board(runs).tracks[0].entries
    assert (entry.seeds, entry.test) == (1, 0.5)
    assert [failure["message"] for failure in entry.failures] == ["a score is not finite"]


@pytest.mark.parametrize("scale", [1e147, 1e-140])
def test_scores_of_any_size_are_told_apart(scale: float) -> None:
    scores = {"gru": (1, 2, 3), "lstm": (101, 102, 103)}
    runs = [
        make_run(cell, seed=seed, test=scale * score)
        for cell, found in scores.items()
        for seed, score in enumerate(found)
    ]
    board = build_board(runs)
    assert [row.rank for row in board.tracks[0].entries] == [(1, 1), (2, 2)]
    for form, write_board in FORMATS.items():
        longest = max(map(len, write_board(board, View()).splitlines()))
        assert form == "html" or longest < 1000  # a page's script has long lines


def test_costs_may_be_nothing(board: Callable, workplace: Path) -> None:
    tree = json.loads(encode(make_record("rnn"))) | {"curve": []}
    tree["cost"] = dict.fromkeys(tree["cost"], 0)
    (workplace / "results/runs/x.json").write_text(json.dumps(tree))
    text, complaints = board("--cell", "rnn")
    assert json.loads(text)["tracks"][0]["entries"][0]["train_seconds"] == 0
    assert complaints == []


@pytest.mark.parametrize("folder", ["empty", "missing", "a_file"])
def test_a_folder_without_records_is_refused_in_one_line(
    folder: str, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    (workplace / "empty").mkdir()
    (workplace / "a_file").touch()
    assert main(["leaderboard", "--records", folder]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"recurbench: no records in {folder}; `recurbench run` makes some"


def test_if_all_files_are_bad_each_is_named(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    (workplace / "runs").mkdir()
    for name in ("a", "b"):
        (workplace / "runs" / f"{name}.json").write_text("{}")
    assert main(["leaderboard", "--records", "runs"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
