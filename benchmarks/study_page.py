"""Writes the tables of docs/study.md from the records of the study.

    python benchmarks/study_page.py [RECORDS]

By default from results/reference/study.jsonl.gz; while a study is under way, from a folder of runs.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from recurbench.harness.results.archive import read_all, read_file
from recurbench.harness.results.moments import moment
from recurbench.harness.results.record import Record
from recurbench.harness.results.rows import Row
from recurbench.harness.results.runs import run_of
from recurbench.harness.results.tracks import Track, build_tracks

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "study.md"
ARCHIVE = ROOT / "results" / "reference" / "study.jsonl.gz"
STUDY = "study"
BEGIN, END = "<!-- written by benchmarks/study_page.py -->", "<!-- end -->"

LAST = 0.9
"""What a run gains after this share of its steps is what it was still improving by."""


def apart(rows: Sequence[Row]) -> list[Row]:
    """Entries that are all told apart from each other: the best one, and on down from there.

    Of two that cannot be told apart the better one is kept, so that there may be a larger set.
    """
    found: list[Row] = []
    for row in rows:
        if row.ties and not any(set(row.ties) & set(other.ties) for other in found):
            found.append(row)
    return found


def late_gain(record: Record) -> float:
    """By how much the best validation score rose in the last tenth of the steps, at least 0."""
    assert record.primary is not None
    key, sign = f"val/{record.primary.name}", 1 if record.primary.higher_is_better else -1
    scores = [
        (step, sign * score)
        for point in record.curve
        if (step := point.get("step")) is not None and (score := point.get(key)) is not None
    ]
    last = max(step for step, _ in scores)
    before = max(score for step, score in scores if step <= LAST * last)
    return max(score for _, score in scores) - before


def seconds(record: Record) -> float:
    """Wall time of a run, its evaluations included."""
    return record.finished - moment(record.started_at).timestamp()


def improving(row: Row, records: dict[str, Record]) -> int:
    """How many of an entry's chosen runs gained more, late, than half of its interval."""
    if row.interval is None:
        return 0
    low, high = row.interval
    return sum(late_gain(records[run["run_id"]]) > (high - low) / 2 for run in row.runs)


def summary(tracks: Sequence[Track], records: dict[str, Record]) -> Iterator[str]:
    """A line for each task: what the tests tell apart, and whether tuning and training sufficed."""
    yield (
        "| `experiment=` | steps | measure | references | best entry | told apart "
        "| rates at the edge | still improving | runs | hours of a core |"
    )
    yield "| --- | --: | --- | --- | --- | --: | --: | --: | --: | --: |"
    for track in tracks:
        rows = track.current
        mine = [record for record in records.values() if record.track.id == track.id]
        chosen = sum(len(row.runs) for row in rows)
        late = sum(improving(row, records) for row in rows)
        hours = sum(map(seconds, mine)) / 3600
        references = ", ".join(f"{name} {score:.4g}" for name, score in track.references.items())
        yield (
            f"| `study_{track.task}` | {track.settings['train']['max_steps']:,} | {track.metric} "
            f"| {references} | `{rows[0].label}` {figure(rows[0])} | {len(apart(rows))} "
            f"| {sum(row.edge for row in rows)} of {len(rows)} | {late} of {chosen} "
            f"| {len(mine):,} | {hours:.1f} |"
        )


def scores(tracks: Sequence[Track]) -> Iterator[str]:
    """A line for each entry with its mean test score on each task, and its letters."""
    yield "| entry | " + " | ".join(f"`{track.task}`" for track in tracks) + " |"
    yield "| --- |" + " --: |" * len(tracks)
    by_label: dict[str, dict[str, Row]] = {}
    for track in tracks:
        for row in track.current:
            by_label.setdefault(row.label, {})[track.id] = row
    for label, found in sorted(by_label.items()):
        here = (found.get(track.id) for track in tracks)
        cells = (f"{figure(row)} {row.ties}".strip() if row else "" for row in here)
        yield f"| `{label}` | " + " | ".join(cells) + " |"


def figure(row: Row) -> str:
    """A mean score, with half of its 95 % interval."""
    if row.test is None:
        return "failed"
    if row.interval is None:
        return f"{row.test:.4g}"
    low, high = row.interval
    return f"{row.test:.4g} ± {(high - low) / 2:.1g}"


def write(page: str, tracks: Sequence[Track], records: dict[str, Record]) -> str:
    """The page with its tables renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [*summary(tracks, records), "", *scores(tracks)]
    return "\n".join([before + BEGIN, "", *lines, "", END + after])


def read(source: Path) -> tuple[list[Track], dict[str, Record]]:
    """The study's tracks by their tasks' names, and its records by run id."""
    records_of = read_all if source.is_dir() else read_file
    found = [record for record in records_of(source) if isinstance(record, Record)]
    records = {record.run_id: record for record in found if record.study == STUDY}
    tracks = build_tracks(run_of(record, run_id) for run_id, record in records.items())
    return sorted(tracks, key=lambda track: track.task), records


def main() -> None:
    """Renews the page."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVE
    PAGE.write_text(write(PAGE.read_text("utf-8"), *read(source)), encoding="utf-8")


if __name__ == "__main__":
    main()
