"""Run records: what identifies a run, and its one JSON file. Imports no part of torch."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
STATUSES = ("completed", "diverged", "failed", "out_of_memory", "timed_out")

Record = dict[str, Any]

REQUIRED = (
    "schema_version", "run_id", "status", "seed", "track", "entry", "cell", "task", "model",
    "optimizer", "train", "budget", "primary", "references", "metrics", "curve", "cost",
    "environment", "logger", "started_at", "finished_at", "error",
)  # fmt: skip
OBJECTS = (
    "track", "entry", "cell", "task", "model", "optimizer", "train", "budget", "references",
    "metrics", "cost", "environment",
)  # fmt: skip


@dataclass(frozen=True)
class Damaged:
    """A file that should hold a record and does not."""

    path: Path
    reason: str


def identity(parts: Any) -> str:
    """A short hash of plain values; the order of keys does not matter."""
    canonical = json.dumps(parts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def runs_dir(results_dir: str | Path) -> Path:
    """Where the records of a results folder are."""
    return Path(results_dir) / "runs"


def record_path(results_dir: str | Path, task: str, cell: str, run_id: str) -> Path:
    """Where the record of a run is."""
    return runs_dir(results_dir) / task / cell / f"{run_id}.json"


def write(path: Path, record: Record) -> None:
    """Writes a record so that a reader sees the old file or the whole new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_plain(record), file, indent=1, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private; records are to be shared
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def make_writable(folder: Path) -> None:
    """Makes a folder and proves that files can be written there; root's permissions say little.

    Raises:
        OSError: they cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def read(path: Path) -> Record | Damaged:
    """Reads one record, or says what is wrong with its file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return Damaged(path, error.strerror or str(error))
    except (ValueError, RecursionError) as error:
        return Damaged(path, f"not JSON: {error}")
    if not isinstance(record, dict):
        return Damaged(path, "not a JSON object")
    if record.get("schema_version") != SCHEMA_VERSION:
        return Damaged(path, f"schema_version {record.get('schema_version')}, not {SCHEMA_VERSION}")
    missing = [key for key in REQUIRED if key not in record]
    if missing:
        return Damaged(path, f"lacks {', '.join(missing)}")
    for key in OBJECTS:
        if not isinstance(record[key], dict):
            return Damaged(path, f"{key} is not an object")
    if record["status"] not in STATUSES:
        return Damaged(path, f"unknown status {record['status']!r}")
    return record


def read_all(folder: Path) -> Iterator[Record | Damaged]:
    """Reads every record below a folder, in the order of their paths."""
    for path in sorted(folder.rglob("*.json")):
        yield read(path)


def find(folder: Path, prefix: str) -> list[Path]:
    """The record files below a folder whose run id starts with a prefix."""
    return sorted(path for path in folder.rglob("*.json") if path.stem.startswith(prefix))


def _plain(value: Any) -> Any:
    """The value with numbers that JSON cannot hold (a loss that overflowed) as null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
