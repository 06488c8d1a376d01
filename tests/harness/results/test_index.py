"""The index of records: it changes no board, keeps up with the files, and is trusted in nothing."""

import os
import re
import sqlite3
import sys
from pathlib import Path

import pytest
from making import ADAM, SGD, make_record

from recurbench.harness.results import index, marks
from recurbench.harness.results.archive import write_archive
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.index import place_of, read_runs
from recurbench.harness.results.record import Damaged, write

RECORDS = [
    make_record(cell, seed=seed, optimizer=optimizer, status=status, study=study)
    for cell, status, study in (("gru", "completed", None), ("lstm", "failed", "mine"))
    for seed in (0, 1, 2)
    for optimizer in (ADAM, SGD)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files and an archive, none of them fresh, for which an index pays."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(index, "MANY", 1)
    monkeypatch.setattr(marks, "FRESH", -(10**15))
    results = ResultsFolder(tmp_path / "results")
    for record in RECORDS[:-4]:
        write(results.record("copying", record.cell["name"], record.run_id), record)
    write_archive(results.runs / "packed.jsonl.gz", RECORDS[-4:])
    return results.runs


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened as records."""
    names: list[str] = []
    read = index.read_file

    def counting(path: str):
        names.append(os.path.basename(path))
        return read(path)

    monkeypatch.setattr(index, "read_file", counting)
    return names


def entries(path: Path, table: str) -> int:
    with sqlite3.connect(path) as database:
        (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    database.close()
    return count


def test_the_second_time_no_record_is_opened_and_all_runs_are_the_same(folder, files_read):
    first = list(read_runs(folder))
    assert len(first) == len(RECORDS)
    assert len(files_read) == len(RECORDS) - 3
    files_read.clear()
    assert list(read_runs(folder)) == first
    assert files_read == []


def test_settings_are_kept_once(folder):
    for _ in range(2):
        runs = list(read_runs(folder))
        assert len({id(run.setting) for run in runs}) == 4
        assert entries(place_of(folder), "settings") == 4


def test_a_file_that_changed_came_or_went_is_noticed(folder, files_read):
    list(read_runs(folder))
    files_read.clear()
    changed, gone, *_ = sorted(folder.rglob("*.json"))
    write(changed, make_record(seed=77))
    gone.unlink()
    write(folder / "new.json", make_record(seed=78))
    seeds = [run.seed for run in read_runs(folder)]
    assert {77, 78} <= set(seeds)
    assert len(seeds) == len(RECORDS)
    assert sorted(files_read) == sorted([changed.name, "new.json"])
    assert entries(place_of(folder), "files") == len(RECORDS) - 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")
def test_a_file_whose_name_is_no_text_is_known_too(folder, files_read):
    write(folder / "d\udcffssel.json", make_record(seed=77))
    first = list(read_runs(folder))
    files_read.clear()
    assert list(read_runs(folder)) == first
    assert 77 in [run.seed for run in first]
    assert files_read == []


def test_a_record_of_the_same_size_and_time_is_noticed_by_its_new_entry(folder):
    list(read_runs(folder))
    path = sorted(folder.rglob("*.json"))[0]
    before = path.stat()
    path.write_bytes(re.sub(rb'"seed": .', b'"seed": 9', path.read_bytes()))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert 9 in [run.seed for run in read_runs(folder)]


def test_what_changed_a_moment_ago_is_read_again(folder, files_read, monkeypatch):
    monkeypatch.setattr(marks, "FRESH", 10**15)
    list(read_runs(folder))
    files_read.clear()
    list(read_runs(folder))
    assert len(files_read) == len(RECORDS) - 3


def test_a_damaged_file_is_named_each_time(folder):
    bad = folder / "bad.json"
    bad.write_text("{}")
    for _ in range(2):
        assert [x.path for x in read_runs(folder) if isinstance(x, Damaged)] == [bad]


SPOILED = {
    "no database": lambda path: path.write_bytes(b"not SQLite at all" * 100),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
EDITED = {
    "another version": "PRAGMA user_version = 7",
    "no table": "DROP TABLE settings",
    "no settings": "DELETE FROM settings",
    "no JSON": "UPDATE files SET runs = 'x'",
    "another type": "UPDATE files SET runs = '[[1, 2]]'",
    "no runs": "UPDATE files SET runs = NULL",
    "nothing": "UPDATE settings SET content = NULL",
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_spoiled_index_is_as_good_as_none(folder, spoil):
    runs = list(read_runs(folder))
    spoil(place_of(folder))
    for _ in range(2):
        assert list(read_runs(folder)) == runs


@pytest.mark.parametrize("edit", EDITED.values(), ids=EDITED)
def test_an_index_with_other_content_is_rebuilt(folder, files_read, edit):
    runs = list(read_runs(folder))
    with sqlite3.connect(place_of(folder)) as database:
        database.execute(edit)
    database.close()
    assert list(read_runs(folder)) == runs
    files_read.clear()
    assert list(read_runs(folder)) == runs
    assert files_read == []


def test_an_index_of_other_code_is_rebuilt(folder, files_read, monkeypatch):
    runs = list(read_runs(folder))
    monkeypatch.setattr(index, "_format", lambda: 5)
    files_read.clear()
    assert list(read_runs(folder)) == runs
    assert len(files_read) == len(RECORDS) - 3


def test_while_another_process_writes_the_index_the_records_are_read(folder, monkeypatch):
    runs = list(read_runs(folder))
    monkeypatch.setattr(index, "WAIT", 0.01)
    with sqlite3.connect(place_of(folder), isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert list(read_runs(folder)) == runs
    database.close()
    assert list(read_runs(folder)) == runs


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(folder, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder would be")
    assert len(list(read_runs(folder))) == len(RECORDS)


def test_without_a_home_there_is_no_index(folder, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    assert place_of(folder) is None
    assert len(list(read_runs(folder))) == len(RECORDS)


def test_a_small_folder_needs_no_index_and_no_folder_of_records_gets_a_file(
    folder, tmp_path, monkeypatch
):
    before = sorted(folder.rglob("*"))
    monkeypatch.setattr(index, "MANY", 1000)
    list(read_runs(folder))
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(index, "MANY", 1)
    list(read_runs(folder))
    assert place_of(folder).exists()
    assert sorted(folder.rglob("*")) == before
