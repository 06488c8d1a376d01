"""From runs to ranked entries: the tracks on which runs may be compared. Imports no torch."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from recurbench.harness.results.record import PROTOCOL, Code, Primary
from recurbench.harness.results.rows import Row, build_row
from recurbench.harness.results.runs import Run
from recurbench.harness.results.splits import measure_of
from recurbench.harness.results.statistics import (
    correlation,
    letters,
    rank_ranges,
    tell_apart,
)


@dataclass(frozen=True)
class Track:
    """Runs that may be compared, ranked.

    Attributes:
        settings: what all its runs share: task, data, model, train, budget, precision.
        metric: the task's primary metric, None when no run got as far as to know it.
        split: what ranks it: `test`, a further test split, or `length_area` (see `lengths`).
        lengths: of `test` and the longer splits, the shortest first; empty without any.
        overlap: the largest share of test to be expected among what a run was trained on; None
            where another split ranks.
        references: scores that a result on the split is to be read against.
        split_references: those of other splits; what one split has does not count on another.
        entries: best first, those without a completed run last.
        machines: the hardware and thread counts of its runs; times compare within one only.
        machine: the one that most entries' times are from.
        equal_tuning: whether all its ranked entries had the same trials, however many; a score says
            more of a cell the more of them it had.
        outdated: whether all of its runs are of an earlier protocol; today's would give others.
        paired: whether scores with the same seed were compared.
        correlation: of scores with the same seed; None if too few are known.
        inconsistent: runs that are left out, as they disagree in metric or direction.
        studies: the names of the studies that its runs belong to.
    """

    id: str
    task: str
    settings: dict[str, Any]
    metric: str | None
    higher_is_better: bool
    split: str
    lengths: dict[str, int]
    overlap: float | None
    references: dict[str, float | None]
    split_references: dict[str, dict[str, float | None]]
    entries: list[Row]
    machines: list[str]
    machine: str | None
    equal_tuning: bool
    outdated: bool
    paired: bool
    correlation: float | None
    inconsistent: int
    studies: list[str]

    @property
    def asked(self) -> str:
        """Its task as it is asked for: with the split that ranks, unless that is test."""
        split = "" if self.split == "test" else f"@{self.split.removeprefix('test_')}"
        return self.task + split

    @property
    def current(self) -> list[Row]:
        """The entries that have a score and are not of older code: those that are ranked."""
        return [row for row in self.entries if _is_current(row)]


def build_tracks(
    runs: Iterable[Run], *, paired: bool = False, splits: Mapping[str, str] | None = None
) -> list[Track]:
    """Groups runs by track and ranks each; tracks are sorted by task and id.

    Args:
        runs: in any order.
        paired: tell entries apart by the differences of scores with the same seed.
        splits: what ranks instead of `test`, by the ids of tracks (see `on_splits`).
    """
    others = splits or {}
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.setting.track.id].append(run)
    tracks = [
        _build_track(group, paired, others.get(name, "test")) for name, group in groups.items()
    ]
    return sorted(tracks, key=lambda track: (track.task, track.id))


def _build_track(found: list[Run], paired: bool, split: str) -> Track:
    primary = _usual_primary(found)
    runs = [run for run in found if run.setting.primary in (primary, None)]
    higher = primary is None or primary.higher_is_better
    groups: dict[tuple[str, Code], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.setting.entry.id, run.setting.code].append(run)
    older = _older(runs)
    measure = measure_of(runs, split)
    rows = [build_row(group, higher, measure, older=key in older) for key, group in groups.items()]
    first = runs[0].setting
    settings = msgspec.to_builtins(first.track)
    del settings["id"]
    known = (run for run in runs if run.setting.primary)
    latest = max(known, key=lambda run: (run.status == "completed", run.finished), default=None)
    ranked = [group for group, row in zip(groups.values(), rows, strict=True) if _is_current(row)]
    entries = _ranked(rows, higher, paired=paired)
    machines = Counter(row.machine for row in entries if row.machine)
    return Track(
        id=first.track.id,
        task=first.task,
        settings=settings,
        metric=primary.name if primary else None,
        higher_is_better=higher,
        split=split,
        lengths=dict(measure.lengths),
        overlap=None
        if split != "test"
        else max((run.setting.overlap for run in runs if run.setting.overlap), default=None),
        references=measure.references(latest.setting) if latest else {},
        split_references=measure.other_references(latest.setting) if latest else {},
        entries=entries,
        machines=sorted({run.setting.machine for run in runs}),
        machine=max(sorted(machines), key=machines.__getitem__, default=None),
        equal_tuning=len(set(map(_trials_of, ranked))) <= 1,
        outdated=all(run.setting.code.protocol < PROTOCOL for run in runs),
        paired=paired,
        correlation=correlation([row.scores for row in entries if _is_current(row)]),
        inconsistent=len(found) - len(runs),
        studies=sorted({run.study for run in runs if run.study}),
    )


def _is_current(row: Row) -> bool:
    return row.test is not None and not row.older


def _trials_of(runs: list[Run]) -> frozenset[str]:
    """The optimizer settings that an entry was tried with, whatever came of them."""
    return frozenset(run.setting.trial for run in runs)


def _usual_primary(runs: list[Run]) -> Primary | None:
    """The metric that most runs are judged by, completed ones first; None if none is known."""
    completed = [run for run in runs if run.status == "completed"]
    votes: Counter[tuple[str, bool]] = Counter()
    for primary in (run.setting.primary for run in completed or runs):
        if primary is not None:
            votes[primary.name, primary.higher_is_better] += 1
    if not votes:
        return None
    name, higher = max(sorted(votes), key=votes.__getitem__)
    return Primary(name=name, higher_is_better=higher)


def _older(runs: list[Run]) -> set[tuple[str, Code]]:
    """The entries and codes after which newer code has been run, of the same track or cell."""
    settings = {id(run.setting): run.setting for run in runs}.values()  # many runs share one
    versions = {(setting.entry.id, setting.code) for setting in settings}
    shared_by_all = len({(code.protocol, code.task) for _, code in versions}) == 1
    if shared_by_all and len(versions) == len({entry for entry, _ in versions}):
        return set()
    scored = [run for run in runs if run.scored]  # a failed run makes no other one older
    latest: dict[str, Run] = {}
    for run in scored or runs:
        other = latest.setdefault(run.setting.entry.id, run)
        if _moment(run) > _moment(other):
            latest[run.setting.entry.id] = run
    shared = max(latest.values(), key=_moment).setting.code
    newest = {entry: run.setting.code.cell for entry, run in latest.items()}
    return {
        (entry, code)
        for entry, code in versions
        if (code.protocol, code.task) != (shared.protocol, shared.task)
        or code.cell != newest.get(entry, code.cell)
    }


def _moment(run: Run) -> tuple[float, str]:
    return run.finished, run.run_id


def _ranked(rows: list[Row], higher: bool, *, paired: bool) -> list[Row]:
    """Best first, with ranks and letters; rows without a score come last.

    Rows of older code have neither and stand where their score would.
    """
    sign = -1 if higher else 1
    scored = [(sign * row.test, row) for row in rows if row.test is not None]
    in_order = [row for _, row in sorted(scored, key=lambda pair: (pair[0], *_tie(pair[1])))]
    current = [row for row in in_order if not row.older]
    different = tell_apart([row.scores for row in current], paired=paired)
    tested = sum(row.seeds > 1 for row in current) > 1
    marks = letters(different) if tested else [""] * len(current)
    ranks = iter(zip(rank_ranges(different), marks, strict=True))
    ranked = []
    for row in in_order:
        if not row.older:
            rank, ties = next(ranks)
            row = replace(row, rank=rank, ties=ties)
        ranked.append(row)
    return ranked + sorted((row for row in rows if row.test is None), key=_tie)


def _tie(row: Row) -> tuple[bool, str]:
    """The order of rows with one score: newer code first, then by label."""
    return row.older, row.label
