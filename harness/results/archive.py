"""Records by the folder: single files, and archives of many, `NAME.jsonl.gz`."""

import gzip
import io
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import msgspec

from recurbench.harness.results.record import Damaged, Record, decode, encode, read, write_whole
from recurbench.harness.results.runs import Run, run_of

ENDING = ".jsonl.gz"


def read_all(folder: Path) -> Iterator[Record | Damaged]:
    """Reads every record below a folder, in the order of their paths; archives line by line."""
    for path in _paths(folder):
        yield from _read_file(path)


def read_runs(folder: Path) -> Iterator[Run | Damaged]:
    """As `read_all`, but keeps of each record what a board needs."""
    for path in _paths(folder):
        for found in _read_file(path):
            yield run_of(found, str(path)) if isinstance(found, Record) else found


def read_archive(path: Path) -> Iterator[Record | Damaged]:
    """Reads the records of an archive; a line that holds none is damaged, and the others go on."""
    try:
        with gzip.open(path) as lines:
            for number, line in enumerate(lines, 1):
                found = decode(line, path)
                if isinstance(found, Damaged):
                    found = Damaged(path, f"line {number}: {found.reason}")
                yield found
    except (OSError, EOFError, zlib.error) as error:
        yield Damaged(path, f"no whole archive: {error}")


def write_archive(path: Path, records: Iterable[Record]) -> None:
    """Packs records, sorted; the same records give the same bytes, whenever and in what order."""
    ordered = sorted(records, key=lambda r: (r.task["name"], r.cell["name"], r.run_id))
    content = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=content, mode="wb", mtime=0) as file:
        for record in ordered:
            file.write(encode(record) + b"\n")
    write_whole(path, content.getvalue())


def read_chosen(chosen: Mapping[str, Collection[str]]) -> Iterator[Record]:
    """Reads the records of given run ids from given files, each file once.

    A record that has gone since, or that is damaged now, is left out.

    Args:
        chosen: run ids by the file or archive that holds their records.
    """
    for place, run_ids in sorted(chosen.items()):
        path = Path(place)
        if path.name.endswith(ENDING):
            found = _chosen_lines(path, frozenset(run_ids))
        else:
            found = iter([read(path)])
        for record in found:
            if isinstance(record, Record) and record.run_id in run_ids:
                yield record


class _Named(msgspec.Struct):
    """As much of a record as tells which one it is; reading it skips over the rest."""

    run_id: str


_NAMED = msgspec.json.Decoder(_Named)


def _chosen_lines(path: Path, run_ids: frozenset[str]) -> Iterator[Record | Damaged]:
    try:
        with gzip.open(path) as lines:
            for line in lines:
                with suppress(msgspec.DecodeError, RecursionError):
                    if _NAMED.decode(line).run_id in run_ids:
                        yield decode(line, path)
    except (OSError, EOFError, zlib.error):
        return


def _paths(folder: Path) -> list[Path]:
    return sorted([*folder.rglob("*.json"), *folder.rglob(f"*{ENDING}")])


def _read_file(path: Path) -> Iterator[Record | Damaged]:
    if path.name.endswith(ENDING):
        yield from read_archive(path)
    else:
        yield read(path)


def find_completed(folder: Path, path: Path, run_id: str) -> Record | None:
    """The record of a completed run: in its own file or else in an archive of a folder."""
    own = read(path)
    if isinstance(own, Record) and own.status == "completed":
        return own
    for archive in sorted(folder.rglob(f"*{ENDING}")):
        found = _by_run_id(archive, archive.stat().st_mtime_ns).get(run_id)
        if found is not None and found.status == "completed":
            return found
    return None


@lru_cache(maxsize=64)
def _by_run_id(archive: Path, changed: int) -> dict[str, Record]:
    """The records of an archive; read again only when it has changed."""
    records = (record for record in read_archive(archive) if isinstance(record, Record))
    return {record.run_id: record for record in records}


def find(folder: Path, prefix: str) -> dict[str, Record | Damaged]:
    """The records below a folder whose run id starts with a prefix, by run id; files win."""
    found: dict[str, Record | Damaged] = {}
    for path in sorted(folder.rglob(f"*{ENDING}")):
        for record in read_archive(path):
            if isinstance(record, Record) and record.run_id.startswith(prefix):
                found[record.run_id] = record
    for path in sorted(folder.rglob("*.json")):
        if path.stem.startswith(prefix):
            found[path.stem] = read(path)
    return found
