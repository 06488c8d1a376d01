"""The shipped leaderboard and the page of published rows are what the shipped records say."""

import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hydra import compose, initialize_config_module

from recurbench.harness.cli import main
from recurbench.harness.config.schema import register
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.archive import ENDING, read_all, read_archive, write_archive
from recurbench.harness.results.record import PROTOCOL, Record
from recurbench.harness.results.runs import run_of
from recurbench.harness.results.tracks import build_tracks
from recurbench.harness.run.restore import command_of

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
ARCHIVES = sorted(REFERENCE.glob(f"*{ENDING}"))
STUDIES = [path.name.removesuffix(ENDING) for path in ARCHIVES]
CORPORA = {
    "bai2018_jsb", "bai2018_nottingham", "etth1", "japanese_vowels", "movie_snippets",
    "shakespeare",
}  # fmt: skip
"""Studies of data that is not part of any package."""


def script(name: str) -> ModuleType:
    """A program of benchmarks/, imported as running it would."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


published_rows, study_page = script("published_rows"), script("study_page")
BOARD = (ROOT / "results" / "LEADERBOARD.md").read_text()


def records() -> list[Record]:
    found = list(read_all(REFERENCE))
    assert all(isinstance(record, Record) for record in found)
    return found


def test_the_leaderboard_is_made_from_the_reference_records(tmp_path: Path) -> None:
    output = tmp_path / "board.md"
    assert main(["leaderboard", "--records", str(REFERENCE), "--output", str(output)]) == 0
    assert output.read_text() == BOARD, "run `make reference`"


def test_every_reference_record_is_whole_and_completed() -> None:
    found = records()
    assert len(found) == 40 + 621 + 775 + 124  # demo, zoo, study, published rows
    for record in found:
        assert record.status == "completed"
        assert record.environment.git_dirty is False


@pytest.mark.parametrize("path", ARCHIVES, ids=STUDIES)
def test_an_archive_is_of_one_study_and_packing_it_again_changes_no_byte(
    path: Path, tmp_path: Path
) -> None:
    found = list(read_archive(path))
    assert {record.study for record in found} == {path.name.removesuffix(ENDING)}
    write_archive(tmp_path / path.name, reversed(found))
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", ARCHIVES, ids=STUDIES)
def test_a_run_of_a_study_is_known_as_the_one_that_is_shipped(
    path: Path, workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    study = path.name.removesuffix(ENDING)
    if study in CORPORA and "RECURBENCH_DATA" not in os.environ:
        pytest.skip(f"{study} needs its corpus: set RECURBENCH_DATA")
    current = [record for record in read_archive(path) if is_of_todays_code(record)]
    if not current:
        pytest.skip(f"{study} is of older code")
    (workplace / "results/runs").mkdir(parents=True)
    shutil.copy(path, workplace / "results/runs")
    command = command_of(current[0], Path("results")).replace("train.keep_checkpoint=true", "")
    assert main([*shlex.split(command)[1:], "logger=none"]) == 0
    assert f"skipped    {current[0].task['name']}" in capsys.readouterr().out
    assert [p.name for p in (workplace / "results/runs").rglob("*.json")] == []


def is_of_todays_code(record: Record) -> bool:
    """Whether a run of today would be the same, if its data is."""
    plugins, code = registry().plugins, record.code
    cell, task = plugins["cell"][record.cell["name"]], plugins["task"][record.task["name"]]
    return (code.protocol, code.cell, code.task) == (PROTOCOL, cell.version, task.version)


def test_what_is_of_older_code_says_so() -> None:
    older = {(r.study, r.task["name"]) for r in records() if r.code.protocol < PROTOCOL}
    assert older == {
        ("bai2018_nottingham", "music"), ("shakespeare", "language"),
        ("zoo", "copying"), ("zoo", "forecasting"),
    }  # fmt: skip
    assert BOARD.count("of older code (commit ") == 4


def test_the_readme_shows_rows_of_the_leaderboard() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| rank |"))
    shown = [line for line in lines[start:] if line.startswith("| ") and " ± " in line]
    assert len(shown) > 5
    assert all(line in BOARD for line in shown)


def test_the_published_rows_are_written_from_the_reference_records() -> None:
    page = published_rows.PAGE.read_text()
    assert (
        published_rows.write(page, build_tracks(run_of(r, r.run_id) for r in records())) == page
    ), "run `make reference`"


def test_the_page_of_the_study_is_written_from_its_records() -> None:
    page = study_page.PAGE.read_text()
    assert study_page.write(page, *study_page.read(study_page.ARCHIVE)) == page, (
        "run `make reference`"
    )


def test_every_published_row_is_an_experiment(config_store) -> None:
    register()
    for row in published_rows.ROWS:
        experiment, *overrides = row.experiment.split()
        with initialize_config_module("recurbench.conf", version_base="1.3"):
            task = compose("config", [f"experiment={experiment}", *overrides]).task
        assert task.name == row.task
        assert row.knobs.items() <= dict(task).items()
