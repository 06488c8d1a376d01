"""What of an entry's runs counts: each seed once, and the trial that validation chooses."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Any, Literal

from recurbench.harness.results.runs import Run

Edge = Literal["low", "high"]


@dataclass(frozen=True)
class Trial:
    """One optimizer setting of an entry.

    Attributes:
        setting: the optimizer's options.
        runs: completed ones with finite scores, one a seed, in the order of seeds.
        failed: the runs of seeds of which none completed with finite scores.
        val: mean validation score over its seeds; NaN without a run.
    """

    setting: dict[str, Any]
    runs: list[Run]
    failed: list[Run]
    val: float


@dataclass(frozen=True)
class Counted:
    """Runs of an entry by one version of the code, each seed of a trial once.

    Attributes:
        trials: by learning rate, then by their further options.
        repeated: runs that are not counted, as another with their seed is.
    """

    trials: list[Trial]
    repeated: int


def count(runs: Collection[Run]) -> Counted:
    """Sorts runs by trial and takes one of each seed.

    Of several with one seed that which completed with finite scores wins, then the one that
    finished last, then the first by run id and place.
    """
    by_trial: dict[str, dict[int, Run]] = defaultdict(dict)
    for run in runs:
        by_seed = by_trial[run.setting.trial]
        other = by_seed.get(run.seed)
        by_seed[run.seed] = run if other is None else _preferred((other, run))
    trials = [_trial([by_seed[seed] for seed in sorted(by_seed)]) for by_seed in by_trial.values()]
    return Counted(_in_order(trials), len(runs) - sum(map(len, by_trial.values())))


def one_of_each_id(runs: Iterable[Run]) -> tuple[list[Run], list[tuple[Run, Run]]]:
    """Leaves out runs that have another's id, and are of another track, entry, trial or seed.

    The one that counts is chosen as for a seed. Copies are kept: they count as repeated.

    Returns:
        The runs, and those that were left out, each with the one that counts.
    """
    found = list(runs)
    if len({run.run_id for run in found}) == len(found):
        return found, []
    by_id: dict[str, list[Run]] = defaultdict(list)
    for run in found:
        by_id[run.run_id].append(run)
    kept, left_out = [], []
    for same in by_id.values():
        counts = _preferred(same) if len(same) > 1 else same[0]
        for run in same:
            if run is counts or _identity(run) == _identity(counts):
                kept.append(run)
            else:
                left_out.append((run, counts))
    return kept, left_out


def choose(trials: Sequence[Trial], *, higher_is_better: bool) -> Trial | None:
    """The trial with the best mean validation score; of equal ones the first, with the least rate.

    Only trials with as many completed seeds as the most complete one are candidates, so that a
    setting which diverges on hard seeds does not win by its easy ones.

    Returns:
        None if no trial has a completed run.
    """
    most = max(len(trial.runs) for trial in trials)
    if most == 0:
        return None
    sign = -1 if higher_is_better else 1
    candidates = [trial for trial in trials if len(trial.runs) == most]
    return min(candidates, key=lambda trial: sign * trial.val)


def incomplete(trials: Sequence[Trial], chosen: Trial) -> list[Trial]:
    """Trials that were no candidates, as they completed fewer seeds than the chosen one."""
    return [trial for trial in trials if len(trial.runs) < len(chosen.runs)]


def at_edge(trials: Sequence[Trial], chosen: Trial) -> bool:
    """Whether the chosen rate is the least or the largest of several that were tried."""
    return edge(trials, chosen, "lr", {"lr"}) is not None


def edge(
    trials: Sequence[Trial], chosen: Trial, option: str, varied: Collection[str]
) -> Edge | None:
    """At which edge of the values that were tried for an option the chosen one lies.

    Only trials whose other options, those that were not varied with it, are those of the chosen one
    make its grid. Texts have no edge, and one value is none.
    """
    others = _without(chosen, varied)
    values = {
        value
        for trial in trials
        if _without(trial, varied) == others and (value := _number(trial, option)) is not None
    }
    if len(values) < 2:
        return None
    found = _number(chosen, option)
    return "low" if found == min(values) else "high" if found == max(values) else None


def _identity(run: Run) -> tuple[Any, ...]:
    setting = run.setting
    return setting.track.id, setting.entry.id, setting.code, setting.trial, run.seed


def _preferred(same: Sequence[Run]) -> Run:
    if len(same) == 1:
        return same[0]
    in_order = sorted(same, key=lambda run: (run.run_id, run.place))
    return max(in_order, key=lambda run: (run.scored, run.finished))


def _trial(runs: Sequence[Run]) -> Trial:
    """The trial of runs with one optimizer setting, one a seed."""
    scored: list[Run] = []
    failed: list[Run] = []
    for run in runs:
        (scored if run.scored else failed).append(run)
    setting = runs[0].setting.optimizer
    return Trial(setting, scored, failed, _mean(scored, "val"))


def _in_order(trials: Iterable[Trial]) -> list[Trial]:
    """By learning rate; the texts of all options are only made where rates are equal."""
    found: list[Trial] = []
    for _, equal in groupby(sorted(trials, key=_rate), _rate):
        same = list(equal)
        found += sorted(same, key=_text) if len(same) > 1 else same
    return found


def _rate(trial: Trial) -> float:
    rate = _number(trial, "lr")
    return math.inf if rate is None else rate


def _text(trial: Trial) -> str:
    return repr(sorted(trial.setting.items()))


def _number(trial: Trial, option: str) -> float | None:
    value = trial.setting.get(option)
    return float(value) if isinstance(value, int | float) else None


def _without(trial: Trial, options: Collection[str]) -> dict[str, Any]:
    """The options of a trial with some of them blank, whatever they were."""
    return trial.setting | dict.fromkeys(options)


def _mean(runs: Sequence[Run], split: str) -> float:
    scores = [score for run in runs if (score := run.scores[split]) is not None]
    return fmean(scores) if scores else math.nan
