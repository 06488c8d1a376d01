"""A record is whole or absent, and a file that holds none says what is wrong with it."""

import json
import math
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from making import make_record, make_run
from spoiling import NEW_KEY, parts, spoiled

from recurbench.harness.results import record as records
from recurbench.harness.results.board import build_board
from recurbench.harness.results.export import FORMATS
from recurbench.harness.results.record import (
    Damaged,
    Failure,
    Record,
    decode,
    encode,
    read,
    write,
)
from recurbench.harness.results.report import View
from recurbench.harness.results.runs import run_of
from recurbench.harness.results.writing import write_whole

RECORD = make_record()
PLAIN = msgspec.to_builtins(RECORD)


PATHS = [path for path in parts() if path[-1] != NEW_KEY]

WRONG: dict[str, Any] = {
    "null": None, "text": "text", "true": True, "integer": 5, "float": 1.5, "list": [], "dict": {},
    "negative": -1, "long": 10**30, "too_long": object(), "large": 1e308, "small": -1e308,
    "nan": math.nan, "infinite": math.inf, "nested": [[[1]]], "empty": "", "beyond": 1e999,
}  # fmt: skip


def lacking(path: tuple) -> dict[str, Any]:
    """A whole record that lacks a part."""
    tree = spoiled(path, None)
    node: Any = tree
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return tree


def as_json(tree: dict[str, Any]) -> bytes:
    """JSON in which any other object is a number of 5,000 digits, which Python would not write."""
    return json.dumps(tree, default=lambda _: "<long>").replace('"<long>"', "1" * 5000).encode()


def changed(**sections) -> bytes:
    """A record's JSON with other values; those of a section are merged."""
    parts = {
        name: {**PLAIN[name], **value} if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return json.dumps(PLAIN | parts).encode()


def without(key: str) -> bytes:
    return json.dumps({k: v for k, v in PLAIN.items() if k != key}).encode()


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "not" / "there" / "yet.json"
    write(path, RECORD)
    assert read(path) == RECORD


def test_text_in_a_record_may_be_of_any_script(tmp_path):
    error = Failure(type="Fehler", message="größer ≠ größte 错误 \u2028", traceback="a\nb")
    path = tmp_path / "run.json"
    write(path, make_record(status="failed", error=error))
    assert read(path).error == error


def test_a_record_replaces_the_one_before_and_leaves_no_other_file(tmp_path):
    path = tmp_path / "run.json"
    for status in ("failed", "completed"):
        write(path, make_record(status=status))
    assert read(path).status == "completed"
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_is_readable_by_others(tmp_path):
    path = tmp_path / "run.json"
    write(path, RECORD)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_breaks_off_leaves_the_old_record_and_no_other_file(
    tmp_path, monkeypatch, step
):
    path = tmp_path / "run.json"
    write(path, RECORD)

    def break_off(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, break_off)
    with pytest.raises(KeyboardInterrupt):
        write(path, make_record(status="failed"))
    monkeypatch.undo()
    assert read(path) == RECORD
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_that_json_cannot_hold_leaves_the_old_record(tmp_path):
    path = tmp_path / "run.json"
    write(path, RECORD)
    with pytest.raises(TypeError):
        write(path, make_record(budget={"parameters": object()}))
    assert read(path) == RECORD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_become_null_wherever_they_are(tmp_path, number):
    path = tmp_path / "run.json"
    write(path, make_record(test=number, curve=[{"step": 1, "train/loss": number}]))
    record = read(path)
    assert record.metrics["test"] == {"accuracy": None, "loss": 9.0}
    assert record.curve == [{"step": 1, "train/loss": None}]
    assert record.score("test") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON: "),
        (changed()[:-7], "not JSON: "),
        (b"\xff\xfe\x00", "not JSON: "),
        (b"\0" * 50, "not JSON: "),
        (b"[" * 100_000, "not a JSON object"),
        (changed(seed=math.nan), "not JSON: "),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "schema_version None, not 2"),
        (changed(schema_version=1), "schema_version 1, not 2"),
        (without("track"), "object missing required field track"),
        (changed(status="done"), "status: invalid enum value 'done'"),
        (changed(track=None), "track: expected object, got null"),
        (changed(track={"id": 7}), "track.id: expected str, got int"),
        (changed(status=["failed"]), "status: expected str, got array"),
        (
            changed(metrics={"test": {"accuracy": "0.5"}}),
            "metrics.test.accuracy: expected int | float | null, got str",
        ),
        (changed(metrics={"test": {}}), "completed, but metrics.test lacks accuracy"),
        (changed(primary=None), "completed, but primary or cost is null"),
        (changed(cost={"steps": "many"}), "cost.steps: expected int, got str"),
        (changed(cell={"name": 3}), "cell.name: expected str"),
        (changed(finished_at=None), "finished_at: expected str, got null"),
        (changed(finished_at="soon"), "finished_at: no time: Invalid isoformat string: 'soon'"),
    ],
    ids=lambda value: value[:30].strip() if isinstance(value, str) else "",
)
def test_a_damaged_file_is_reported_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    damaged = read(path)
    assert isinstance(damaged, Damaged)
    assert damaged.path == path
    assert damaged.reason.startswith(reason)
    assert "\n" not in damaged.reason


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_a_part_that_is_wrong_is_named_and_one_that_may_be_so_spoils_no_format(path: tuple) -> None:
    board_runs = [make_run(seed=seed) for seed in (0, 1)]
    for name, value in {"missing": ..., **WRONG}.items():
        tree = lacking(path) if value is ... else spoiled(path, value)
        found = decode(as_json(tree), Path("run.json"))
        if isinstance(found, Damaged):
            named = [step for step in path if isinstance(step, str)][-1]
            assert named in found.reason, (name, found.reason)
            assert len(found.reason.splitlines()) == 1
            continue
        found.run_id = name
        board_runs.append(run_of(found, "run.json"))
    board = build_board(board_runs)
    for form, write_board in FORMATS.items():
        assert write_board(board, View(all_trials=True)), form
    json.loads(FORMATS["json"](board, View()), parse_constant=pytest.fail)


def test_a_fault_that_comes_before_a_broken_end_is_no_traceback() -> None:
    for content in (
        b'{"run_id": 5, ',
        b'{"run_id": 5, "seed": NaN}',
        b'{"run_id": 5, "a": ' + b"[" * 9999,
    ):
        found = decode(content, Path("run.json"))
        assert isinstance(found, Damaged)


def test_a_file_that_cannot_be_opened_is_reported_with_its_reason(tmp_path):
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    reasons = {name: read(tmp_path / f"{name}.json").reason for name in ("folder", "pipe", "none")}
    assert reasons == {
        "folder": "not a file", "pipe": "not a file", "none": "No such file or directory",
    }  # fmt: skip


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "LARGEST", 100)
    write(tmp_path / "run.json", RECORD)
    assert read(tmp_path / "run.json").reason.endswith("bytes are too many for a record")


@pytest.mark.parametrize("status", records.STATUSES)
def test_every_status_of_the_schema_is_read(tmp_path, status):
    write(tmp_path / "run.json", make_record(status=status))
    assert read(tmp_path / "run.json").status == status


@pytest.mark.parametrize(("status", "score"), [("completed", 0.25), ("diverged", None)])
def test_a_score_is_there_once_a_run_is_completed(status, score):
    record = make_record(test=0.25, status=status)
    assert isinstance(record, Record)
    assert record.score("test") == score
    assert record.score("no_such_split") is None


def test_what_is_written_follows_links_and_goes_into_pipes(tmp_path):
    """Else a link would be replaced by a file, and `--output /dev/full` would lose the device."""
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_record_from_before_flops_were_counted_is_read_and_stays_as_it_is() -> None:
    older = json.loads(encode(make_record()))
    del older["cost"]["flops_per_token"]
    content = json.dumps(older, separators=(",", ":")).encode()
    record = decode(content, "old.json")
    assert isinstance(record, Record)
    assert record.cost.flops_per_token is None
    assert encode(record) == content


def test_a_record_from_before_splits_had_references_is_read_and_stays_as_it_is() -> None:
    old = json.loads(encode(make_record()))
    assert "split_references" not in old
    record = decode(json.dumps(old).encode(), "old.json")
    assert isinstance(record, Record)
    assert not record.split_references
    assert json.loads(encode(record)) == old
    known = {"val": {"chance": 0.5}}
    (new,) = [decode(encode(make_record(split_references=known)), "new.json")]
    assert new.split_references == known
