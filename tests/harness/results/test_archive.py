"""Many records in one file: read like single ones, and the same bytes whenever they are packed."""

import gzip
import os
import time

import pytest
from making import make_record

from recurbench.harness.results import archive, marks
from recurbench.harness.results.archive import (
    find_completed,
    places,
    read_all,
    read_archive,
    read_places,
    write_archive,
)
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Damaged, encode, write

RECORDS = [make_record(cell, seed=seed) for cell in ("gru", "lstm") for seed in (0, 1)]


def test_an_archive_gives_back_its_records_in_order(tmp_path):
    path = tmp_path / "demo.jsonl.gz"
    write_archive(path, reversed(RECORDS))
    found = list(read_archive(path))
    assert sorted(found, key=lambda r: r.run_id) == sorted(RECORDS, key=lambda r: r.run_id)
    assert [r.cell["name"] for r in found] == ["gru", "gru", "lstm", "lstm"]


def test_packing_again_changes_no_byte(tmp_path, monkeypatch):
    one, other = tmp_path / "one.jsonl.gz", tmp_path / "other.jsonl.gz"
    write_archive(one, RECORDS)
    monkeypatch.setattr(time, "time", lambda: 9e9)
    write_archive(other, list(read_archive(one))[::-1])
    assert one.read_bytes() == other.read_bytes()


def test_files_and_archives_are_read_alike_in_the_order_of_their_paths(tmp_path):
    folder = ResultsFolder(tmp_path)
    for run_id, task in (("1", "b"), ("3", "c")):
        record = make_record(task=task, run_id=run_id)
        write(folder.record(task, "gru", run_id), record)
    write_archive(folder.runs / "b2.jsonl.gz", [make_record(task="b", run_id="2")])
    (folder.runs / "b" / "notes.txt").write_text("not a record")
    assert [record.run_id for record in read_all(folder.runs)] == ["1", "2", "3"]


def test_a_damaged_line_costs_itself_alone(tmp_path):
    path = tmp_path / "some.jsonl.gz"
    lines = [encode(RECORDS[0]), b"{}", encode(RECORDS[1])]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    first, damaged, last = read_all(tmp_path)
    assert [first, last] == RECORDS[:2]
    assert damaged == Damaged(path, "line 2: schema_version None, not 2")


@pytest.mark.parametrize("spoil", [lambda whole: b"no gzip", lambda whole: whole[:-20]])
def test_a_file_that_is_no_whole_archive_is_reported(tmp_path, spoil):
    path = tmp_path / "some.jsonl.gz"
    write_archive(path, RECORDS)
    path.write_bytes(spoil(path.read_bytes()))
    *_, last = read_all(tmp_path)
    assert isinstance(last, Damaged)
    assert last.reason.startswith("no whole archive: ")


def test_a_folder_that_is_not_there_holds_no_records(tmp_path):
    assert list(read_all(tmp_path / "nowhere")) == []
    assert places(tmp_path / "nowhere", "") == {}


@pytest.mark.parametrize(
    ("prefix", "ids"),
    [("", ["ab12", "ab34", "cd56"]), ("ab", ["ab12", "ab34"]), ("cd56", ["cd56"]), ("b", [])],
)
def test_records_are_found_by_the_beginning_of_their_id_wherever_they_are(tmp_path, prefix, ids):
    folder = ResultsFolder(tmp_path)
    write_archive(folder.runs / "some.jsonl.gz", [make_record(run_id=i) for i in ("ab34", "cd56")])
    write(folder.record("copying", "gru", "ab12"), make_record(run_id="ab12"))
    assert sorted(places(folder.runs, prefix)) == ids


def test_of_several_records_of_a_run_the_completed_and_then_the_latest_is_shown(tmp_path):
    folder = ResultsFolder(tmp_path)
    for place, status, day in (("a", "completed", 1), ("b", "completed", 2), ("c", "failed", 3)):
        finished = f"2026-01-0{day}T00:00:00+00:00"
        record = make_record(run_id="ab12", status=status, seed=day, finished_at=finished)
        write(folder.record(place, "gru", "ab12"), record)
    (paths,) = places(folder.runs, "ab").values()
    assert len(paths) == 3
    assert read_places(paths, "ab12").seed == 2


def test_an_archive_is_searched_for_one_run_among_lines_of_all_kinds(tmp_path):
    path = tmp_path / "some.jsonl.gz"
    lines = [b'{"run_id": "ab12"}', encode(make_record(run_id="ab12", seed=7)), b'"ab12', b"[]"]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    assert list(places(tmp_path, "ab")) == ["ab12"]
    assert read_places([str(path)], "ab12").seed == 7
    assert read_places([str(path)], "cd") is None


def test_a_line_too_long_for_a_record_ends_its_archive(tmp_path, monkeypatch):
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(gzip.compress(encode(RECORDS[0]) + b"\n" + 9999 * b"x"))
    monkeypatch.setattr(archive, "LARGEST", 9000)
    _, damaged = read_all(tmp_path)
    assert "line 2: 9,000 bytes are too many" in damaged.reason


def test_links_to_folders_are_not_followed_and_a_loop_of_links_is_one_bad_file(tmp_path):
    write(tmp_path / "a" / "ab12.json", RECORDS[0])
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "loop.json").symlink_to(tmp_path / "a" / "loop.json")
    record, damaged = read_all(tmp_path)
    assert record == RECORDS[0]
    assert "symbolic links" in damaged.reason


def test_a_completed_run_is_found_in_its_file_or_in_an_archive(tmp_path):
    folder = ResultsFolder(tmp_path)
    path = folder.record("copying", "gru", "ab12")

    def seed_found() -> int | None:
        found = find_completed(folder.runs, path, "ab12")
        return found and found.seed

    assert seed_found() is None
    write(path, make_record(run_id="ab12", status="failed"))
    assert seed_found() is None
    write_archive(folder.runs / "some.jsonl.gz", [make_record(run_id="ab12", seed=3)])
    assert seed_found() == 3
    write(path, make_record(run_id="ab12", seed=4))
    assert seed_found() == 4


def test_an_archive_is_found_wherever_and_whenever_it_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "FRESH", -(10**15))
    folder = ResultsFolder(tmp_path)
    inner = folder.runs / "copying" / "gru"
    inner.mkdir(parents=True)
    for place in (folder.runs, inner):
        os.utime(place, (1, 1))  # two changes of one moment would look alike
    path = folder.record("parity", "gru", "ab12")
    assert find_completed(folder.runs, path, "ab12") is None
    write_archive(inner / "some.jsonl.gz", [make_record(run_id="ab12", seed=3)])
    assert find_completed(folder.runs, path, "ab12").seed == 3
    (inner / "some.jsonl.gz").unlink()
    assert find_completed(folder.runs, path, "ab12") is None


def test_folders_that_do_not_change_are_listed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "FRESH", -(10**15))
    folder = ResultsFolder(tmp_path)
    for record in RECORDS:
        write(folder.record("copying", record.cell["name"], record.run_id), record)
    listed = []
    entries = archive._entries
    monkeypatch.setattr(archive, "_entries", lambda path: listed.append(path) or entries(path))
    for run_id in ("ab12", "cd34", "ef56"):
        assert find_completed(folder.runs, folder.record("copying", "gru", run_id), run_id) is None
    assert sorted(listed) == sorted(map(str, [folder.runs, *folder.runs.rglob("*/")]))
