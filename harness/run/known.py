"""Which data a task has, by what was read before, so that a completed run is passed over at once.

`known.sqlite` in a results folder has a row for each task, with its knobs, batch size and seed,
whose data was loaded: the fingerprint of the data, what a model must know of the task, and the
marks of the files that were read. A row is used as long as no mark has changed and all else from
which the data follows is as it was. Whatever is wrong with the file, data is loaded instead, and it
may be deleted at any time.

Only our own tasks are known. They read their files through Python, and where these lie follows from
their knobs and from `VARIABLES`; what a task of somebody else reads, and where, cannot be said.
"""

import hashlib
import json
import os
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec

from recurbench.harness.config.resolve import plugin_of
from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.model.encoders import resolve_encoder
from recurbench.harness.plugins.discovery import BUILT_IN
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.marks import Mark, mark_of
from recurbench.harness.run.identity import Identity
from recurbench.harness.run.prepare import Prepared, identity_of
from recurbench.harness.run.reads import library_folders
from recurbench.tasks.base import TaskSpec

VARIABLES = ("HOME", "RECURBENCH_DATA")
"""What of the environment decides which files our tasks read."""

WAIT = 1.0
"""Seconds to wait for another process that writes the file."""

TABLE = "CREATE TABLE IF NOT EXISTS data (key BLOB PRIMARY KEY, facts BLOB) WITHOUT ROWID"


class Facts(msgspec.Struct):
    """What loading the data of a task told.

    Attributes:
        fingerprint: of the data.
        spec: what a model must know of the task.
        files: the marks of what was read.
    """

    fingerprint: str
    spec: TaskSpec
    files: dict[str, Mark]


def known_run(config: Config) -> Identity | None:
    """The identity of a run, without its data or its model; None if they have to be looked at.

    Args:
        config: with all that can be left open still open.
    """
    facts = _read(_place(config), _key(config)) if _is_ours(config) else None
    if facts is None or any(mark_of(path) != mark for path, mark in facts.files.items()):
        return None
    with suppress(UserError):  # which is said where the model is built
        settled = replace(config, model=resolve_encoder(config.model, facts.spec))
        return identity_of(settled, facts.fingerprint)
    return None


def remember(prepared: Prepared) -> None:
    """Keeps what loading the data of a run told, if all of it will be known again."""
    config, files = prepared.config, prepared.reads
    known = {path: mark for path, mark in files.items() if mark is not None}
    fingerprint = prepared.identity.track.data
    if _is_ours(config) and len(known) == len(files) and fingerprint is not None:
        facts = Facts(fingerprint, prepared.task.spec, known)
        place, key = _place(config), _key(config)
        if _read(place, key) != facts:
            _write(place, key, facts)


def _is_ours(config: Config) -> bool:
    module: str = plugin_of(config, "task").cls.__module__
    return module.startswith(f"{BUILT_IN['task']}.")


def _place(config: Config) -> Path:
    return ResultsFolder(Path(config.results_dir)).known


def _key(config: Config) -> bytes:
    """A hash of all that decides which data a task has, but for the content of files."""
    task = plugin_of(config, "task")
    parts = [
        _format(),
        sys.version,
        [mark_of(folder) for folder in library_folders()],  # each that comes or goes changes them
        os.getcwd(),
        [os.environ.get(name) for name in VARIABLES],
        task.name,
        task.version,
        config.task,
        config.train.batch_size,
        config.seed,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


@cache
def _format() -> str:
    """The version of what is in the file: a hash of the code that makes it."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _read(place: Path, key: bytes) -> Facts | None:
    if not place.exists():
        return None
    with suppress(Exception), closing(_connect(place)) as database:  # whatever is in it
        found = database.execute("SELECT facts FROM data WHERE key = ?", (key,)).fetchone()
        return msgspec.json.decode(found[0], type=Facts) if found else None
    return None


def _write(place: Path, key: bytes, facts: Facts) -> None:
    """Adds a row; a file that holds something else is deleted, and made anew the next time."""
    try:
        with closing(_connect(place)) as database:
            database.execute(TABLE)
            row = key, msgspec.json.encode(facts)
            database.execute("INSERT OR REPLACE INTO data VALUES (?, ?)", row)
    except (OSError, UnicodeEncodeError):
        return
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            with suppress(OSError):
                place.unlink()


def _connect(place: Path) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=WAIT, isolation_level=None)
