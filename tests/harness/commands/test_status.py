"""What `recurbench status` says and `recurbench clean` removes."""

import json
import os
import time
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.leases import PROGRESS, Lease, take
from recurbench.harness.results.sweeps import Outcome, SweepFolder, begin

RESULTS = ResultsFolder(Path("results"))


@pytest.fixture(autouse=True)
def in_empty_folder(workplace):
    """Every test runs in a folder of its own."""


@pytest.fixture
def lease():
    found = take(RESULTS.unfinished("abc"), "parity · gru · seed 0", "mine")
    assert isinstance(found, Lease)
    yield found
    found.release(keep=False)


@pytest.fixture
def sweep() -> SweepFolder:
    folder, _ = begin(RESULTS.sweeps, "mine", 4, 1, ["recurbench", "run", "-m", "seed=range(4)"])
    folder.put(0, Outcome("completed", "a"))
    folder.put(1, Outcome("failed", "b"))
    folder.put(2, Outcome("interrupted", "c"))
    return folder


def said(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_where_there_is_nothing_it_says_so(capsys):
    assert "nothing runs" in said(capsys, "status")
    assert said(capsys, "clean") == "nothing to remove\n"
    assert not Path("results").exists()


def test_a_sweep_under_way_is_shown_with_what_it_runs(capsys, sweep, lease):
    text = said(capsys, "status")
    assert "sweep mine: 2 of 4 done, 1 failed, about " in text
    assert f"process {os.getpid()} on {os.uname().nodename}" in text
    assert "\n  parity · gru · seed 0  starts" in text
    found = json.loads(said(capsys, "status", "--format", "json"))
    assert found["sweeps"][0]["done"] == 2
    assert found["sweeps"][0]["running"][0]["title"] == "parity · gru · seed 0"
    assert found["running"] == []
    assert said(capsys, "clean") == "nothing to remove\n"


def test_a_run_of_no_sweep_is_shown_alone(capsys, lease):
    assert "running: parity · gru · seed 0  starts" in said(capsys, "status")


def test_what_was_stopped_is_shown_and_removed(capsys, sweep, lease):
    (lease.folder / PROGRESS).touch()
    lease.release(keep=True)
    sweep.end()
    text = said(capsys, "status")
    assert "sweep mine: stopped, 2 of 4 done, 1 failed" in text
    assert "goes on: recurbench run -m 'seed=range(4)'" in text
    assert "1 interrupted runs are saved" in text
    record = RESULTS.record("parity", "gru", "abc")
    record.parent.mkdir(parents=True)
    record.touch()
    old, new = record.with_name(".abc-12345678.tmp"), record.with_name(".abd-12345678.tmp")
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    assert "3 would be removed" in said(capsys, "clean", "--dry-run")
    assert old.exists()
    assert "3 removed" in said(capsys, "clean")
    assert "nothing runs" in said(capsys, "status")
    assert {path.name for path in Path("results").rglob("*") if path.is_file()} == {
        "abc.json", ".abd-12345678.tmp",
    }  # fmt: skip


def test_two_sweeps_of_a_name_have_folders_of_their_own_while_both_live(sweep):
    other, name = begin(RESULTS.sweeps, "mine", 2, 1, [])
    assert (other.root.name, name) == ("mine.2", "mine")
    sweep.end()
    again, _ = begin(RESULTS.sweeps, "mine", 2, 1, [])
    assert again.root.name == "mine"
    assert again.outcomes() == {}


def test_sweeps_that_start_in_the_same_second_have_names_of_their_own():
    names = {begin(RESULTS.sweeps, None, 2, 1, [])[1] for _ in range(3)}
    assert len(names) == 3


def test_nothing_is_removed_from_a_folder_that_is_no_sweeps_yet_has_its_name():
    folder = RESULTS.sweeps / "mine"
    (folder / "outcomes").mkdir(parents=True)
    (folder / "notes.txt").touch()
    begin(RESULTS.sweeps, "mine", 2, 1, [])
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": 3}'])
def test_a_damaged_file_hides_nothing_else(capsys, sweep, content):
    folder = RESULTS.sweeps / "damaged"
    folder.mkdir()
    (folder / "sweep.json").write_text(content)
    (sweep.root / "outcomes/3.json").write_text(content)
    assert "sweep mine: 2 of 4 done" in said(capsys, "status")
