"""A run's record: its type, checked deeply, and its one JSON file."""

import codecs
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec

from recurbench.harness.results.faults import NOT_JSON, explain, not_json
from recurbench.harness.results.moments import moment
from recurbench.harness.results.writing import write_whole

SCHEMA_VERSION = 2

PROTOCOL = 2
"""Raised by hand when the harness itself gives another result for the same run: its training step,
the model around the cell, schedules, evaluation, random streams. Golden trajectories tell when."""

LARGEST = 64 << 20  # bytes of the largest file that is read as one record

Status = Literal["completed", "diverged", "failed", "out_of_memory", "timed_out", "killed"]
STATUSES: tuple[str, ...] = get_args(Status)

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A number of 64 bits: a larger one could be written, and no arithmetic of floats would take it."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # not negative

Amount = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
"""Seconds or a speed; nothing that was measured is larger."""

Option = bool | Integer | float | str | None
if TYPE_CHECKING:
    Section = dict[str, Any]  # whoever reads an option knows its type
else:
    Section = dict[str, Option | list[Option]]
Scores = dict[str, Integer | float | None]
"""Numbers by their names; null stands for one that is not finite."""


class Track(msgspec.Struct, kw_only=True, gc=False):
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


class Entry(msgspec.Struct, kw_only=True, gc=False):
    """A cell with the knobs that the user set; a hidden size that a budget solved is none."""

    id: str
    label: str


class Code(msgspec.Struct, kw_only=True, gc=False, frozen=True):
    """The versions of all code that determines a result: the harness's protocol, cell and task."""

    protocol: Count
    cell: str
    task: str


class Primary(msgspec.Struct, kw_only=True, gc=False):
    """The metric that ranks."""

    name: str
    higher_is_better: bool


class Cost(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """What a run cost; evaluation is not counted, and what is not known is left out.

    Attributes:
        peak_memory_bytes: of the whole process, libraries and evaluation too; on a GPU, torch's.
        training_memory_bytes: what training added at its peak; on a GPU, torch's peak of the run.
        saved_bytes: what the first step kept for its way back, parameters left out.
    """

    parameters: Count
    recurrent_parameters: Count
    state_size: Count
    steps: Count
    tokens: Count
    train_seconds: Amount
    tokens_per_second: Amount
    peak_memory_bytes: Count
    flops_per_token: Count | None = None
    training_memory_bytes: Count | None = None
    saved_bytes: Count | None = None


class Group(msgspec.Struct, kw_only=True, gc=False):
    """Parameters that were trained alike: their rate and weight decay, their number and names."""

    lr: float
    weight_decay: float
    parameters: Count
    names: list[str]


class Environment(msgspec.Struct, kw_only=True, gc=False):
    """Where a run happened."""

    recurbench: str
    python: str
    torch: str
    lightning: str
    cuda: str | None
    device: str
    hardware: str
    threads: Count
    precision: str
    host: str
    git_commit: str | None
    git_dirty: bool | None
    kernel: str | None = None
    """How the cells ran, where they have a choice of kernels; no part of what a run is."""

    devices: Count | msgspec.UnsetType = msgspec.UNSET
    """How many share the rows of a batch; left out where it is one."""


class Failure(msgspec.Struct, kw_only=True, gc=False):
    """The error that ended a run."""

    type: str
    message: str
    traceback: str


class Record(msgspec.Struct, kw_only=True, gc=False):
    """One run: what was asked for, what came out, what it cost and where it happened.

    Attributes:
        primary, cost: None for a run that failed before they were known.
        references, split_references: on test, and on other splits; older records know no others.
        overlap: the share of test to be expected among what was trained on, where it is known.
        groups: all parameters of the model, by how the optimizer treats them.
        metrics: by split, `val`, `test` and `test_<name>`, then by name.
        curve: points of `step`, `seconds`, `train/loss` and `val/<metric>`.
        study: the name that a sweep gives what belongs together.
        resumed_after, best_step: the last step before an interruption; whose weights were tested.
    """

    schema_version: Count = SCHEMA_VERSION
    run_id: str
    status: Status
    seed: Count
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
    groups: list[Group] | None = None
    primary: Primary | None
    references: Scores
    split_references: dict[str, Scores] | msgspec.UnsetType = msgspec.UNSET
    overlap: Annotated[float, msgspec.Meta(ge=0, le=1)] | msgspec.UnsetType = msgspec.UNSET
    metrics: dict[str, Scores]
    curve: list[Scores]
    cost: Cost | None
    environment: Environment
    logger: list[dict[str, str]]
    started_at: str
    finished_at: str
    resumed_after: Count | None = None
    best_step: Count | None = None
    error: Failure | None

    def __post_init__(self) -> None:
        """Checks what no single type says; msgspec names the record in front of the reason."""
        for name in ("cell", "task"):
            if not isinstance(getattr(self, name).get("name"), str):
                raise ValueError(f"{name}.name: expected str")
        for name in ("started_at", "finished_at"):
            try:
                moment(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: no time: {error}") from error
        if self.status == "completed":
            self._require_scores()

    def _require_scores(self) -> None:
        if self.primary is None or self.cost is None:
            raise ValueError("completed, but primary or cost is null")
        name = self.primary.name
        for split in ("val", "test"):
            if name not in self.metrics.get(split, {}):
                raise ValueError(f"completed, but metrics.{split} lacks {name}, its primary.name")

    @property
    def finished(self) -> float:
        """When it ended, in seconds since 1970."""
        return moment(self.finished_at).timestamp()

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
    canonical = json.dumps(parts, sort_keys=True, allow_nan=False).encode()
    return hashlib.sha256(canonical).hexdigest()[:12]


def encode(record: Record) -> bytes:
    """A record in one line of JSON; numbers that are not finite become null."""
    return msgspec.json.encode(record)


class _Version(msgspec.Struct):
    """Of a record, its schema alone; nothing else is looked at."""

    schema_version: Any = None


_VERSION = msgspec.json.Decoder(_Version)
_RECORD = msgspec.json.Decoder(Record)


def decode(content: bytes, path: str | Path) -> Record | Damaged:
    """The record that some JSON holds, or what is wrong with it, named by key; `path` is said."""
    content = content.removeprefix(codecs.BOM_UTF8)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Damaged(Path(path), "not JSON: this is UTF-16; save it as UTF-8")
    try:
        return _check_version(_RECORD.decode(content))
    except msgspec.ValidationError as error:
        return Damaged(Path(path), _other_version(content) or explain(error, content, Record))
    except NOT_JSON as error:
        return Damaged(Path(path), not_json(error, content))


def read(path: str | Path) -> Record | Damaged:
    """Reads one record, or says what is wrong with its file."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return Damaged(Path(path), "not a file")
        if found.st_size > LARGEST:
            return Damaged(Path(path), f"{found.st_size:,} bytes are too many for a record")
        return decode(Path(path).read_bytes(), path)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return Damaged(Path(path), getattr(error, "strerror", None) or str(error))


def write(path: Path, record: Record) -> None:
    """Writes a record so that a reader sees the old file or the whole new one, never a part."""
    write_whole(path, msgspec.json.format(encode(record), indent=1) + b"\n")


def _check_version(record: Record) -> Record:
    if record.schema_version != SCHEMA_VERSION:
        raise msgspec.ValidationError(_of_version(record.schema_version))
    return record


def _other_version(content: bytes) -> str | None:
    """Says so if the JSON is of another schema, whose keys need not be named."""
    try:
        version = _VERSION.decode(content).schema_version
    except msgspec.ValidationError as error:
        return "schema_version: " + str(error) if "$." in str(error) else "not a JSON object"
    except NOT_JSON as error:  # further on than the first fault
        return not_json(error, content)
    return None if version == SCHEMA_VERSION else _of_version(version)


def _of_version(version: Any) -> str:
    return f"schema_version {version}, not {SCHEMA_VERSION}"
