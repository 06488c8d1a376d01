"""The shipped leaderboard is what the shipped records say."""

from pathlib import Path

from harness import records
from harness.cli import main

ROOT = Path(__file__).parents[1]
BOARD = (ROOT / "results" / "LEADERBOARD.md").read_text()


def test_the_leaderboard_is_made_from_the_reference_records(tmp_path: Path) -> None:
    output = tmp_path / "board.md"
    reference = str(ROOT / "results" / "reference")
    assert main(["leaderboard", "--records", reference, "--output", str(output)]) == 0
    assert output.read_text() == BOARD, "run `make reference`"


def test_every_reference_record_is_whole_and_completed() -> None:
    found = list(records.read_all(ROOT / "results" / "reference"))
    assert len(found) == 40 + 621  # the demo and the zoo
    for record in found:
        assert not isinstance(record, records.Damaged), record
        assert record["status"] == "completed"
        assert record["environment"]["git_dirty"] is False


def test_the_readme_shows_rows_of_the_leaderboard() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| rank |"))
    shown = [line for line in lines[start:] if line.startswith("| rank |") or " ± " in line]
    assert len(shown) > 5
    assert all(line in BOARD for line in shown)
