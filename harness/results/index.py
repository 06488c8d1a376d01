"""A disposable index of records, so that a board of many reads only the files that are new.

The records stay the truth. The index is one SQLite file for a folder of records, in the user's
cache and never beside the records. It knows a file as long as its times and its size are those
that it was read with; whatever is wrong with the index, the records are read instead.
"""

import gc
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import accumulate
from pathlib import Path

import msgspec

from recurbench.harness.results import record as records
from recurbench.harness.results import runs as parts
from recurbench.harness.results.archive import ENDING, read_file, walk
from recurbench.harness.results.folder import user_cache
from recurbench.harness.results.marks import Mark, is_fresh, mark_of
from recurbench.harness.results.record import Cost, Damaged, Scores, Status
from recurbench.harness.results.runs import Run, Setting, run_of

MANY = 2000
"""Records of a folder from which on an index pays."""

PACKED = 1000
"""Bytes that a record takes in an archive, roughly."""

WAIT = 1.0
"""Seconds to wait for another process that writes the index."""

TABLES = (
    "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, modified INTEGER, changed INTEGER, "
    "size INTEGER, runs BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS settings (id INTEGER PRIMARY KEY, content BLOB)",
)


class _Flat(msgspec.Struct, array_like=True, gc=False):
    """A run as the index has it, without its place and with its setting by an id."""

    setting: int
    run_id: str
    status: Status
    seed: int
    study: str | None
    finished: float
    scores: Scores
    cost: Cost | None
    failure: str | None


_FLATS = msgspec.json.Decoder(list[_Flat])
_SETTING = msgspec.json.Decoder(Setting)


def read_runs(folder: Path) -> Iterator[Run | Damaged]:
    """Reads what a board needs of every record below a folder, in the order of their paths."""
    paths = [entry.path for entry in walk(folder)]
    many = any(total >= MANY for total in accumulate(map(_weight, paths)))
    index = Index(place_of(folder) if many else None)
    start = len(os.path.join(folder, ""))
    for path in paths:
        yield from index.read(path, path[start:].encode(errors="surrogatepass"))
    index.save()


@contextmanager
def uncollected() -> Iterator[None]:
    """Does without a search for circles among objects: records are many, and have none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def place_of(folder: Path) -> Path | None:
    """The file of a folder's index in the user's cache; None where there is no home."""
    cache = user_cache()
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
    return cache and cache / "index" / f"{name}.sqlite"


class Index:
    """What is known of the files of a folder, and what was read since.

    Settings are kept once, however many runs have them.

    Args:
        path: its file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[bytes, tuple[Mark, bytes]] = {}
        self._read: dict[bytes, tuple[Mark, list[_Flat]]] = {}
        self._settings: dict[int, Setting] = {}
        self._ids: dict[bytes, int] = {}
        self._kept: set[int] = set()
        if path is not None and path.exists():
            try:
                self._load(path)
            except Exception as error:  # whatever is in it, the records are read instead
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                    self._path = None  # another process writes it
                else:
                    _discard(path)

    def read(self, path: str, name: bytes) -> list[Run | Damaged]:
        """The runs of a file or an archive, which is read only if it is not known.

        Args:
            path: of the file.
            name: its path in the folder.
        """
        mark = mark_of(path)
        known = self._known.get(name)
        if known is not None and known[0] == mark:
            try:
                flats = _FLATS.decode(known[1])
                runs: list[Run | Damaged] = [self._run(flat, path) for flat in flats]
            except (KeyError, TypeError, msgspec.DecodeError):
                pass  # a setting is missing, or this is no list of runs: the file is read
            else:
                del self._known[name]
                return runs
        flats = []
        read: list[Run | Damaged] = []
        for found in read_file(path):
            if isinstance(found, Damaged):
                read.append(found)
            else:
                flats.append(self._flat(run_of(found, path)))
                read.append(self._run(flats[-1], path))
        # What is damaged is read again the next time, and named again.
        whole = len(flats) == len(read)
        if self._path is not None and whole and mark is not None and not is_fresh(mark):
            self._read[name] = mark, flats
        return read

    def save(self) -> None:
        """Adds what was read and takes out what has gone, if the index can be written."""
        if self._path is not None and (self._read or self._known):
            with suppress(sqlite3.Error, OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with closing(_connect(self._path)) as database:
                    self._write(database)

    def _load(self, path: Path) -> None:
        with closing(_connect(path)) as database:
            database.execute("BEGIN")
            if _version(database) != _format():
                raise sqlite3.DatabaseError("of another version")
            settings = database.execute("SELECT id, content FROM settings").fetchall()
            files = database.execute("SELECT * FROM files").fetchall()
        known = {row[0]: (row[1:4], row[4]) for row in files}
        self._settings = {number: _SETTING.decode(content) for number, content in settings}
        self._ids = {content: number for number, content in settings}
        self._kept = set(self._settings)
        self._known = known

    def _write(self, database: sqlite3.Connection) -> None:
        database.execute("BEGIN IMMEDIATE")
        if _version(database) == 0:
            database.execute(f"PRAGMA user_version = {_format()}")
            for table in TABLES:
                database.execute(table)
        elif _version(database) != _format():
            return
        database.executemany("DELETE FROM files WHERE path = ?", [(name,) for name in self._known])
        added = [(n, content) for content, n in self._ids.items() if n not in self._kept]
        database.executemany("INSERT OR IGNORE INTO settings VALUES (?, ?)", added)
        rows = ((n, *mark, msgspec.json.encode(found)) for n, (mark, found) in self._read.items())
        database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("COMMIT")

    def _flat(self, run: Run) -> _Flat:
        content = msgspec.json.encode(run.setting)
        number = self._ids.get(content)
        if number is None:
            number = int.from_bytes(hashlib.sha256(content).digest()[:8], signed=True)
            self._ids[content] = number
            self._settings[number] = run.setting
        return _Flat(number, *(getattr(run, name) for name in _Flat.__struct_fields__[1:]))

    def _run(self, flat: _Flat, place: str) -> Run:
        return Run(
            setting=self._settings[flat.setting],
            run_id=flat.run_id,
            place=place,
            status=flat.status,
            seed=flat.seed,
            study=flat.study,
            finished=flat.finished,
            scores=flat.scores,
            cost=flat.cost,
            failure=flat.failure,
        )


def _format() -> int:
    """The version of what is in an index: a hash of the code that makes it."""
    files = (records.__file__, parts.__file__, __file__)
    sources = b"".join(Path(str(file)).read_bytes() for file in files)
    return int.from_bytes(hashlib.sha256(sources).digest()[:4]) >> 1 or 1


def _version(database: sqlite3.Connection) -> int:
    """The version of an index; 0 for one that is empty."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def _connect(path: Path) -> sqlite3.Connection:
    """Opens an index, whose transactions begin and end as they are told to."""
    return sqlite3.connect(path, timeout=WAIT, isolation_level=None)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _weight(path: str) -> int:
    """About how many records there are in a file."""
    if not path.endswith(ENDING):
        return 1
    mark = mark_of(path)
    return mark[2] // PACKED if mark else 0
