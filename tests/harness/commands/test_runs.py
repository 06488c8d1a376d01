"""`recurbench runs` lists what is recorded, in files and archives, filtered and in any order."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from making import make_record

from recurbench.harness.cli import main
from recurbench.harness.results.archive import write_archive
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Record, write

RECORDS = [
    make_record("gru", seed=0, test=0.5, run_id="a0", seconds=3.0, study="one"),
    make_record("gru reset_after=false", seed=1, test=0.9, run_id="a1", seconds=1.0),
    make_record("lstm", seed=2, status="failed", run_id="b2", cost=None),
    make_record("rnn", task="adding", test=None, run_id="c3", study="two, with a comma"),
]


@pytest.fixture
def recorded(workplace: Path) -> Path:
    """Two records in files and two in an archive."""
    folder = ResultsFolder(Path("results"))
    for record in RECORDS[:2]:
        write(folder.record("copying", "gru", record.run_id), record)
    write_archive(folder.runs / "more.jsonl.gz", RECORDS[2:])
    return workplace


@pytest.fixture
def listed(recorded: Path, capsys: pytest.CaptureFixture) -> Callable[..., list[str]]:
    """The ids that the command lists with some arguments."""

    def ids(*arguments: str) -> list[str]:
        assert main(["runs", "--format", "json", *arguments]) == 0
        return [run["run_id"] for run in json.loads(capsys.readouterr().out)]

    return ids


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], ["a0", "a1", "b2", "c3"]),
        (["--task", "adding"], ["c3"]),
        (["--cell", "gru,lstm"], ["a0", "a1", "b2"]),
        (["--cell", "gru reset_after=false"], ["a1"]),
        (["--study", "one"], ["a0"]),
        (["--where", "seed=1"], ["a1"]),
        (["--status", "failed"], ["b2"]),
        (["--status", "completed,failed", "--cell", "lstm"], ["b2"]),
        (["--status", "killed"], []),
        (["--status", "failed", "--status", "completed"], ["a0", "a1", "b2", "c3"]),
    ],
    ids=" ".join,
)
def test_filters_are_those_of_the_leaderboard_and_the_status(arguments, ids, listed) -> None:
    assert sorted(listed(*arguments)) == ids


@pytest.mark.parametrize(
    ("by", "ids"),
    [
        ("score", ["a0", "a1", "c3", "b2"]),
        ("-score", ["a1", "a0", "c3", "b2"]),
        ("time", ["a1", "c3", "a0", "b2"]),
        ("-time", ["a0", "c3", "a1", "b2"]),
        ("-run", ["c3", "b2", "a1", "a0"]),
        ("status", ["a0", "a1", "c3", "b2"]),
    ],
)
def test_runs_are_sorted_by_a_column_and_those_without_a_value_come_last(by, ids, listed) -> None:
    assert listed("--sort", by) == ids
    assert listed(f"--sort={by}") == ids


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--status", "compleed"], "did you mean completed?"),
        (["--sort", "scores"], "did you mean score?"),
        (["--format", "jso"], "did you mean json?"),
    ],
    ids=" ".join,
)
def test_a_wrong_name_is_refused_with_the_nearest(arguments, said, recorded, refused) -> None:
    assert said in refused("runs", *arguments)


def test_no_record_at_all_is_said(refused: Callable) -> None:
    assert "no records in results/runs" in refused("runs")


@pytest.mark.parametrize("width", [30, 50, 60, 80, 120])
def test_the_list_fits_the_terminal_and_no_word_is_lost(
    width: int, recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["runs"]) == 0
    heading, *lines, counts = capsys.readouterr().out.splitlines()
    assert max(map(len, [heading, *lines])) <= max(width, 60)
    assert ("time" in heading) == (width >= 80)
    words = " ".join(lines).split()
    for word in ("a1", "copying", "gru", "completed", "failed", "0.9"):
        assert word in words
    assert ("reset_after=false" in words) == (width >= 60), "a narrower list has to break it"
    assert counts == "4 runs: 3 completed, 1 failed"


def test_csv_has_a_line_for_each_run_with_numbers_in_full(
    recorded: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["runs", "--format", "csv", "--sort", "run"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["run_id"] for row in rows] == ["a0", "a1", "b2", "c3"]
    assert (rows[1]["test"], rows[1]["train_seconds"], rows[2]["test"]) == ("0.9", "1.0", "")
    assert rows[3]["study"] == "two, with a comma"
    assert rows[2]["failure"] == "E: m"


@pytest.mark.parametrize("form", ["terminal", "csv", "json"])
@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "gru \x1b[31mred\n\u202e"},
        {"cell": "x" * 5000},
        {"finished_at": "9998-12-31T23:59:59-23:00"},
        {"finished_at": "0002-01-01T00:00:00+23:00"},
        {"task": "=1+1", "seed": 10**18},
        {"primary": None, "status": "killed", "metrics": {}},
    ],
    ids=["escapes", "long", "late", "early", "formula", "unknown"],
)
def test_whatever_stands_in_a_record_is_a_line_of_text(
    form: str, changes: dict, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    record: Record = make_record(**{"run_id": "ab", **changes})
    write(ResultsFolder(Path("results")).record("t", "c", "ab"), record)
    assert main(["runs", "--format", form]) == 0
    assert not {"\x1b", "\u202e"} & set(capsys.readouterr().out)
