"""From records to ranked rows: tracks, trials chosen on validation, seeds. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

import msgspec

from recurbench.harness.results.record import PROTOCOL, Code, Cost, Record, digest


@dataclass(frozen=True)
class Row:
    """An entry, a cell with the knobs that were set, on one track and by one version of the code.

    Attributes:
        rank: 1 for the best test score; None without a completed run, or if `older`.
        code: the commits of its runs, as far as they are known.
        older: whether newer code has been run on this track since.
        label: the cell with the knobs that are not at their defaults.
        val: mean validation score of the chosen trial over its seeds.
        test: mean test score of the chosen trial over its seeds.
        spread: sample standard deviation of the test score over seeds; None for one seed.
        seeds: completed seeds of the chosen trial.
        trials: optimizer settings that were tried.
        failed: runs of all trials that did not complete with a finite score.
        train_seconds: mean over seeds; evaluation is not counted.
    """

    label: str
    cell: str
    trials: int
    failed: int
    code: list[str]
    older: bool = False
    rank: int | None = None
    val: float | None = None
    test: float | None = None
    spread: float | None = None
    seeds: int = 0
    parameters: int | None = None
    state_size: int | None = None
    train_seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    trial: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    """Runs that may be compared, ranked.

    Attributes:
        settings: what all its runs share: task, data, model, train, budget, precision.
        metric: the task's primary metric, None when no run got as far as to know it.
        references: scores that a result is to be read against.
        rows: best first, those without a completed run last.
        machines: the hardware and thread counts of its runs; times compare within one only.
        outdated: whether all of its runs are of an earlier protocol; today's would give others.
    """

    id: str
    task: str
    settings: dict[str, Any]
    metric: str | None
    higher_is_better: bool
    references: dict[str, float | None]
    rows: list[Row]
    machines: list[str]
    outdated: bool

    @property
    def tuned_unequally(self) -> bool:
        """Whether some entries had more trials than others."""
        return len({row.trials for row in self.rows if row.seeds and not row.older}) > 1


def build_tracks(records: Iterable[Record]) -> list[Track]:
    """Groups records by track and ranks each; tracks are sorted by task and id."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in _once(records):
        groups[record.track.id].append(record)
    tracks = [_build_track(group) for group in groups.values()]
    return sorted(tracks, key=lambda track: (track.task, track.id))


def _once(records: Iterable[Record]) -> Iterable[Record]:
    """One record per run: copies, as of a backup or of merged folders, count once.

    A completed one wins, then the latest; its place is that of the run's first.
    """
    found: dict[str, Record] = {}
    for record in records:
        known = found.get(record.run_id)
        if known is None or _standing(record) > _standing(known):
            found[record.run_id] = record
    return found.values()


def _standing(record: Record) -> tuple[bool, str]:
    return record.status == "completed", record.finished_at


def _build_track(runs: list[Record]) -> Track:
    aware = [run for run in runs if run.primary is not None]
    known = next((run for run in aware if run.status == "completed"), next(iter(aware), None))
    metric = known.primary.name if known and known.primary else None
    higher = known is None or known.primary is None or known.primary.higher_is_better
    sign = -1 if higher else 1
    groups: dict[tuple[str, Code], list[Record]] = defaultdict(list)
    for run in runs:
        groups[run.entry.id, run.code].append(run)
    older = _older(runs)
    rows = [_build_row(group, metric, sign, key in older) for key, group in groups.items()]
    settings = msgspec.to_builtins(runs[0].track)
    del settings["id"]
    return Track(
        id=runs[0].track.id,
        task=runs[0].task["name"],
        settings=settings,
        metric=metric,
        higher_is_better=higher,
        references=known.references if known else {},
        rows=_ranked(rows, sign),
        machines=sorted({_machine(run) for run in runs}),
        outdated=all(run.code.protocol < PROTOCOL for run in runs),
    )


def _older(runs: list[Record]) -> set[tuple[str, Code]]:
    """The entries and codes after which newer code has been run, of the same track or cell."""
    scored = [run for run in runs if _has_scores(run)]  # a failed run makes no other one older
    in_order = sorted(scored or runs, key=lambda run: (run.finished_at, run.run_id))
    shared = in_order[-1].code
    newest = {run.entry.id: run.code.cell for run in in_order}
    return {
        (run.entry.id, run.code)
        for run in runs
        if (run.code.protocol, run.code.task) != (shared.protocol, shared.task)
        or run.code.cell != newest.get(run.entry.id, run.code.cell)
    }


def _build_row(runs: list[Record], metric: str | None, sign: int, older: bool) -> Row:
    """Chooses the trial that is best on validation, on average over its seeds.

    Only trials with as many completed seeds as the most complete one are candidates, so that a
    setting which diverges on hard seeds does not win by its easy ones.
    """
    by_trial: dict[str, list[Record]] = defaultdict(list)
    for run in runs:
        by_trial[digest(run.optimizer)].append(run)
    completed = {  # in an order that settles ties, whatever the order of the records
        trial: [run for run in by_trial[trial] if _has_scores(run)] for trial in sorted(by_trial)
    }
    facts: dict[str, Any] = {
        "label": runs[0].entry.label,
        "cell": runs[0].cell["name"],
        "trials": len(by_trial),
        "failed": sum(not _has_scores(run) for run in runs),
        "code": sorted({run.environment.git_commit or "" for run in runs} - {""}),
        "older": older,
    }
    most = max(len(group) for group in completed.values())
    if most == 0 or metric is None:
        return Row(**facts)
    candidates = [group for group in completed.values() if len(group) == most]
    chosen = min(candidates, key=lambda group: sign * fmean(_scores(group, "val")))
    scores = _scores(chosen, "test")
    costs = [run.cost for run in chosen if run.cost is not None]
    return Row(
        **facts,
        val=fmean(_scores(chosen, "val")),
        test=fmean(scores),
        spread=stdev(scores) if len(scores) > 1 else None,
        seeds=len(chosen),
        **_costs(costs),
        trial=chosen[0].optimizer,
    )


def _costs(costs: list[Cost]) -> dict[str, Any]:
    """Sizes, which are the same for all seeds; times as means; memory at its peak."""
    return {
        "parameters": costs[0].parameters,
        "state_size": costs[0].state_size,
        "train_seconds": fmean(cost.train_seconds for cost in costs),
        "tokens_per_second": fmean(cost.tokens_per_second for cost in costs),
        "peak_memory_bytes": max(cost.peak_memory_bytes for cost in costs),
    }


def _ranked(rows: list[Row], sign: int) -> list[Row]:
    """Best first; equal scores share a rank; rows without a score come last.

    Rows of older code have no rank and stand where their score would.
    """
    scored = [(sign * row.test, row) for row in rows if row.test is not None]
    scored.sort(key=lambda pair: (pair[0], pair[1].older, pair[1].label))
    values = [value for value, row in scored if not row.older]
    ranked = [
        row if row.older else replace(row, rank=values.index(value) + 1) for value, row in scored
    ]
    unscored = sorted((row for row in rows if row.test is None), key=lambda row: row.label)
    return ranked + unscored


def _has_scores(run: Record) -> bool:
    """Whether a run completed, and with finite scores."""
    return run.score("val") is not None and run.score("test") is not None


def _scores(runs: list[Record], split: str) -> list[float]:
    return [score for run in runs if (score := run.score(split)) is not None]


def _machine(run: Record) -> str:
    where = run.environment
    return f"{where.hardware}, {where.threads} threads, {where.device}"
