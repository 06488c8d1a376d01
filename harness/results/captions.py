"""What stands below a track's table: all that a reader must know to take it for what it is."""

from recurbench.harness.results.board import Board
from recurbench.harness.results.lengths import AREA
from recurbench.harness.results.plain import plain
from recurbench.harness.results.tracks import Track

FEW = 3
"""Fewer seeds than these say little of how a score would fall out the next time."""

NOTABLE = 0.005
"""The share of test sequences among those trained on from which a board says it."""


def captions(board: Board, track: Track) -> list[str]:
    """What a reader must know about the table of a track."""
    said = [f"track {plain(track.id)}: {board.settings(track)}".rstrip(": ")]
    said.append(f"{track.split}: mean ± half the width of the 95 % interval (Student t) over seeds")
    said += _other_split(track)
    if track.overlap is not None and track.overlap >= NOTABLE:
        said.append(f"about {track.overlap:.0%} of the test sequences are among those trained on")
    seeds = {row.seeds for row in track.current}
    if seeds and min(seeds) < FEW:
        said.append(f"fewer than {FEW} seeds: an interval says little, and one seed has none")
    if len(seeds) > 1:
        said.append(f"entries have unequal numbers of seeds: {min(seeds)} to {max(seeds)}")
    if any(row.ties for row in track.current):
        tests = "paired t tests over common seeds" if track.paired else "Welch's t tests"
        said.append(f"ties: entries that share a letter cannot be told apart ({tests}, Holm over")
        said[-1] += " all pairs, 5 %); rank: what these leave open"
    if track.paired:
        measured = "unknown" if track.correlation is None else f"{track.correlation:.2f}"
        said.append(f"correlation of scores with one seed: {measured}")
    said += _few_seeds(track)
    if any(row.edge for row in track.current):
        said.append("edge: the best rate is the least or the largest tried; widen the grid")
    trials = {row.trials for row in track.current}
    if len(trials) > 1:
        said.append("* tuned with more trials than other entries of this track")
    elif len(track.current) > 1 and not track.equal_tuning:
        said.append("unequal tuning: as many trials for each entry, but not the same ones")
    elif len(track.current) > 1 and trials != {1}:
        said.append(f"equal tuning: every entry had the same {max(trials)} trials")
    if any(row.older for row in track.entries):
        said.append("older code: newer code has been run since; not ranked")
    if track.outdated:
        commits = {run["commit"][:7] for row in track.entries for run in row.runs if run["commit"]}
        named = f" (commit {', '.join(sorted(commits))})" if commits else ""
        said.append(f"of older code{named}: today's gives other scores")
    if repeated := sum(row.repeated for row in track.entries):
        said.append(f"{repeated} more runs with the same seed: the latest completed one counts")
    if track.inconsistent:
        said.append(f"{track.inconsistent} runs left out: they name another metric or direction")
    said += _thresholds(track)
    if track.machine:
        others = len(track.machines) - 1
        said.append(
            f"times on {plain(track.machine)}" + (f"; {others} other machines" * (others > 0))
        )
    return said


def _other_split(track: Track) -> list[str]:
    """What a track that test does not rank is to be read with."""
    if track.split == "test":
        return []
    said = ["trials and checkpoints are chosen on val, as on any board"]
    if track.split == AREA:
        lengths = ", ".join(map(str, track.lengths.values()))
        said.append(f"{AREA}: the mean of {track.metric} over log2 of length, {lengths}")
    unknown = [
        f"{plain(row.label)} ({sum(run['test'] is not None for run in row.runs)} of {row.seeds})"
        for row in track.entries
        if row.test is None and row.seeds
    ]
    if unknown:
        said.append(f"not ranked, as not all seeds have a finite score: {', '.join(unknown)}")
    return said


def _thresholds(track: Track) -> list[str]:
    """What the columns of thresholds mean, and how exact they are."""
    names = next((list(row.reached) for row in track.entries), [])
    if not names:
        return []
    side = "as high" if track.higher_is_better else "as low"
    every = track.settings["train"].get("eval_every")
    exact = f", one every {every} steps" if every else ""
    return [
        f"steps, seconds to {' and '.join(names)}: of training, until the first evaluation{exact}, "
        f"with a val score {side}; median over seeds, in brackets how many got there"
    ]


def _few_seeds(track: Track) -> list[str]:
    """Which trials had too few seeds to be chosen; one line where that was the plan."""
    rows = [row for row in track.entries if row.left_out]
    numbers = {text.rpartition("(")[2].removesuffix(")") for row in rows for text in row.left_out}
    planned = all(len(row.left_out) == row.trials - 1 for row in track.entries)
    if len(rows) > 1 and planned and len(numbers) == 1:
        return [f"trials that were not chosen had {numbers.pop()} each"]
    return [
        f"not chosen, too few seeds: {plain(row.label)}: {', '.join(map(plain, row.left_out))}"
        for row in rows
    ]
