"""What the page shows, as plain values: tracks, their rows, curves, runs and studies.

Numbers have seven significant digits, those that are not finite are null, and every text is one
line without hidden characters. Of a record's file only its name is given, as its folder is nobody's
business.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recurbench import __version__
from recurbench.harness.console import as_override
from recurbench.harness.results.archive import read_chosen
from recurbench.harness.results.board import Board
from recurbench.harness.results.captions import captions
from recurbench.harness.results.page.curves import curve_of, points_for
from recurbench.harness.results.plain import plain
from recurbench.harness.results.probes import Probe, probes_of
from recurbench.harness.results.record import Record
from recurbench.harness.results.rows import Row
from recurbench.harness.results.studies import THRESHOLDS, Study
from recurbench.harness.results.summary import track_names
from recurbench.harness.results.tracks import Track

Curves = dict[str, dict[str, Any] | None]
Details = dict[str, dict[str, Any]]
"""What a row does not know of its runs, by their ids."""
Probes = dict[str, list[Probe]]

DIGITS = 7
LONGEST = 1000
"""Characters of a text, such as the options of a run; names are cut as everywhere."""

COSTS = (
    "parameters", "recurrent_parameters", "state_size", "flops_per_token", "train_seconds",
    "tokens_per_second", "training_memory_bytes",
)  # fmt: skip
AS_THEY_ARE = (
    "cell", "hidden_size", "older", "rank", "ties", "val", "test", "interval", "seeds",
    "splits", "length_area", "trials", "edge", "left_out", "repeated", "machine", *COSTS,
)  # fmt: skip


def page_data(board: Board) -> dict[str, Any]:
    """All that the page shows of a board; reads the records of the runs that count."""
    details, curves, probes, points = _read(board)
    tracks = [_track(board, track, details, curves, probes) for track in board.tracks]
    found: dict[str, Any] = clean(
        {
            "version": __version__,
            "shared": board.shared,
            "points": points,
            "thresholds": THRESHOLDS,
            "tracks": tracks,
            "studies": [_study(board, study) for study in board.studies],
        }
    )
    return found


def clean(value: Any) -> Any:
    """Plain values with nothing in them that a page could stumble over."""
    if isinstance(value, str):
        return plain(value[:LONGEST])
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(name): clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def _read(board: Board) -> tuple[Details, Curves, Probes, int]:
    """Details, curves and probes of all runs that count, each file read once."""
    chosen = board.files()
    points = points_for(sum(map(len, chosen.values())))
    details: Details = {}
    curves: Curves = {}
    probes: Probes = {}
    for record in read_chosen(chosen):
        details[record.run_id] = _details(record)
        curves[record.run_id] = curve_of(record, points)
        probes[record.run_id] = probes_of(board.probes, record)
    return details, curves, probes, points


def _details(record: Record) -> dict[str, Any]:
    cost = record.cost
    return {
        "finished": record.finished_at[:16].replace("T", " "),
        "code": f"protocol {record.code.protocol}, cell {record.code.cell[:12]}, "
        f"task {record.code.task[:12]}",
        "dirty": record.environment.git_dirty,
        "seconds": cost and cost.train_seconds,
        "speed": cost and cost.tokens_per_second,
        "memory": cost and cost.training_memory_bytes,
        "resumed": record.resumed_after,
        "cell": _options(record.cell),
    }


def _track(
    board: Board, track: Track, details: Details, curves: Curves, probes: Probes
) -> dict[str, Any]:
    rows = [_row(row, track, details, curves) | _probed(row, probes) for row in track.entries]
    return {
        "id": track.id,
        "task": track.task,
        "name": board.name(track),
        "metric": track.metric,
        "split": track.split,
        "lengths": track.lengths,
        "higher": track.higher_is_better,
        "references": {
            split: {name: score for name, score in known.items() if score is not None}
            for split, known in {track.split: track.references, **track.split_references}.items()
        },
        "settings": {
            section: said
            for section, options in track.settings.items()
            if (said := _options(options) if isinstance(options, dict) else str(options or ""))
        },
        "captions": captions(board, track),
        "studies": track.studies,
        "machine": track.machine,
        "machines": track.machines,
        "rows": rows,
        "provenance": _provenance(track, details),
    }


def _row(row: Row, track: Track, details: Details, curves: Curves) -> dict[str, Any]:
    fewest = min((other.trials for other in track.current), default=row.trials)
    return {name: getattr(row, name) for name in AS_THEY_ARE} | {
        "label": plain(row.label),
        "more": row.trials > fewest,
        "setting": _options(row.trial),
        "tried": [trial | {"setting": _options(trial["setting"]), "lr": _rate(trial)}
                  for trial in row.tried],
        "failures": [failure | {"trial": _options(failure["trial"]), "record": _file(failure)}
                     for failure in row.failures],
        "runs": [run | {"record": _file(run)} | details.get(run["run_id"], {})
                 for run in row.runs],
        "curves": _curves([curves.get(run["run_id"]) for run in row.runs]),
    }  # fmt: skip


def _probed(row: Row, probes: Probes) -> dict[str, Any]:
    """What was probed of an entry's cell or runs, each once; nothing without a probe."""
    found = {
        probe.title: probe.figures for run in row.runs for probe in probes.get(run["run_id"], [])
    }
    return {"probes": list(found.items())} if found else {}


def _curves(found: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """Those of an entry's seeds; steps that are the first one's are not said again."""
    known = [curve for curve in found if curve is not None]
    return known[:1] + [
        {name: None if name == "step" and column == known[0][name] else column
         for name, column in curve.items()}
        for curve in known[1:]
    ]  # fmt: skip


def _provenance(track: Track, details: Details) -> list[tuple[str, str]]:
    """Where a track's scores come from, as pairs of a name and what is said of it."""
    runs = [run for row in track.entries for run in row.runs]
    known = [details[run["run_id"]] for run in runs if run["run_id"] in details]
    finished = sorted(one["finished"] for one in known)
    commits = {(run["commit"] or "unknown")[:12] for run in runs}
    versions: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for name, version in run["versions"].items():
            if version:
                versions[name].add(version)
    in_all = sum(
        trial["seeds"] + trial["failed"] for row in track.entries for trial in row.tried
    ) + sum(row.repeated for row in track.entries)
    failed = sum(len(row.failures) for row in track.entries)
    facts = {
        "track": track.id,
        "records": f"{in_all + track.inconsistent} in all; {len(runs)} behind the scores, "
        f"{failed} without a score",
        "finished": " to ".join(dict.fromkeys([*finished[:1], *finished[-1:]])),
        "commit": ", ".join(sorted(commits)),
        "code": "; ".join(sorted({one["code"].partition(", cell")[0] for one in known})),
        "changed since the commit": f"{sum(bool(one['dirty']) for one in known)} runs",
        "hardware": "; ".join(track.machines),
        **{name: ", ".join(sorted(found)) for name, found in versions.items()},
    }
    return [(name, said) for name, said in facts.items() if said]


def _study(board: Board, study: Study) -> dict[str, Any]:
    """A study whose tables and pairs name entries and tracks by their places."""
    place = {standing.label: number for number, standing in enumerate(study.standings)}
    tracks = [scale.track for scale in study.scales]
    return {
        "name": study.name,
        "tracks": [
            {"id": scale.track, "name": name, "zero": scale.zero, "one": scale.one}
            for scale, name in zip(study.scales, track_names(board, study), strict=True)
        ],
        "left_out": study.left_out,
        "standings": [
            {
                name: value
                for name, value in asdict(standing).items()
                if name not in ("runs", "scores", "missing")
            }
            | {"label": plain(standing.label)}
            | {"scores": [standing.scores.get(track) for track in tracks]}
            for standing in study.standings
        ],
        "cd": study.critical_difference,
        "groups": [[place[label] for label in group] for group in study.groups],
        "improvement": [
            [place[one], place[other], round(share, 3), round(low, 3), round(high, 3)]
            for one, other, share, (low, high) in study.improvement
        ],
    }


def _options(options: Mapping[str, Any]) -> str:
    """Options as they are written on the command line, without those that are off."""
    return " ".join(
        f"{name}={as_override(value)}" for name, value in options.items() if value is not None
    )


def _rate(trial: Mapping[str, Any]) -> float | None:
    rate = trial["setting"].get("lr")
    return float(rate) if isinstance(rate, int | float) else None


def _file(run: Mapping[str, Any]) -> str:
    return Path(run["record"]).name
