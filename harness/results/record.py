"""A run's record: its type, checked deeply, and its one JSON file."""

import hashlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

SCHEMA_VERSION = 2

PROTOCOL = 1
"""Raised by hand when the harness itself gives another result for the same run: its training step,
the model around the cell, schedules, evaluation, random streams. Golden trajectories tell when."""

LARGEST = 64 << 20
"""Bytes of the largest file that is read as one record."""

Status = Literal["completed", "diverged", "failed", "out_of_memory", "timed_out", "killed"]
STATUSES: tuple[str, ...] = get_args(Status)

Section = dict[str, Any]
Scores = dict[str, int | float | None]
"""Numbers by their names; null stands for one that is not finite."""


class Track(msgspec.Struct, kw_only=True):
    """What must agree for two runs to be comparable.

    Attributes:
        id: a hash of the rest, as far as it is not at its first default.
        data: the fingerprint of the task's data; None when it could not be made.
        machine: hardware and threads of a run that is limited by seconds, else None.
    """

    id: str
    task: Section
    data: str | None
    model: Section
    train: Section
    budget: Section
    precision: str
    machine: Section | None = None


class Entry(msgspec.Struct, kw_only=True):
    """A cell with the knobs that the user set; a hidden size that a budget solved is none."""

    id: str
    label: str


class Code(msgspec.Struct, kw_only=True, frozen=True):
    """The versions of all code that determines a result: the harness's protocol, cell and task."""

    protocol: int
    cell: str
    task: str


class Primary(msgspec.Struct, kw_only=True):
    """The metric that ranks."""

    name: str
    higher_is_better: bool


class Cost(msgspec.Struct, kw_only=True):
    """What a run cost; evaluation is not counted."""

    parameters: int
    recurrent_parameters: int
    state_size: int
    steps: int
    tokens: int
    train_seconds: float
    tokens_per_second: float
    peak_memory_bytes: int


class Environment(msgspec.Struct, kw_only=True):
    """Where a run happened."""

    recurbench: str
    python: str
    torch: str
    lightning: str
    cuda: str | None
    device: str
    hardware: str
    threads: int
    precision: str
    host: str
    git_commit: str | None
    git_dirty: bool | None
    kernel: str | None = None
    """How the cells ran, where they have a choice of kernels; no part of what a run is."""


class Failure(msgspec.Struct, kw_only=True):
    """The error that ended a run."""

    type: str
    message: str
    traceback: str


class Record(msgspec.Struct, kw_only=True):
    """One run: what was asked for, what came out, what it cost and where it happened.

    Attributes:
        primary: None for a run that failed before it was known.
        cost: None for a run that failed before it was known.
        metrics: by split, `val`, `test` and `test_<name>`, then by name.
        curve: points of `step`, `seconds`, `train/loss` and `val/<metric>`.
        study: the name that a sweep gives what belongs together.
        resumed_after: the last step before the latest interruption, if there was one.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    status: Status
    seed: int
    study: str | None = None
    track: Track
    entry: Entry
    code: Code
    cell: Section
    task: Section
    model: Section
    optimizer: Section
    train: Section
    budget: Section
    primary: Primary | None
    references: Scores
    metrics: dict[str, Scores]
    curve: list[Scores]
    cost: Cost | None
    environment: Environment
    logger: list[dict[str, str]]
    started_at: str
    finished_at: str
    resumed_after: int | None = None
    error: Failure | None

    def __post_init__(self) -> None:
        """Checks what no single type says; msgspec names the record in front of the reason."""
        for name in ("cell", "task"):
            if not isinstance(getattr(self, name).get("name"), str):
                raise ValueError(f"{name} has no name")
        for moment in (self.started_at, self.finished_at):
            datetime.fromisoformat(moment)
        if self.status == "completed":
            self._require_scores()

    def _require_scores(self) -> None:
        if self.primary is None or self.cost is None:
            raise ValueError("completed, but primary or cost is null")
        for split in ("val", "test"):
            if self.primary.name not in self.metrics.get(split, {}):
                raise ValueError(f"completed, but metrics.{split} lacks {self.primary.name}")

    def score(self, split: str) -> float | None:
        """The primary metric on a split; None if the run did not get there or it is not finite."""
        if self.status != "completed" or self.primary is None:
            return None
        return self.metrics.get(split, {}).get(self.primary.name)


@dataclass(frozen=True)
class Damaged:
    """A file, or a line of an archive, that should hold a record and does not."""

    path: Path
    reason: str


def digest(parts: Any) -> str:
    """A short hash of plain values; the order of keys does not matter."""
    canonical = json.dumps(parts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def encode(record: Record) -> bytes:
    """A record in one line of JSON; numbers that are not finite become null."""
    return msgspec.json.encode(record)


_VERSION = msgspec.json.Decoder(dict[str, Any])
_RECORD = msgspec.json.Decoder(Record)


def decode(content: bytes, path: Path) -> Record | Damaged:
    """The record that some JSON holds, or what is wrong with it, named by key; `path` is said."""
    try:
        return _check_version(_RECORD.decode(content))
    except msgspec.ValidationError as error:
        return Damaged(path, _other_version(content) or _reason(error))
    except (msgspec.DecodeError, RecursionError) as error:
        return Damaged(path, f"not JSON: {error}")


def read(path: Path) -> Record | Damaged:
    """Reads one record, or says what is wrong with its file."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Damaged(path, "not a file")
        if found.st_size > LARGEST:
            return Damaged(path, f"{found.st_size:,} bytes are too many for a record")
        return decode(path.read_bytes(), path)
    except OSError as error:
        return Damaged(path, error.strerror or str(error))


def write(path: Path, record: Record) -> None:
    """Writes a record so that a reader sees the old file or the whole new one, never a part."""
    text = msgspec.json.format(encode(record), indent=1) + b"\n"
    write_whole(path, text)


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file at once, or leaves it as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private; records are to be shared
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _check_version(record: Record) -> Record:
    if record.schema_version != SCHEMA_VERSION:
        raise msgspec.ValidationError(_of_version(record.schema_version))
    return record


def _other_version(content: bytes) -> str | None:
    """Says so if the JSON is of another schema, whose keys need not be named."""
    try:
        version = _VERSION.decode(content).get("schema_version")
    except msgspec.ValidationError:
        return "not a JSON object"
    return None if version == SCHEMA_VERSION else _of_version(version)


def _of_version(version: Any) -> str:
    return f"schema_version {version}, not {SCHEMA_VERSION}"


def _reason(error: msgspec.ValidationError) -> str:
    """Key first, as in `cost.steps: expected int, got str`."""
    what, _, where = str(error).partition(" - at `$")
    what = what.replace("`", "")
    key = where.rstrip("`").removeprefix(".")
    return f"{key}: {what[0].lower()}{what[1:]}" if key else what[0].lower() + what[1:]
