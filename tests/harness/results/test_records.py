"""A record is whole or absent, and a file that holds none says what is wrong with it."""

import copy
import json
import math
import os
import random
from pathlib import Path

import pytest

from recurbench.harness.results import record as records
from recurbench.harness.results.record import Damaged

RECORD = {key: {} for key in records.REQUIRED} | {
    "schema_version": records.SCHEMA_VERSION,
    "run_id": "0123abcd",
    "status": "completed",
    "seed": 0,
    "metrics": {"val": {"loss": 0.1 + 0.2}, "test": {"loss": 1e-300}},
    "curve": [{"step": 10, "seconds": 0.25, "train/loss": 2.0}],
    "logger": [],
    "error": None,
}


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "not" / "there" / "yet.json"
    records.write(path, RECORD)
    assert records.read(path) == RECORD


def test_text_in_a_record_may_be_of_any_script(tmp_path):
    error = {"type": "Fehler", "message": "größer ≠ größte 错误 \u2028", "traceback": "a\nb"}
    path = tmp_path / "run.json"
    records.write(path, RECORD | {"error": error})
    assert records.read(path)["error"] == error


def test_a_record_replaces_the_one_before_and_leaves_no_other_file(tmp_path):
    path = tmp_path / "run.json"
    for status in ("failed", "completed"):
        records.write(path, RECORD | {"status": status})
    assert records.read(path)["status"] == "completed"
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_is_readable_by_others(tmp_path):
    path = tmp_path / "run.json"
    records.write(path, RECORD)
    assert path.stat().st_mode & 0o777 == 0o644


def test_writing_does_not_change_the_record(tmp_path):
    record = RECORD | {"metrics": {"val": {"loss": math.inf}}}
    before = copy.deepcopy(record)
    records.write(tmp_path / "run.json", record)
    assert record == before


@pytest.mark.parametrize("step", ["dump", "fsync", "replace"])
def test_a_write_that_breaks_off_leaves_the_old_record_and_no_other_file(
    tmp_path, monkeypatch, step
):
    path = tmp_path / "run.json"
    records.write(path, RECORD)

    def break_off(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(json if step == "dump" else os, step, break_off)
    with pytest.raises(KeyboardInterrupt):
        records.write(path, RECORD | {"status": "failed"})
    monkeypatch.undo()
    assert records.read(path) == RECORD
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_that_json_cannot_hold_leaves_the_old_record(tmp_path):
    path = tmp_path / "run.json"
    records.write(path, RECORD)
    with pytest.raises(TypeError):
        records.write(path, RECORD | {"environment": {"device": object()}})
    assert records.read(path) == RECORD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_become_null_wherever_they_are(tmp_path, number):
    path = tmp_path / "run.json"
    curve = [{"step": 1, "train/loss": number}, {"step": 2, "train/loss": (number, 3.5)}]
    records.write(path, RECORD | {"metrics": {"test": {"loss": number}}, "curve": curve})
    record = records.read(path)
    assert record["metrics"] == {"test": {"loss": None}}
    assert record["curve"] == [
        {"step": 1, "train/loss": None},
        {"step": 2, "train/loss": [None, 3.5]},
    ]


def without(key: str) -> str:
    return json.dumps({k: v for k, v in RECORD.items() if k != key})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON: "),
        (json.dumps(RECORD)[:-7].encode(), "not JSON: "),
        (b"\xff\xfe\x00", "not JSON: "),
        (b"\0" * 50, "not JSON: "),
        (b"[" * 100_000, "not JSON: "),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "schema_version None, not 1"),
        (json.dumps(RECORD | {"schema_version": 2}).encode(), "schema_version 2, not 1"),
        (without("track").encode(), "lacks track"),
        (json.dumps({"schema_version": 1, "run_id": "a"}).encode(), "lacks status, seed, track"),
        (json.dumps(RECORD | {"status": "done"}).encode(), "unknown status 'done'"),
        (json.dumps(RECORD | {"track": None}).encode(), "track is not an object"),
        (json.dumps(RECORD | {"status": ["failed"]}).encode(), "unknown status ['failed']"),
    ],
    ids=[
        "empty", "cut-off", "no-text", "zeros", "nested-too-deep", "list", "null", "no-version",
        "other-version", "one-missing", "many-missing", "unknown-status", "no-track", "odd-status",
    ],
)  # fmt: skip
def test_a_damaged_file_is_reported_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    damaged = records.read(path)
    assert isinstance(damaged, Damaged)
    assert damaged.path == path
    assert damaged.reason.startswith(reason)
    assert "\n" not in damaged.reason


def test_a_file_that_cannot_be_opened_is_reported_with_its_reason(tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    dangling, folder = records.read_all(tmp_path)
    assert dangling == Damaged(tmp_path / "dangling.json", "No such file or directory")
    assert folder == Damaged(tmp_path / "folder.json", "Is a directory")


def test_every_status_of_the_schema_is_read(tmp_path):
    for status in records.STATUSES:
        records.write(tmp_path / f"{status}.json", RECORD | {"status": status})
    assert {r["status"] for r in records.read_all(tmp_path)} == set(records.STATUSES)


def test_all_records_below_a_folder_are_read_in_the_order_of_their_paths(tmp_path):
    places = [("b", "gru", "1"), ("a", "rnn", "2"), ("a", "gru", "3")]
    for task, cell, run_id in places:
        path = records.record_path(tmp_path, task, cell, run_id)
        records.write(path, RECORD | {"run_id": run_id})
    (records.runs_dir(tmp_path) / "a" / "notes.txt").write_text("not a record")
    (records.runs_dir(tmp_path) / "a" / "broken.json").write_text("{")
    found = list(records.read_all(records.runs_dir(tmp_path)))
    ids = ["damaged" if isinstance(r, Damaged) else r["run_id"] for r in found]
    assert ids == ["damaged", "3", "2", "1"]


def test_a_folder_that_is_not_there_holds_no_records(tmp_path):
    assert list(records.read_all(tmp_path / "nowhere")) == []
    assert records.find(tmp_path / "nowhere", "") == []


@pytest.mark.parametrize(
    ("prefix", "ids"),
    [("", ["ab12", "ab34", "cd56"]), ("ab", ["ab12", "ab34"]), ("cd56", ["cd56"]), ("b", [])],
)
def test_records_are_found_by_the_beginning_of_their_id(tmp_path, prefix, ids):
    for cell, run_id in (("rnn", "cd56"), ("gru", "ab34"), ("gru", "ab12")):
        records.write(records.record_path(tmp_path, "copying", cell, run_id), RECORD)
    assert [path.stem for path in records.find(tmp_path, prefix)] == ids


def test_a_folder_is_made_to_prove_that_it_can_be_written_to(tmp_path):
    folder = tmp_path / "a" / "b"
    records.make_writable(folder)
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        records.make_writable(tmp_path / "file" / "b")


PARTS = {"cell": {"name": "gru", "hidden_size": 3}, "seed": 0, "columns": ["a", "b"], "x": None}


def shuffled(value, source: random.Random):
    """The same value with the keys of every dict in another order."""
    if not isinstance(value, dict):
        return value
    keys = source.sample(list(value), len(value))
    return {key: shuffled(value[key], source) for key in keys}


@pytest.mark.parametrize("seed", range(5))
def test_an_identity_does_not_depend_on_the_order_of_keys(seed):
    other = shuffled(PARTS, random.Random(seed))
    assert records.identity(other) == records.identity(PARTS)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"seed": False},
        {"seed": "0"},
        {"columns": ["b", "a"]},
        {"cell": {"name": "gru", "hidden_size": 3.5}},
        {"x": 0},
        {"y": None},
    ],
    ids=str,
)
def test_an_identity_changes_with_every_value(change):
    assert records.identity(PARTS | change) != records.identity(PARTS)


def test_an_identity_is_the_same_on_every_machine_and_python():
    assert records.identity(PARTS) == "330eb638ff6e"
    assert len({records.identity({"seed": seed}) for seed in range(999)}) == 999


def test_an_identity_refuses_numbers_that_are_not_finite():
    with pytest.raises(ValueError, match="JSON"):
        records.identity({"lr": math.nan})


def test_a_records_path_says_task_cell_and_id():
    path = records.record_path("out", "copying", "gru", "ab12")
    assert path == Path("out/runs/copying/gru/ab12.json")
    assert path.is_relative_to(records.runs_dir("out"))
