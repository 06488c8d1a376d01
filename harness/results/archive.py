"""Records by the folder: single files, and archives of many, `NAME.jsonl.gz`."""

import gzip
import io
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import msgspec

from recurbench.harness.results.marks import Mark, is_fresh, mark_of
from recurbench.harness.results.record import (
    LARGEST,
    Damaged,
    Record,
    decode,
    encode,
    read,
)
from recurbench.harness.results.writing import write_whole

ENDING = ".jsonl.gz"


class _Named(msgspec.Struct):
    """Of a record, its name alone."""

    run_id: str


_NAME = msgspec.json.Decoder(_Named)


def walk(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    """The files and archives below a folder, in the order of their paths.

    Links to folders are not followed.
    """
    left = _entries(folder)
    while left:
        entry = left.pop()
        if entry.name.endswith((".json", ENDING)):
            yield entry
        if entry.is_dir(follow_symlinks=False):
            left += _entries(entry.path)


def read_all(folder: Path) -> Iterator[Record | Damaged]:
    """Reads every record below a folder, in the order of their paths; archives line by line."""
    for entry in walk(folder):
        yield from read_file(entry.path)


def read_file(path: str | Path) -> Iterator[Record | Damaged]:
    """The record of a file, or those of an archive."""
    if str(path).endswith(ENDING):
        yield from read_archive(path)
    else:
        yield read(path)


def read_archive(path: str | Path, holding: bytes = b"") -> Iterator[Record | Damaged]:
    """Reads the records of an archive; a line that holds none is damaged, and the others go on.

    Args:
        path: the archive.
        holding: only lines with these bytes are read.
    """
    try:
        for number, line in _lines(path):
            if holding in line:
                found = decode(line, path)
                if isinstance(found, Damaged):
                    found = Damaged(found.path, f"line {number}: {found.reason}")
                yield found
    except (OSError, EOFError, zlib.error) as error:
        yield Damaged(Path(path), f"no whole archive: {error}")


def write_archive(path: Path, records: Iterable[Record]) -> None:
    """Packs records, sorted; the same records give the same bytes, whenever and in what order."""
    write_whole(path, packed(encode(record) for record in sorted(records, key=order)))


def packed(lines: Iterable[bytes]) -> bytes:
    """The content of an archive; its header says neither when it was made nor how it was named."""
    content = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=content, mode="wb", mtime=0) as file:
        for line in lines:
            file.write(line + b"\n")
    return content.getvalue()


def order(record: Record) -> tuple[str, str, str]:
    """The order of records in an archive."""
    return record.task["name"], record.cell["name"], record.run_id


def read_chosen(chosen: Mapping[str, Collection[str]]) -> Iterator[Record]:
    """Reads the records of given run ids from given files, each file once.

    A record that has gone since, or that is damaged now, is left out.

    Args:
        chosen: run ids by the file or archive that holds their records.
    """
    for place, run_ids in sorted(chosen.items()):
        packed = place.endswith(ENDING)
        found = _chosen_lines(place, frozenset(run_ids)) if packed else iter([read(place)])
        for record in found:
            if isinstance(record, Record) and record.run_id in run_ids:
                yield record


def _chosen_lines(path: str, run_ids: frozenset[str]) -> Iterator[Record | Damaged]:
    with suppress(OSError, EOFError, zlib.error):
        for _, line in _lines(path):
            with suppress(msgspec.DecodeError, RecursionError):
                if _NAME.decode(line).run_id in run_ids:
                    yield decode(line, path)


def rank(record: Record) -> tuple[bool, float, bytes]:
    """Orders records of one run: the completed one is above, then the later one."""
    return record.status == "completed", record.finished, encode(record)


def find_completed(folder: Path, path: Path, run_id: str) -> Record | None:
    """The record of a completed run: in its own file or else in an archive of a folder."""
    own = read(path)
    if isinstance(own, Record) and own.status == "completed":
        return own
    for archive in archives(folder):
        found = by_run_id(archive).get(run_id)
        if found is not None and found.status == "completed":
            return found
    return None


def archives(folder: Path) -> list[Path]:
    """The archives below a folder, in the order of their paths.

    A folder in it is listed again only when it has changed: there may be very many records.
    """
    return sorted(map(Path, _archives(str(folder))), key=lambda path: path.parts)


def _archives(folder: str) -> Iterator[str]:
    mark = mark_of(folder)
    if mark is None:
        return
    listed = _listed.__wrapped__ if is_fresh(mark) else _listed
    own, folders = listed(folder, mark)
    yield from own
    for inner in folders:
        yield from _archives(inner)


@lru_cache(maxsize=10_000)
def _listed(folder: str, changed: Mark) -> tuple[list[str], list[str]]:
    """The archives and the folders in a folder; links to folders are left out."""
    entries = _entries(folder)
    return (
        [entry.path for entry in entries if entry.name.endswith(ENDING)],
        [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)],
    )


def by_run_id(archive: Path) -> dict[str, Record]:
    """The records of an archive; read again only when it has changed."""
    return _by_run_id(archive, archive.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _by_run_id(archive: Path, changed: int) -> dict[str, Record]:
    return best_of(record for record in read_archive(archive) if isinstance(record, Record))


def best_of(records: Iterable[Record]) -> dict[str, Record]:
    """One record of each run, by its id."""
    found: dict[str, Record] = {}
    for record in records:
        other = found.setdefault(record.run_id, record)
        if other is not record and rank(record) > rank(other):
            found[record.run_id] = record
    return found


def places(folder: Path, prefix: str) -> dict[str, list[str]]:
    """The files and archives in which the runs are whose id starts with a prefix, by the id.

    A file has the name of its run; of archives only the lines that may be meant are looked at.
    """
    found: dict[str, list[str]] = {}
    for entry in walk(folder):
        packed = entry.name.endswith(ENDING)
        names = _names(entry.path, prefix) if packed else [entry.name.removesuffix(".json")]
        for name in names:
            if name.startswith(prefix):
                found.setdefault(name, []).append(entry.path)
    return found


def read_places(paths: Iterable[str], run_id: str) -> Record | Damaged | None:
    """The record of a run from the files and archives that `places` names; None if it has gone."""
    found: list[Record | Damaged] = []
    for path in paths:
        if path.endswith(ENDING):
            lines = read_archive(path, _quoted(run_id))
            found += [r for r in lines if isinstance(r, Damaged) or r.run_id == run_id]
        else:
            found.append(read(path))
    whole = [record for record in found if isinstance(record, Record)]
    return max(whole, key=rank) if whole else next(iter(found), None)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """What is in a folder, last name first; nothing if it cannot be read."""
    try:
        with os.scandir(os.fspath(folder)) as found:
            return sorted(found, key=lambda entry: entry.name, reverse=True)
    except OSError:
        return []


def _lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """The lines of an archive with their numbers; a pipe is not waited for."""
    if not Path(path).is_file():
        raise OSError("not a file")
    with gzip.open(path) as file:
        number = 0
        while line := file.readline(LARGEST + 1):
            number += 1
            if len(line) > LARGEST:
                raise OSError(f"line {number}: {LARGEST:,} bytes are too many for a record")
            yield number, line


def _quoted(prefix: str) -> bytes:
    """How the id of a run begins in JSON."""
    return b'"' + prefix.encode(errors="surrogateescape")


def _names(path: str, prefix: str) -> Iterator[str]:
    """The ids in the lines of an archive that may start with a prefix; bad lines have none."""
    sought = _quoted(prefix)
    try:
        for _, line in _lines(path):
            if sought in line:
                try:
                    yield _NAME.decode(line).run_id
                except (msgspec.DecodeError, RecursionError):
                    continue
    except (OSError, EOFError, zlib.error):
        return
