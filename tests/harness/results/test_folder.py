"""All paths of a results folder, and whether it can be written to."""

from pathlib import Path

import pytest

from recurbench.harness.results.folder import ResultsFolder, make_writable

FOLDER = ResultsFolder(Path("out"))


def test_a_records_path_says_task_cell_and_id():
    path = FOLDER.record("copying", "gru", "ab12")
    assert path == Path("out/runs/copying/gru/ab12.json")
    assert path.is_relative_to(FOLDER.runs)


def test_a_picture_lies_beside_its_record():
    record = FOLDER.record("copying", "gru", "ab12")
    assert FOLDER.picture(record, "rolls") == Path("out/runs/copying/gru/ab12.rolls.png")


@pytest.mark.parametrize("path", ["unfinished", "kept"])
def test_runs_share_no_path_of_what_they_write_on_the_way(path):
    one, other = (getattr(FOLDER, path)(run_id) for run_id in ("a", "b"))
    assert one != other
    assert FOLDER.log("csv", "a") != FOLDER.log("csv", "b")


def test_naming_paths_makes_nothing(tmp_path):
    folder = ResultsFolder(tmp_path / "none")
    folder.record("a", "b", "c")
    assert not folder.root.exists()


def test_a_folder_is_made_to_prove_that_it_can_be_written_to(tmp_path):
    folder = tmp_path / "a" / "b"
    make_writable(folder)
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        make_writable(tmp_path / "file" / "b")
