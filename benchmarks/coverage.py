"""How often a leaderboard is wrong: simulated boards, ranked by the code that ranks real ones.

`python benchmarks/coverage.py` prints the tables of docs/reading-a-leaderboard.md; it needs no
torch and takes some minutes. Boards are drawn from a fixed seed, so that the figures come back.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import beta, nct

from recurbench.harness.results.record import PROTOCOL, Code, Entry, Primary, Track
from recurbench.harness.results.runs import Run, Setting
from recurbench.harness.results.statistics import LEVEL, interval, tell_apart
from recurbench.harness.results.tracks import build_tracks

SEEDS = (3, 5, 10)
ENTRIES = (2, 23)

Scores = NDArray[np.floating[Any]]
Draw = Callable[[tuple[int, ...], np.random.Generator], Scores]

DRAWS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda shape, rng: rng.normal(size=shape), 0.0),
    "lognormal losses": (lambda shape, rng: rng.lognormal(size=shape), float(np.exp(0.5))),
    "accuracies near 1": (lambda shape, rng: 1 - rng.exponential(0.01, shape), 0.99),
    "half the seeds learn": (
        lambda shape, rng: 0.4 + 0.6 * rng.integers(2, size=shape) + rng.normal(0, 0.01, shape),
        0.7,
    ),
    "half the seeds learn, exactly": (
        lambda shape, rng: 0.4 + 0.6 * rng.integers(2, size=shape), 0.7
    ),
}  # fmt: skip
"""How scores of seeds fall out, and their mean."""


def told_apart(entries: Scores) -> NDArray[np.bool_]:
    """Which entries of a board are told apart; a row of scores for each."""
    return np.array(tell_apart([dict(enumerate(scores.tolist())) for scores in entries]))


def false_alarms(draw: Draw, k: int, seeds: int, boards: int, rng: np.random.Generator) -> float:
    """The share of boards of k identical entries on which any two are told apart."""
    alarms = sum(bool(told_apart(draw((k, seeds), rng)).any()) for _ in range(boards))
    return alarms / boards


def covered(draw: Draw, mean: float, seeds: int, intervals: int, rng: np.random.Generator) -> float:
    """The share of intervals that hold the mean which the scores were drawn with."""
    found = (interval(scores) for scores in draw((intervals, seeds), rng).tolist())
    return sum(low <= mean <= high for low, high in filter(None, found)) / intervals


def found(difference: float, k: int, seeds: int, boards: int, rng: np.random.Generator) -> float:
    """The share of boards on which one entry, better by some deviations, is told from another."""
    shift = np.zeros((k, 1))
    shift[0] = difference
    boards_found = sum(
        bool(told_apart(rng.normal(size=(k, seeds)) + shift)[0, 1]) for _ in range(boards)
    )
    return boards_found / boards


def expected(difference: float, seeds: int) -> float:
    """The share in which Welch's test of two entries finds a difference, by theory.

    The statistic is noncentral t with 2 (n - 1) degrees of freedom, whatever the ratio of the two
    variances is; the critical value follows from that ratio, a beta variable. So the noncentral
    t's tails are averaged over it.
    """
    ratio = beta.ppf((np.arange(2000) + 0.5) / 2000, (seeds - 1) / 2, (seeds - 1) / 2)
    freedom = (seeds - 1) / (ratio**2 + (1 - ratio) ** 2)
    critical = stdtrit(freedom, 1 - LEVEL / 2)
    t = nct(2 * (seeds - 1), difference * (seeds / 2) ** 0.5)
    return float(np.mean(t.sf(critical) + t.cdf(-critical)))


def board_alarms(k: int, seeds: int, trials: Sequence[int], boards: int) -> float:
    """As `false_alarms`, but from runs, with trials of which validation chooses one.

    Validation and test scores correlate by 0.9.

    Args:
        k: entries, all identical.
        seeds: of each trial.
        trials: how many each entry has; taken in turns.
        boards: how many are drawn.
    """
    rng = np.random.default_rng([k, seeds, *trials])
    alarms = 0
    for _ in range(boards):
        val = rng.normal(size=(k, max(trials), seeds))
        test = 0.9 * val + 0.19**0.5 * rng.normal(size=val.shape)
        runs = [
            _run(
                entry,
                trial,
                seed,
                {"val": val[entry, trial, seed], "test": test[entry, trial, seed]},
            )
            for entry in range(k)
            for trial in range(trials[entry % len(trials)])
            for seed in range(seeds)
        ]
        (track,) = build_tracks(runs)
        alarms += any(row.rank != (1, k) for row in track.entries)
    return alarms / boards


def _run(entry: int, trial: int, seed: int, scores: dict[str, Any]) -> Run:
    name = f"cell{entry}"
    setting = Setting(
        task="simulated",
        track=Track(id="t", task={}, data=None, model={}, train={}, budget={}, precision="32"),
        entry=Entry(id=name, label=name),
        code=Code(protocol=PROTOCOL, cell="1", task="1"),
        cell={"name": name},
        optimizer={"lr": 10.0**-trial},
        primary=Primary(name="score", higher_is_better=True),
        overlap=None,
        references={},
        split_references={},
        machine="none",
        versions={},
        commit=None,
    )
    return Run(
        setting=setting, run_id=f"{name}-{trial}-{seed}", place="", status="completed", seed=seed,
        study=None, finished=0.0, scores=scores, cost=None, failure=None,
    )  # fmt: skip


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table in Markdown."""
    for row in (heading, ["---", *["--:"] * (len(heading) - 1)], *rows):
        print(f"| {' | '.join(row)} |", flush=True)
    print(flush=True)


def percent(share: float) -> str:
    """A share in a table."""
    return f"{100 * share:.1f} %"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=10_000)
    parser.add_argument("--intervals", type=int, default=100_000)
    parser.add_argument("--whole-boards", type=int, default=1_000)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    columns = [f"{seeds} seeds" for seeds in SEEDS]
    table(
        ["boards with a false difference", *columns],
        [
            [f"{k} identical cells, {name}"]
            + [percent(false_alarms(draw, k, seeds, options.boards, rng)) for seeds in SEEDS]
            for name, (draw, _) in DRAWS.items()
            for k in ENTRIES
        ],
    )
    table(
        ["intervals that hold the mean", *columns],
        [
            [name]
            + [percent(covered(draw, mean, seeds, options.intervals, rng)) for seeds in SEEDS]
            for name, (draw, mean) in DRAWS.items()
        ],
    )
    table(
        ["a difference of 2 standard deviations is found", *columns],
        [
            ["2 cells", *(percent(found(2, 2, seeds, options.boards, rng)) for seeds in SEEDS)],
            ["2 cells, by theory", *(percent(expected(2, seeds)) for seeds in SEEDS)],
            ["23 cells", *(percent(found(2, 23, seeds, options.boards, rng)) for seeds in SEEDS)],
        ],
    )
    table(
        ["whole boards with a false difference", *columns],
        [
            [f"{k} identical cells, {name}"]
            + [percent(board_alarms(k, seeds, trials, options.whole_boards)) for seeds in SEEDS]
            for name, trials in {"3 trials each": [3], "1 and 9 trials in turns": [1, 9]}.items()
            for k in ENTRIES
        ],
    )


if __name__ == "__main__":
    main()
