"""The row of an entry on a track: its chosen trial, its scores and what they cost."""

from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from recurbench.harness.results.record import Cost
from recurbench.harness.results.runs import Run
from recurbench.harness.results.selection import Trial, at_edge, choose, count, incomplete
from recurbench.harness.results.splits import Measure, over_seeds
from recurbench.harness.results.statistics import Interval, Seeded


@dataclass(frozen=True)
class Row:
    """An entry, a cell with the knobs that were set, on one track and by one version of the code.

    Attributes:
        label: the cell with the knobs that are not at their defaults.
        hidden_size: of its runs; a budget may have solved it.
        older: whether newer code has been run on this track since; then it has no rank.
        rank: the best and the worst rank that the tests leave open; None without a score.
        ties: letters; rows that share one cannot be told apart. Empty if nothing was tested.
        val: mean validation score of the chosen trial over its seeds.
        test: mean score of the chosen trial over its seeds, on the test split that ranks; None
            unless all its seeds have one.
        interval: the 95 % interval of `test`; None for one seed.
        seeds: completed seeds of the chosen trial.
        splits: mean and interval of the test splits that do not rank, by their names.
        length_area: mean and interval of the area below the length curve (see `lengths`).
        reached: how soon each threshold that was asked for was reached (see `thresholds`).
        trial: the chosen optimizer setting.
        trials: optimizer settings that were tried.
        edge: whether the chosen rate is at the edge of those that were tried.
        tried: all trials, by their rate.
        left_out: trials that had too few completed seeds to be chosen, in words.
        runs: those of the chosen trial, by seed.
        repeated: runs that are not counted, as another with their seed is.
        failures: runs of all trials that did not complete with a finite score.
        train_seconds: mean over seeds; evaluation is not counted.
        machine: what `train_seconds`, `tokens_per_second` and memory were measured on;
            None if the seeds ran on several, which do not compare.
    """

    label: str
    cell: str
    hidden_size: int | None
    older: bool = False
    rank: tuple[int, int] | None = None
    ties: str = ""
    val: float | None = None
    test: float | None = None
    interval: Interval | None = None
    seeds: int = 0
    splits: dict[str, tuple[float, Interval | None]] = field(default_factory=dict)
    length_area: tuple[float, Interval | None] | None = None
    reached: dict[str, dict[str, Any]] = field(default_factory=dict)
    trial: dict[str, Any] = field(default_factory=dict)
    trials: int = 0
    edge: bool = False
    tried: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    repeated: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    parameters: int | None = None
    recurrent_parameters: int | None = None
    state_size: int | None = None
    flops_per_token: int | None = None
    train_seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    training_memory_bytes: int | None = None
    machine: str | None = None

    @property
    def scores(self) -> Seeded:
        """The scores that rank, by seed."""
        return {run["seed"]: run["test"] for run in self.runs}


def build_row(runs: list[Run], higher: bool, measure: Measure, *, older: bool) -> Row:
    """The row of an entry's runs by one version of the code; it has no rank yet."""
    counted = count(runs)
    trials = counted.trials
    chosen = choose(trials, higher_is_better=higher)
    first = (chosen.runs[0] if chosen else runs[0]).setting
    size = first.cell.get("hidden_size")
    row = Row(
        label=first.entry.label,
        cell=first.cell["name"],
        hidden_size=size if isinstance(size, int) else None,
        older=older,
        trials=len(trials),
        tried=[_trial(trial, chosen, measure) for trial in trials],
        repeated=counted.repeated,
        failures=[_failure(run) for trial in trials for run in trial.failed],
    )
    return row if chosen is None else _scored(row, trials, chosen, measure)


def _scored(row: Row, trials: list[Trial], chosen: Trial, measure: Measure) -> Row:
    """A row with the scores and the costs of the chosen trial."""
    runs = chosen.runs
    test = over_seeds([measure.score(run) for run in runs])
    return replace(
        row,
        val=chosen.val,
        test=test[0] if test else None,
        interval=test[1] if test else None,
        seeds=len(runs),
        splits=_other_splits(runs, measure.split),
        length_area=over_seeds([measure.area(run) for run in runs]),
        trial=chosen.setting,
        edge=at_edge(trials, chosen),
        left_out=[_in_words(trial, chosen) for trial in incomplete(trials, chosen)],
        runs=[_run(run, measure) for run in runs],
        **_costs([run.cost for run in runs if run.cost is not None]),
        machine=runs[0].setting.machine if len({r.setting.machine for r in runs}) == 1 else None,
    )


def _other_splits(runs: list[Run], ranks: str) -> dict[str, tuple[float, Interval | None]]:
    """Mean and interval of the test splits that do not rank and that all seeds have."""
    return {
        split: found
        for split in runs[0].scores
        if split not in ("val", ranks) and (found := over_seeds([run.score(split) for run in runs]))
    }


def _costs(costs: list[Cost]) -> dict[str, Any]:
    """Sizes, which are the same for all seeds; times as means; memory at its peak."""
    if not costs:
        return {}
    return {
        "parameters": costs[0].parameters,
        "recurrent_parameters": costs[0].recurrent_parameters,
        "state_size": costs[0].state_size,
        "flops_per_token": costs[0].flops_per_token,
        "train_seconds": fmean(cost.train_seconds for cost in costs),
        "tokens_per_second": fmean(cost.tokens_per_second for cost in costs),
        "peak_memory_bytes": max(cost.peak_memory_bytes for cost in costs),
        "training_memory_bytes": _largest([cost.training_memory_bytes for cost in costs]),
    }


def _largest(known: list[int | None]) -> int | None:
    """The largest of all seeds; None if one is not known."""
    numbers = [number for number in known if number is not None]
    return max(numbers) if len(numbers) == len(known) else None


def _run(run: Run, measure: Measure) -> dict[str, Any]:
    setting = run.setting
    return {
        "run_id": run.run_id,
        "seed": run.seed,
        "val": run.score("val"),
        "test": measure.score(run),
        "machine": setting.machine,
        "commit": setting.commit,
        "versions": setting.versions,
        "record": run.place,
    }


def _failure(run: Run) -> dict[str, Any]:
    why = run.failure or "a score is not finite"
    return {
        "run_id": run.run_id, "seed": run.seed, "trial": run.setting.optimizer,
        "status": run.status, "message": why, "record": run.place,
    }  # fmt: skip


def _trial(trial: Trial, chosen: Trial | None, measure: Measure) -> dict[str, Any]:
    test = over_seeds([measure.score(run) for run in trial.runs])
    return {
        "setting": trial.setting,
        "seeds": len(trial.runs),
        "failed": len(trial.failed),
        "val": trial.val if trial.runs else None,
        "test": test[0] if test else None,
        "chosen": trial is chosen,
    }


def _in_words(trial: Trial, chosen: Trial) -> str:
    differs = [
        f"{name}={value}"
        for name, value in trial.setting.items()
        if value != chosen.setting.get(name)
    ]
    return f"{' '.join(differs)} ({len(trial.runs)} of {len(chosen.runs)} seeds)"
