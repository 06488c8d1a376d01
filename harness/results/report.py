"""Leaderboards as text: terminal, Markdown, CSV and JSON. Imports no torch."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from recurbench.harness.console import as_override, showable
from recurbench.harness.results.columns import COLUMNS
from recurbench.harness.results.tracks import Row, Track


@dataclass(frozen=True)
class Line:
    """A line of a table: a row of the track, or a reference that rows are to be read against."""

    cells: tuple[str, ...]
    best: bool = False
    reference: bool = False


def lines(track: Track) -> list[Line]:
    """The table of a track, best first, each reference where its score would stand."""
    sign = -1 if track.higher_is_better else 1

    def place(score: float | None) -> float:
        return float("inf") if score is None else sign * score

    found: list[tuple[float, Line]] = []
    for row in track.rows:
        cells = tuple(column.text(row, track) for column in COLUMNS)
        found.append((place(row.test), Line(cells, best=row.rank == 1)))
    for name, score in track.references.items():
        cells = tuple(column.of_reference(name, score) for column in COLUMNS)
        found.append((place(score), Line(cells, reference=True)))
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]


def title(track: Track) -> str:
    """The track's task, metric and its direction."""
    direction = "higher" if track.higher_is_better else "lower"
    return f"{track.task}: {track.metric or 'no completed run'}, {direction} is better"


def captions(track: Track) -> list[str]:
    """What all runs of the track share, and what a reader must know about the table."""
    shared = track.settings
    said = [
        f"track {track.id}: {_options(shared['task'])}",
        f"{_options(shared['train'])}; {_options(shared['model'])}; "
        f"{_options(shared['budget'] | {'precision': shared['precision']})}",
        f"test: mean ± standard deviation over seeds; times on {'; '.join(track.machines)}",
    ]
    if len(track.machines) > 1:
        said.append("train time and tokens/s come from different machines and do not compare")
    if track.outdated:
        commits = sorted({commit[:7] for row in track.rows for commit in row.code})
        said.append(f"of older code (commit {', '.join(commits)}): today's gives other scores")
    if any(row.older for row in track.rows):
        said.append("older code: newer code has been run since; not ranked")
    if track.tuned_unequally:
        said.append("* tuned with more trials than other entries of this track")
    return said


def _options(section: dict[str, Any]) -> str:
    """Settings as they are written on the command line, without those that are off."""
    items = ((key, value) for key, value in section.items() if key != "name" and value is not None)
    return " ".join(f"{key}={as_override(value)}" for key, value in items)


def as_terminal(tracks: list[Track], to_file: bool = False) -> str:
    """Tables, with colour and in its width if the output is a terminal."""
    plain = str if to_file else showable
    tables = [part for track in tracks for part in (_table(track, plain), Text())]
    on_terminal = sys.stdout.isatty() and not to_file
    width = shutil.get_terminal_size((120, 24)).columns if on_terminal else 120
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=on_terminal, width=width, emoji=False)
    console.print(Group(*tables))
    return buffer.getvalue().rstrip() + "\n"


def _table(track: Track, plain: Callable[[str], str]) -> Table:
    """A table of a track, in signs that `plain` leaves as they are."""
    frame = box.HEAVY_HEAD
    table = Table(
        title=escape(plain(title(track))),
        caption=escape(plain("\n".join(captions(track)))),
        box=frame if plain(str(frame)) == str(frame) else box.ASCII,
        title_justify="left",
        caption_justify="left",
    )
    for column in COLUMNS:
        justify: Any = "left" if column.left else "right"
        table.add_column(column.heading, justify=justify, overflow="fold")
    for line in lines(track):
        style = "bold" if line.best else "dim italic" if line.reference else None
        table.add_row(*(escape(plain(cell)) for cell in line.cells), style=style)
    return table


def as_markdown(tracks: list[Track]) -> str:
    """One table per track."""
    return "\n".join(line for track in tracks for line in _markdown(track))


def _markdown(track: Track) -> Iterator[str]:
    yield f"## {title(track)}\n"
    yield f"| {' | '.join(column.heading for column in COLUMNS)} |"
    yield f"| {' | '.join('---' if column.left else '--:' for column in COLUMNS)} |"
    for line in lines(track):
        mark = "**" if line.best else "*" if line.reference else ""
        cells = (cell.replace("|", "\\|") for cell in line.cells)
        yield f"| {' | '.join(f'{mark}{cell}{mark}' if cell else '' for cell in cells)} |"
    yield ""
    yield from (f"{line}  " for line in captions(track))
    yield ""


def as_csv(tracks: list[Track]) -> str:
    """A line per entry and per reference, numbers in full."""
    buffer = io.StringIO()
    facts = (name for name in Row.__dataclass_fields__ if name not in ("trial", "code"))
    columns = ["track", "task", "metric", "kind", *facts]
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for track in tracks:
        shared = {"track": track.id, "task": track.task, "metric": track.metric}
        for row in track.rows:
            writer.writerow(shared | {"kind": "entry"} | asdict(row))
        for name, value in track.references.items():
            writer.writerow(shared | {"kind": "reference", "label": name, "test": value})
    return buffer.getvalue()


def as_json(tracks: list[Track]) -> str:
    """All that is known of each track."""
    return json.dumps([asdict(track) for track in tracks], indent=1) + "\n"


FORMATS: dict[str, Callable[[list[Track]], str]] = {
    "terminal": as_terminal,
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
}
ENDINGS = {"": "terminal", ".txt": "terminal", ".md": "markdown", ".csv": "csv", ".json": "json"}
