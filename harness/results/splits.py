"""What a track is ranked by: its test split, a further one, or the area below the length curve."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.lengths import AREA, area, lengths_of
from recurbench.harness.results.record import Scores
from recurbench.harness.results.runs import Run, Setting
from recurbench.harness.results.statistics import Interval, interval


@dataclass(frozen=True)
class Measure:
    """The scores that rank a track; its trials are chosen on validation whatever these are.

    Attributes:
        split: a test split, as records name it, or `AREA`.
        lengths: of the splits of the track's length curve, as `lengths_of` gives them.
    """

    split: str = "test"
    lengths: Mapping[str, int] = field(default_factory=dict)

    def score(self, run: Run) -> float | None:
        """A run's score; None if it is not finite or its record lacks it."""
        return self.area(run) if self.split == AREA else run.score(self.split)

    def area(self, run: Run) -> float | None:
        """The area below a run's length curve."""
        return area({split: run.score(split) for split in self.lengths}, self.lengths)

    def references(self, setting: Setting) -> Scores:
        """What its scores are to be read against."""
        known = references_of(setting)
        if self.split != AREA:
            return known.get(self.split, {})
        areas = {
            name: area({split: known.get(split, {}).get(name) for split in self.lengths},
                       self.lengths)
            for name in known["test"]
        }  # fmt: skip
        return {name: found for name, found in areas.items() if found is not None}

    def other_references(self, setting: Setting) -> dict[str, Scores]:
        """The references of all splits that do not rank, by split."""
        return {name: on for name, on in references_of(setting).items() if name != self.split}


def references_of(setting: Setting) -> dict[str, Scores]:
    """References by split."""
    return {"test": setting.references, **setting.split_references}


def over_seeds(scores: Sequence[float | None]) -> tuple[float, Interval | None] | None:
    """Mean and interval; None unless every seed has a score, as those without may be the worst."""
    known = [score for score in scores if score is not None]
    return (fmean(known), interval(known)) if known and len(known) == len(scores) else None


def measure_of(runs: Sequence[Run], split: str) -> Measure:
    """How to rank the runs of a track by a split."""
    return Measure(split, lengths_of(runs[0].setting.track.task, _splits(runs)))


def asked_for(tasks: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Tasks that were asked for as `NAME` or `NAME@SPLIT`, and the splits by task.

    Raises:
        UserError: a task is asked for by two splits.
    """
    splits: dict[str, str] = {}
    for text in tasks:
        name, _, split = text.partition("@")
        if splits.setdefault(name, split) != split:
            raise UserError(
                f"--task {text}: {name} is asked for twice; a board has one split of it"
            )
    return list(splits), {name: split for name, split in splits.items() if split}


def on_splits(runs: Iterable[Run], wanted: Mapping[str, str]) -> tuple[list[Run], dict[str, str]]:
    """The runs of tracks that have the split that is wanted of their task.

    Args:
        runs: in any order.
        wanted: splits by task, with or without the `test_` of records.

    Returns:
        The runs, and the splits by track, as records name them.

    Raises:
        UserError: no record of a task has its split.
    """
    by_track: dict[str, list[Run]] = {}
    for run in runs:
        by_track.setdefault(run.setting.track.id, []).append(run)
    kept: list[Run] = []
    chosen: dict[str, str] = {}
    known: dict[str, set[str]] = {task: set() for task in wanted}
    for track, found in by_track.items():
        task = found[0].setting.task
        if task not in wanted:
            kept += found
            continue
        names = _rankable(found)
        known[task] |= set(names)
        if split := names.get(wanted[task].removeprefix("test_")):
            chosen[track] = split
            kept += found
    reached = {run.setting.task for run in kept}
    for task, split in wanted.items():
        if task not in reached:
            _refuse(task, split, known[task])
    return kept, chosen


def _refuse(task: str, split: str, known: set[str]) -> None:
    asked = f"--task {task}@{split}: "
    if split == "val":
        raise UserError(f"{asked}val chooses trials and checkpoints, so it does not rank them too")
    raise UserError(f"{asked}no record has that split{nearest(split, known)}")


def _rankable(runs: Sequence[Run]) -> dict[str, str]:
    """The splits of a track that can rank it, as records name them, by their short names."""
    found = _splits(runs)
    names = {split.removeprefix("test_"): split for split in found if split != "val"}
    return names | ({AREA: AREA} if measure_of(runs, AREA).lengths else {})


def _splits(runs: Iterable[Run]) -> set[str]:
    return {split for run in runs if run.status == "completed" for split in run.scores}
