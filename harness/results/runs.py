"""What a board needs of a record: all but its curve, its further metrics and its traceback."""

from functools import cached_property
from typing import Any

import msgspec

from recurbench.harness.results.record import (
    Code,
    Cost,
    Entry,
    Primary,
    Record,
    Scores,
    Section,
    Status,
    Track,
)

LARGEST_SCORE = 1e150
"""Further from zero, a score is like one that is not finite: its square would not be."""


class Setting(msgspec.Struct, kw_only=True, dict=True):
    """What runs have in common that differ in their seed alone.

    Attributes:
        overlap: the share of test to be expected among what was trained on, if it is known.
        references: on test.
        split_references: on other splits, by the names that scores have for them.
        machine: hardware, threads and device, in words.
        commit: of the repository that the code came from, if it is known.
    """

    task: str
    track: Track
    entry: Entry
    code: Code
    cell: Section
    optimizer: Section
    primary: Primary | None
    overlap: float | None
    references: Scores
    split_references: dict[str, Scores]
    machine: str
    versions: dict[str, str | None]
    commit: str | None

    @cached_property
    def trial(self) -> str:
        """What tells its optimizer setting from others; the order of options does not."""
        return msgspec.json.encode(self.optimizer, order="sorted").decode()


class Run(msgspec.Struct, kw_only=True, gc=False):
    """One run, as a board counts it.

    Attributes:
        place: the file that its record is in.
        finished: when it ended, in seconds since 1970; a time without an offset is taken as UTC.
        scores: the primary metric by split; null stands for one that is not finite.
        failure: type and message of the error that ended it, in one line.
    """

    setting: Setting
    run_id: str
    place: str
    status: Status
    seed: int
    study: str | None
    finished: float
    scores: Scores
    cost: Cost | None
    failure: str | None

    @property
    def scored(self) -> bool:
        """Whether it completed, and with finite scores."""
        scores = self.scores
        return (
            self.status == "completed"
            and scores.get("val") is not None
            and scores.get("test") is not None
        )

    def score(self, split: str) -> float | None:
        """The primary metric on a split; None if the run did not get there or it is not finite."""
        return self.scores.get(split) if self.status == "completed" else None


def run_of(record: Record, place: str) -> Run:
    """The part of a record that a board needs."""
    where = record.environment
    threads = "thread" if where.threads == 1 else "threads"
    several = "" if where.devices is msgspec.UNSET else f"{where.devices} x "
    setting = Setting(
        task=record.task["name"],
        track=record.track,
        entry=record.entry,
        code=record.code,
        cell=record.cell,
        optimizer=record.optimizer,
        primary=record.primary,
        overlap=None if record.overlap is msgspec.UNSET else record.overlap,
        references=record.references,
        split_references=record.split_references or {},
        machine=f"{several}{where.hardware}, {where.threads} {threads}, {where.device}",
        versions={
            name: getattr(where, name)
            for name in ("recurbench", "python", "torch", "lightning", "cuda")
        },
        commit=where.git_commit,
    )
    return Run(
        setting=setting,
        run_id=record.run_id,
        place=place,
        status=record.status,
        seed=record.seed,
        study=record.study,
        finished=record.finished,
        scores=_primary_scores(record),
        cost=record.cost,
        failure=_failure(record),
    )


def _primary_scores(record: Record) -> dict[str, Any]:
    if record.primary is None:
        return {}
    name = record.primary.name
    return {split: _finite(found[name]) for split, found in record.metrics.items() if name in found}


def _finite(score: float | None) -> float | None:
    return score if score is not None and abs(score) <= LARGEST_SCORE else None


def _failure(record: Record) -> str | None:
    if record.error is None:
        return None
    return f"{record.error.type}: {record.error.message}".partition("\n")[0]
