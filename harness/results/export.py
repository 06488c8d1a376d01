"""Leaderboards for other programs: CSV, JSON, LaTeX, and a line for each run. Imports no torch."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from recurbench.harness.results.board import Board, in_words
from recurbench.harness.results.page import as_html
from recurbench.harness.results.plain import LINE, latex, spreadsheet
from recurbench.harness.results.report import View, as_markdown, as_terminal, headed, lines
from recurbench.harness.results.rows import Row
from recurbench.harness.results.thresholds import in_csv
from recurbench.harness.results.tracks import Track

ENTRY = (
    "label", "cell", "hidden_size", "older", "rank_from", "rank_to", "ties", "val", "test",
    "interval_low", "interval_high", "seeds", "trials", "edge", "lr", "failed", "repeated",
    "parameters", "recurrent_parameters", "state_size", "flops_per_token", "train_seconds",
    "tokens_per_second", "peak_memory_bytes", "training_memory_bytes", "machine",
    "length_area", "length_area_low", "length_area_high",
)  # fmt: skip
TABLE = ("track", "task", "settings", "metric", "kind", *ENTRY, "split")
RUN = ("run_id", "seed", "val", "test", "machine", "commit", "record")


def as_csv(board: Board, view: View) -> str:
    """A line per entry and per reference, numbers in full."""
    rows = [row for track in board.tracks for row in track.entries]
    thresholds = dict.fromkeys(name for row in rows for name in in_csv(row))
    return to_csv((*TABLE, *thresholds), table(board))


def table(board: Board) -> list[dict[str, Any]]:
    """Entries and references by the columns of `TABLE`, and entries by those of thresholds."""
    found: list[dict[str, Any]] = []
    for track in board.tracks:
        shared = _shared(board, track)
        found += [shared | {"kind": "entry"} | _entry(row) for row in track.entries]
        found += [
            shared | {"kind": "reference", "label": name, "test": value}
            for name, value in track.references.items()
        ]
    return found


def as_runs(board: Board, view: View) -> str:
    """A line for each run of the chosen trials, in CSV, for people with their own plots."""
    found = [
        _shared(board, track) | {name: _entry(row)[name] for name in ("label", "cell", "lr")} | run
        for track in board.tracks
        for row in track.entries
        for run in row.runs
    ]
    return to_csv(
        ("track", "task", "settings", "metric", "label", "cell", "lr", "split", *RUN), found
    )


def as_json(board: Board, view: View) -> str:
    """All that is known of each track; an entry's rank is the range that the tests leave open."""
    tracks = [
        {"title": board.title(track), "distinct": board.distinct[track.id], **asdict(track)}
        for track in board.tracks
    ]
    studies = [asdict(study) for study in board.studies]
    found = {"common": board.common, "tracks": tracks, "studies": studies}
    return json.dumps(found, indent=1) + "\n"


def as_latex(board: Board, view: View) -> str:
    """A table for each track; they need the package booktabs."""
    return "\n".join(_latex(board, track, view) for track in board.tracks)


FORMATS: dict[str, Callable[[Board, View], str]] = {
    "terminal": as_terminal,
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": as_latex,
    "runs": as_runs,
    "html": as_html,
}
ENDINGS = {".md": "markdown", ".csv": "csv", ".json": "json", ".tex": "latex", ".txt": "terminal",
           ".html": "html"}  # fmt: skip


def _shared(board: Board, track: Track) -> dict[str, Any]:
    settings = " ".join(in_words(board.distinct[track.id]))
    return {
        "track": track.id, "task": track.task, "settings": settings, "metric": track.metric,
        "split": track.split,
    }  # fmt: skip


def _entry(row: Row) -> dict[str, Any]:
    first, last = row.rank or (None, None)
    low, high = row.interval or (None, None)
    area, around = row.length_area or (None, None)
    known: dict[str, Any] = {name: getattr(row, name) for name in ENTRY if hasattr(row, name)}
    return known | {
        "rank_from": first,
        "rank_to": last,
        "interval_low": low,
        "interval_high": high,
        "lr": row.trial.get("lr"),
        "failed": len(row.failures),
        "length_area": area,
        "length_area_low": around and around[0],
        "length_area_high": around and around[1],
        **in_csv(row),
    }


def to_csv(columns: Sequence[str], found: Iterable[dict[str, Any]]) -> str:
    """Lines by their columns; no text in them is a formula to a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for line in found:
        writer.writerow(
            {key: spreadsheet(v) if isinstance(v, str) else v for key, v in line.items()}
        )
    return buffer.getvalue()


def _latex(board: Board, track: Track, view: View) -> str:
    alignment = "".join("l" if column.left else "r" for column in view.columns)
    rows = [
        " & ".join(latex(column.heading) for column in headed(track, view)) + r" \\",
        r"\midrule",
    ]
    for line in lines(track, view):
        form = r"\textbf{%s}" if line.best else r"\emph{%s}" if line.aside else "%s"
        cells = (latex(cell.strip()) for cell in line.cells)
        rows.append(" & ".join(form % cell if cell else "" for cell in cells) + r" \\")
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex(board.title(track), LINE)}}}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
