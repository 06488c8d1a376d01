"""From records to ranked entries: tracks, trials chosen on validation, seeds. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

from recurbench.harness.results.record import Record, identity


@dataclass(frozen=True)
class Entry:
    """A cell with its knobs, on one track.

    Attributes:
        rank: 1 for the best test score; None without a completed run.
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
        entries: best first, those without a completed run last.
        machines: the hardware and thread counts of its runs; times compare within one only.
        outdated: runs that are left out because the cell's code has changed since.
    """

    id: str
    task: str
    settings: dict[str, Any]
    metric: str | None
    higher_is_better: bool
    references: dict[str, float]
    entries: list[Entry]
    machines: list[str]
    outdated: int

    @property
    def tuned_unequally(self) -> bool:
        """Whether some entries had more trials than others."""
        return len({entry.trials for entry in self.entries if entry.seeds}) > 1


def build_tracks(records: Iterable[Record]) -> list[Track]:
    """Groups records by track and ranks each; tracks are sorted by task and id."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record["track"]["id"]].append(record)
    tracks = [_build_track(group) for group in groups.values()]
    return sorted(tracks, key=lambda track: (track.task, track.id))


def _build_track(runs: list[Record]) -> Track:
    current = _of_newest_code(runs)
    known = next((run for run in current if run["status"] == "completed"), None)
    primary: dict[str, Any] = (
        known["primary"] if known else {"name": None, "higher_is_better": True}
    )
    by_entry: dict[str, list[Record]] = defaultdict(list)
    for run in current:
        by_entry[run["entry"]["id"]].append(run)
    sign = -1 if primary["higher_is_better"] else 1
    entries = [_build_entry(group, primary["name"], sign) for group in by_entry.values()]
    settings = {key: value for key, value in runs[0]["track"].items() if key != "id"}
    return Track(
        id=runs[0]["track"]["id"],
        task=runs[0]["task"]["name"],
        settings=settings,
        metric=primary["name"],
        higher_is_better=primary["higher_is_better"],
        references=known["references"] if known else {},
        entries=_ranked(entries, sign),
        machines=sorted({_machine(run) for run in current}),
        outdated=len(runs) - len(current),
    )


def _of_newest_code(runs: list[Record]) -> list[Record]:
    """The runs of each entry's newest version: a seed must not count twice, or for other code."""
    newest: dict[str, Record] = {}
    for run in sorted(runs, key=lambda run: (run["finished_at"], run["run_id"])):
        newest[run["entry"]["id"]] = run
    versions = {entry: run["entry"]["version"] for entry, run in newest.items()}
    return [run for run in runs if run["entry"]["version"] == versions[run["entry"]["id"]]]


def _build_entry(runs: list[Record], metric: str | None, sign: int) -> Entry:
    """Chooses the trial by its mean validation score; the test score plays no part in it.

    Only trials with as many completed seeds as the most complete one are candidates, so that a
    setting which diverges on hard seeds does not win by its easy ones.
    """
    by_trial: dict[str, list[Record]] = defaultdict(list)
    for run in runs:
        by_trial[identity(run["optimizer"])].append(run)
    completed = {  # in an order that settles ties, whatever the order of the records
        trial: [run for run in by_trial[trial] if _has_score(run, metric)]
        for trial in sorted(by_trial)
    }
    facts: dict[str, Any] = {
        "label": runs[0]["entry"]["label"],
        "cell": runs[0]["cell"]["name"],
        "trials": len(by_trial),
        "failed": sum(not _has_score(run, metric) for run in runs),
    }
    most = max(len(group) for group in completed.values())
    if most == 0 or metric is None:
        return Entry(**facts)
    candidates = [group for group in completed.values() if len(group) == most]
    chosen = min(candidates, key=lambda group: sign * _mean(group, "val", metric))
    scores = [run["metrics"]["test"][metric] for run in chosen]
    cost = {key: [run["cost"][key] for run in chosen] for key in chosen[0]["cost"]}
    return Entry(
        **facts,
        val=_mean(chosen, "val", metric),
        test=fmean(scores),
        spread=stdev(scores) if len(scores) > 1 else None,
        seeds=len(chosen),
        parameters=cost["parameters"][0],
        state_size=cost["state_size"][0],
        train_seconds=fmean(cost["train_seconds"]),
        tokens_per_second=fmean(cost["tokens_per_second"]),
        peak_memory_bytes=max(cost["peak_memory_bytes"]),
        trial=chosen[0]["optimizer"],
    )


def _ranked(entries: list[Entry], sign: int) -> list[Entry]:
    """Best first; equal scores share a rank; entries without a score come last."""
    scored = [(sign * entry.test, entry) for entry in entries if entry.test is not None]
    scored.sort(key=lambda pair: (pair[0], pair[1].label))
    values = [value for value, _ in scored]
    ranked = [replace(entry, rank=values.index(value) + 1) for value, entry in scored]
    unscored = sorted((e for e in entries if e.test is None), key=lambda e: e.label)
    return ranked + unscored


def _has_score(run: Record, metric: str | None) -> bool:
    """Whether a run completed, and with finite scores; a record has null for others."""
    return run["status"] == "completed" and all(
        run["metrics"][split][metric] is not None for split in ("val", "test")
    )


def _mean(runs: list[Record], split: str, metric: str) -> float:
    return fmean(run["metrics"][split][metric] for run in runs)


def _machine(run: Record) -> str:
    where = run["environment"]
    return f"{where['hardware']}, {where['threads']} threads, {where['device']}"
