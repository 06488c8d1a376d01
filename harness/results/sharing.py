"""Results of several folders in one, and a folder's records in archives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import (
    ENDING,
    by_run_id,
    order,
    packed,
    places,
    rank,
    read_archive,
    read_file,
    walk,
)
from recurbench.harness.results.folder import ResultsFolder, safe_name
from recurbench.harness.results.plain import plain
from recurbench.harness.results.record import Damaged, Record, read, write
from recurbench.harness.results.writing import write_whole

UNNAMED = "no-study"
"""The archive of records that belong to no study."""

Lines = dict[str, tuple[tuple[str, str, str], tuple[bool, float, bytes]]]
"""Of each run what an archive is sorted by, and the rank of its record, which ends in its line."""


@dataclass
class Merged:
    """What a merge did.

    Attributes:
        added: runs that were not there.
        same: records that were there already.
        different: runs of which another record was there, in words.
        damaged: what held no record.
    """

    added: int = 0
    same: int = 0
    different: list[str] = field(default_factory=list)
    damaged: list[Damaged] = field(default_factory=list)


def records_in(folder: Path) -> Path:
    """The records of a results folder; any other folder is one of records.

    Raises:
        UserError: there is none in it.
    """
    runs = ResultsFolder(folder).runs
    found = runs if runs.is_dir() else folder
    if next(walk(found), None) is None:
        raise UserError(f"{folder}: no records there; name a results folder, or one of records")
    return found


def merge(sources: Iterable[Path], into: ResultsFolder) -> Merged:
    """Adds the records of folders to a results folder; the folders stay as they are.

    Of different records of one run the completed one is kept, then the later one.

    Raises:
        UserError: a folder has no records or overlaps with the other one.
        OSError: the results folder cannot be written to.
    """
    folders = [records_in(source) for source in sources]
    for folder in folders:
        _require_apart(folder.resolve(), into.root.resolve())
    done = Merged()
    known = places(into.runs, "")
    for folder in folders:
        for entry in walk(folder):
            for found in read_file(entry.path):
                if isinstance(found, Damaged):
                    done.damaged.append(found)
                else:
                    _add(found, entry.path, into, known, done)
    return done


def pack(folder: Path, output: Path) -> Iterator[Path | Damaged]:
    """Packs the records of a folder by their studies, `STUDY.jsonl.gz`.

    What such an archive holds already stays in it. Of different records of one run the completed
    one is packed, then the later one.

    Returns:
        The archives that changed or are new, and what held no record.

    Raises:
        UserError: a file that would be replaced is no whole archive.
        OSError: the output cannot be written to.
    """
    studies: dict[str, Lines] = {}
    for entry in walk(folder):
        for found in read_file(entry.path):
            if isinstance(found, Damaged):
                yield found
            else:
                name = UNNAMED if found.study is None else safe_name(found.study)
                _keep(found, studies.setdefault(name, {}))
    for name, lines in sorted(studies.items()):
        path = output / f"{name}{ENDING}"
        before = b""
        if path.exists():
            before = path.read_bytes()
            for found in read_archive(path):
                if isinstance(found, Damaged):
                    raise UserError(f"{path}: {found.reason}; move it away, or mend it")
                _keep(found, lines)
        content = packed(line for _, (*_, line) in sorted(lines.values()))
        if content != before:
            write_whole(path, content)
            yield path


def _add(
    record: Record, place: str, into: ResultsFolder, known: dict[str, list[str]], done: Merged
) -> None:
    there = known.get(record.run_id, [])
    own = into.record(record.task["name"], record.cell["name"], record.run_id)
    found = [_read_one(Path(path), record.run_id) for path in there]
    whole = [other for other in found if other is not None]
    if record in whole:
        done.same += 1
        return
    best = max(whole, key=rank, default=None)
    kept = best is not None and rank(best) > rank(record)
    if not kept:
        files = [Path(path) for path in there if not path.endswith(ENDING)]
        write(files[0] if files else own, record)
        known.setdefault(record.run_id, [str(own)])
    if best is None:
        done.added += 1
    else:
        names = [name for name in record.__struct_fields__ if _differ(best, record, name)]
        title = f"{record.task['name']} · {record.entry.label} · seed {record.seed}"
        choice = "kept what was there" if kept else f"took that of {place}"
        done.different.append(
            f"{plain(record.run_id)} {plain(title)}: differs in {', '.join(names)}; {choice}"
        )


def _read_one(path: Path, run_id: str) -> Record | None:
    if path.name.endswith(ENDING):
        return by_run_id(path).get(run_id)
    found = read(path)
    return found if isinstance(found, Record) else None


def _differ(one: Record, other: Record, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _require_apart(folder: Path, other: Path) -> None:
    if folder.is_relative_to(other) or other.is_relative_to(folder):
        raise UserError(
            f"{folder} and {other} overlap: records stay where they are joined, so leave that "
            "folder out of those to be joined"
        )


def _keep(record: Record, lines: Lines) -> None:
    ranked = order(record), rank(record)
    other = lines.setdefault(record.run_id, ranked)
    if ranked[1] > other[1]:
        lines[record.run_id] = ranked
