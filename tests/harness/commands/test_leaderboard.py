"""`recurbench leaderboard` ranks what is there and names what is not."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main


def test_a_folder_without_records_is_named(refused: Callable) -> None:
    assert "no records in results/runs" in refused("leaderboard")


def test_an_unknown_format_is_refused_with_the_nearest(refused: Callable) -> None:
    assert "did you mean markdown?" in refused("leaderboard", "--format", "markdwn")


def test_a_damaged_record_is_named_and_the_rest_still_shown(
    two_runs: Path, capsys: pytest.CaptureFixture
) -> None:
    damaged, whole = sorted((two_runs / "results/runs").rglob("*.json"))
    damaged.write_text(damaged.read_text()[:100])
    assert main(["leaderboard"]) == 0
    output = capsys.readouterr()
    assert f"{damaged.relative_to(two_runs)}: skipped: not JSON" in output.err
    assert json.loads(whole.read_text())["entry"]["label"] in output.out


def test_the_leaderboard_goes_to_a_file_and_an_unwritable_one_is_named(
    two_runs: Path, refused: Callable
) -> None:
    assert main(["leaderboard", "--format", "markdown", "--output", "board.md"]) == 0
    assert "torch_rnn" in (two_runs / "board.md").read_text()
    assert "--output nowhere/board.md" in refused("leaderboard", "--output", "nowhere/board.md")
    assert "did you mean copying?" in refused("leaderboard", "--task", "copyng")


@pytest.mark.parametrize("place", ["backup", "parity/gru copy"])
def test_records_that_are_there_twice_count_once(
    place: str, two_runs: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = two_runs / "results/runs"
    shutil.copytree(runs / "copying", runs / place)
    assert main(["leaderboard", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["seeds"] for row in rows if row["kind"] == "entry"] == ["1", "1"]


def test_a_copy_of_a_run_from_before_it_completed_does_not_count(
    two_runs: Path, capsys: pytest.CaptureFixture
) -> None:
    path = next((two_runs / "results/runs").rglob("*.json"))
    record = json.loads(path.read_text()) | {"status": "failed", "finished_at": "2999-01-01"}
    (two_runs / "results/runs/older").mkdir()
    (two_runs / "results/runs/older" / path.name).write_text(json.dumps(record))
    assert main(["leaderboard", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["failed"] for row in rows if row["kind"] == "entry"] == ["0", "0"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("board.xlsx", "end it with .txt, .md, .csv, .json, or give --format"),
        ("board.html", "end it with .txt, .md, .csv, .json, or give --format"),
        ("missing/board.md", "no such folder: missing"),
        (".", "a folder; name a file in it"),
    ],
)
def test_an_output_that_cannot_be_is_refused(output: str, said: str, refused: Callable) -> None:
    assert f"--output {output}: {said}" in refused("leaderboard", "--output", output)


def test_an_ending_says_the_format_in_any_case(two_runs: Path) -> None:
    assert main(["leaderboard", "--output", "BOARD.JSON"]) == 0
    assert json.loads((two_runs / "BOARD.JSON").read_text())
    assert main(["leaderboard", "--output", "board.xyz", "--format", "csv"]) == 0
    assert (two_runs / "board.xyz").read_text().startswith("track,")
