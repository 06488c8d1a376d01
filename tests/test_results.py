"""The shipped leaderboard and the page of published rows are what the shipped records say."""

import importlib.util
from pathlib import Path

from hydra import compose, initialize_config_module

from recurbench.harness.cli import main
from recurbench.harness.config.schema import register
from recurbench.harness.results import record as records
from recurbench.harness.results.tracks import build_tracks

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("rows", ROOT / "benchmarks" / "published_rows.py")
published_rows = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(published_rows)
BOARD = (ROOT / "results" / "LEADERBOARD.md").read_text()


def test_the_leaderboard_is_made_from_the_reference_records(tmp_path: Path) -> None:
    output = tmp_path / "board.md"
    reference = str(ROOT / "results" / "reference")
    assert main(["leaderboard", "--records", reference, "--output", str(output)]) == 0
    assert output.read_text() == BOARD, "run `make reference`"


def test_every_reference_record_is_whole_and_completed() -> None:
    found = list(records.read_all(ROOT / "results" / "reference"))
    assert len(found) == 40 + 621 + 124  # the demo, the zoo and the published rows
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


def test_the_published_rows_are_written_from_the_reference_records() -> None:
    page = published_rows.PAGE.read_text()
    tracks = build_tracks(records.read_all(ROOT / "results" / "reference"))
    assert published_rows.write(page, tracks) == page, "run `make reference`"


def test_every_published_row_is_an_experiment(config_store) -> None:
    register()
    for row in published_rows.ROWS:
        experiment, *overrides = row.experiment.split()
        with initialize_config_module("recurbench.conf", version_base="1.3"):
            task = compose("config", [f"experiment={experiment}", *overrides]).task
        assert task.name == row.task
        assert row.knobs.items() <= dict(task).items()
