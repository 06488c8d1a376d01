"""What is read while something is done is noted, whoever reads it."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recurbench.harness.results import marks
from recurbench.harness.results.marks import mark_of
from recurbench.harness.run.reads import noted_reads


def by_the_system(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY))


READERS = {
    "open": lambda path: path.open().close(),
    "text": lambda path: path.read_text(),
    "system": by_the_system,
    "json": lambda path: json.loads(path.read_bytes()),
    "numpy": lambda path: np.fromfile(path, np.uint8),
    "memory": lambda path: np.memmap(path, np.uint8, mode="r"),
    "pandas": lambda path: pd.read_csv(path),
    "name": lambda path: open(os.fsencode(path)).close(),
}


@pytest.fixture
def file(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that has been there for long."""
    monkeypatch.setattr(marks, "FRESH", -(10**15))
    path = workplace / "data.json"
    path.write_text("[1]")
    return path


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_file_is_noted_with_its_mark(read, file):
    with noted_reads() as reads:
        read(file)
    assert reads == {str(file): mark_of(str(file))}


def test_a_relative_path_is_noted_as_it_is_from_here(file):
    with noted_reads() as reads:
        Path(file.name).read_text()
    assert list(reads) == [str(file)]


LISTERS = {
    "names": os.listdir,
    "entries": lambda folder: os.scandir(folder).close(),
    "paths": lambda folder: list(folder.iterdir()),
    "pattern": lambda folder: list(folder.glob("*.txt")),
}


@pytest.mark.parametrize("listed", LISTERS.values(), ids=LISTERS)
def test_a_folder_that_is_listed_is_noted(listed, file):
    with noted_reads() as reads:
        listed(file.parent)
    assert reads == {str(file.parent): mark_of(str(file.parent))}


def test_a_file_is_noted_as_it_was_before_it_was_read(file):
    before = mark_of(str(file))
    with noted_reads() as reads:
        file.read_text()
        file.write_text("[1, 2, 3]")
        file.read_text()
    assert reads == {str(file): before}
    assert before != mark_of(str(file))


def test_what_is_written_is_not_noted(workplace):
    with noted_reads() as reads:
        Path("new.txt").write_text("x")
        Path("new.txt").open("a").close()
    assert reads == {}


def test_what_is_not_there_or_may_change_unseen_has_no_mark(workplace):
    Path("young.txt").write_text("x")
    with noted_reads() as reads:
        Path("young.txt").read_text()
        with pytest.raises(FileNotFoundError):
            Path("missing.txt").read_text()
    assert reads == {str(workplace / name): None for name in ("young.txt", "missing.txt")}


def test_libraries_are_left_out():
    sys.modules.pop("colorsys", None)
    with noted_reads() as reads:
        import colorsys  # noqa: F401

        Path(np.__file__).read_text()
    assert reads == {}


def test_each_block_has_notes_of_its_own(file):
    with noted_reads() as outer:
        with noted_reads() as inner:
            file.read_text()
        os.listdir(file.parent)
    file.with_name("other.txt").touch()
    assert list(inner) == [str(file)]
    assert list(outer) == [str(file), str(file.parent)]
