"""`recurbench leaderboard` ranks what is there and names what is not."""

import json
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


@pytest.mark.parametrize("further", ["--output=board.html", "--format=html"])
def test_a_served_page_goes_nowhere_else(further: str, refused: Callable) -> None:
    assert "leave --output and --format out" in refused("leaderboard", "--serve", further)


@pytest.mark.parametrize(
    ("port", "said"), [("99999", "no such port"), ("-1", "at least 0"), ("x", "an integer")]
)
def test_a_port_that_is_none_is_refused(port: str, said: str, refused: Callable) -> None:
    assert said in refused("leaderboard", "--serve", f"--port={port}")
