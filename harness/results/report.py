"""Leaderboards as text: terminal, Markdown, CSV and JSON. Imports no torch."""

import csv
import io
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from recurbench.harness.results.tracks import Entry, Track

HEADINGS = (
    "rank", "cell", "parameters", "test", "seeds", "trials", "train time", "tokens/s", "failed",
)  # fmt: skip
LEFT_ALIGNED = {"cell"}


@dataclass(frozen=True)
class Row:
    """A line of a table: an entry, or a reference that entries are to be read against."""

    cells: tuple[str, ...]
    best: bool = False
    reference: bool = False


def rows(track: Track) -> list[Row]:
    """The table of a track, best first, each reference where its score would stand."""
    sign = -1 if track.higher_is_better else 1

    def place(score: float | None) -> float:
        return float("inf") if score is None else sign * score

    found: list[tuple[float, Row]] = []
    for entry in track.entries:
        found.append((place(entry.test), Row(_cells(entry, track), best=entry.rank == 1)))
    for name, value in track.references.items():
        cells = ("", name, "", _optional(value, ".4g"), "", "", "", "", "")
        found.append((place(value), Row(cells, reference=True)))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def _cells(entry: Entry, track: Track) -> tuple[str, ...]:
    fewest = min((other.trials for other in track.entries if other.seeds), default=entry.trials)
    return (
        _optional(entry.rank, "d"),
        entry.label,
        _optional(entry.parameters, ",d"),
        _score(entry),
        str(entry.seeds),
        f"{entry.trials}*" if entry.trials > fewest else str(entry.trials),
        f"{entry.train_seconds:.1f} s" if entry.train_seconds is not None else "-",
        _optional(entry.tokens_per_second, ",.0f"),
        str(entry.failed),
    )


def _score(entry: Entry) -> str:
    """Four significant digits, and the spread to the same place."""
    if entry.test is None:
        return "-"
    places = 3 - math.floor(math.log10(abs(entry.test))) if entry.test else 3
    places = min(max(places, 0), 12)
    spread = "" if entry.spread is None else f" ± {entry.spread:.{places}f}"
    return f"{entry.test:.{places}f}{spread}"


def _optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def title(track: Track) -> str:
    """The track's task, metric and its direction."""
    direction = "higher" if track.higher_is_better else "lower"
    return f"{track.task}: {track.metric or 'no completed run'}, {direction} is better"


def captions(track: Track) -> list[str]:
    """What all runs of the track share, and what a reader must know about the table."""
    shared = track.settings
    lines = [
        f"track {track.id}: {_options(shared['task'])}",
        f"{_options(shared['train'])}; {_options(shared['model'])}; "
        f"{_options(shared['budget'] | {'precision': shared['precision']})}",
        f"test: mean ± standard deviation over seeds; times on {'; '.join(track.machines)}",
    ]
    if len(track.machines) > 1:
        lines.append("train time and tokens/s come from different machines and do not compare")
    if track.outdated:
        lines.append(f"{track.outdated} runs are left out: their cell's code has changed since")
    if track.tuned_unequally:
        lines.append("* tuned with more trials than other entries of this track")
    return lines


def _options(section: dict[str, Any]) -> str:
    """Settings as they are written on the command line, without those that are off."""
    items = ((key, value) for key, value in section.items() if key != "name" and value is not None)
    return " ".join(
        f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in items
    )


def as_terminal(tracks: list[Track], to_file: bool = False) -> str:
    """Tables, with colour and in its width if the output is a terminal."""
    tables = [part for track in tracks for part in (_table(track), Text())]
    shown = sys.stdout.isatty() and not to_file
    width = shutil.get_terminal_size((120, 24)).columns if shown else 120
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=shown, width=width, emoji=False)
    console.print(Group(*tables))
    return buffer.getvalue().rstrip() + "\n"


def _table(track: Track) -> Table:
    table = Table(
        title=escape(title(track)),
        caption=escape("\n".join(captions(track))),
        title_justify="left",
        caption_justify="left",
    )
    for heading in HEADINGS:
        justify: Any = "left" if heading in LEFT_ALIGNED else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows(track):
        style = "bold" if row.best else "dim italic" if row.reference else None
        table.add_row(*map(escape, row.cells), style=style)
    return table


def as_markdown(tracks: list[Track]) -> str:
    """One table per track."""
    return "\n".join(line for track in tracks for line in _markdown(track))


def _markdown(track: Track) -> Iterator[str]:
    yield f"## {title(track)}\n"
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"| {' | '.join('---' if h in LEFT_ALIGNED else '--:' for h in HEADINGS)} |"
    for row in rows(track):
        mark = "**" if row.best else "*" if row.reference else ""
        cells = (cell.replace("|", "\\|") for cell in row.cells)
        yield f"| {' | '.join(f'{mark}{cell}{mark}' if cell else '' for cell in cells)} |"
    yield ""
    yield from (f"{line}  " for line in captions(track))
    yield ""


def as_csv(tracks: list[Track]) -> str:
    """A line per entry and per reference, numbers in full."""
    buffer = io.StringIO()
    columns = ["track", "task", "metric", "kind", *(k for k in _columns() if k != "trial")]
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for track in tracks:
        shared = {"track": track.id, "task": track.task, "metric": track.metric}
        for entry in track.entries:
            writer.writerow(shared | {"kind": "entry"} | asdict(entry))
        for name, value in track.references.items():
            writer.writerow(shared | {"kind": "reference", "label": name, "test": value})
    return buffer.getvalue()


def _columns() -> list[str]:
    return list(Entry.__dataclass_fields__)


def as_json(tracks: list[Track]) -> str:
    """All that is known of each track."""
    return json.dumps([asdict(track) for track in tracks], indent=1) + "\n"


FORMATS: dict[str, Callable[[list[Track]], str]] = {
    "terminal": as_terminal,
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
}
ENDINGS = {".md": "markdown", ".csv": "csv", ".json": "json"}
