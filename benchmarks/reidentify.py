"""Gives the shipped records the identity and the references that today's code gives the same runs.

    python benchmarks/reidentify.py

A run's id depends on the code of its cell and task, so that an edit of either makes recorded runs
older code, also where it changes no result: a check of inputs, another reader, a faster way to the
same numbers. After such an edit, and only when it was shown to change no result (the golden
trajectories, and a run of each study), this makes the shipped records current again. References are
made anew from the data, which must be that of the record; where it cannot be had (set
RECURBENCH_DATA), they stay. Records of protocol 1 are left as they are, unless those of a whole
study show that protocol 2 changes nothing in them; earlier ones always.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from recurbench.harness.config.sections import (
    BudgetConfig,
    Config,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    TrainerConfig,
)
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import load_task
from recurbench.harness.results.archive import ENDING, read_archive, write_archive
from recurbench.harness.results.record import PROTOCOL, Record, Scores
from recurbench.harness.run.best import rank_of
from recurbench.harness.run.first_defaults import FIRST_DEFAULTS
from recurbench.harness.run.identity import identify
from recurbench.harness.run.prepare import split_references_of
from recurbench.harness.run.restore import plugin_section
from recurbench.tasks.base import Task

Found = tuple[Task, str, dict[str, Any], dict[str, Any]]
"""A task, its fingerprint, references of test, and those of other splits."""

REFERENCE = Path(__file__).parents[1] / "results" / "reference"


def reidentified(record: Record) -> Record:
    """A record with today's run id, track, entry and versions."""
    config = _config_of(record)
    identity = identify(config, record.track.data, record.track.machine)
    return msgspec.structs.replace(
        record,
        run_id=identity.run_id,
        track=identity.track,
        entry=identity.entry,
        code=identity.code,
        **{name: identity.sections[name] for name in ("cell", "task")},
    )


class References:
    """Makes what records say of their tasks anew, once for each task with its knobs."""

    def __init__(self) -> None:
        self._known: dict[str, Found | None] = {}

    def renew(self, record: Record) -> Record:
        """A record with today's references, but those that differ by rounding alone, and overlap.

        Raises:
            SystemExit: today's data is another than that of the record.
        """
        if record.code.protocol != PROTOCOL:
            return record
        known = self._of(record)
        if known is None:
            return record
        task, data, references, elsewhere = known
        if data != record.track.data:
            raise SystemExit(f"{record.run_id}: today's data of {record.task} is another")
        before = record.split_references or {}
        sequences = record.cost.steps * task.batch_size if record.cost else 0
        overlap = task.overlap(sequences)
        return msgspec.structs.replace(
            record,
            overlap=msgspec.UNSET if overlap is None else overlap,
            references=_kept(record.references, references),
            split_references={
                split: _kept(before.get(split, {}), found) for split, found in elsewhere.items()
            },
        )

    def _of(self, record: Record) -> Found | None:
        config = _config_of(record)
        key = json.dumps([record.task, config.train.batch_size], sort_keys=True)
        if key not in self._known:
            try:
                task = load_task(config)
            except UserError as error:
                print(f"references stay: {error}")
                self._known[key] = None
            else:
                found = dict(task.references()), dict(split_references_of(task))
                self._known[key] = task, task.fingerprint(), *found
        return self._known[key]


def _kept(old: Scores, new: Scores) -> Scores:
    """New scores, but the old one where it is the same but for rounding."""
    return {
        name: before
        if (before := old.get(name)) is not None
        and score is not None
        and math.isclose(before, score, rel_tol=1e-5, abs_tol=1e-9)
        else score
        for name, score in new.items()
    }


def _config_of(record: Record) -> Config:
    """What was asked for, with the knobs and options that have come since at their defaults."""
    return Config(
        cell=plugin_section("cell", record.cell),
        task=plugin_section("task", record.task),
        model=_section(ModelConfig, "model", record.model),
        optimizer=_section(OptimizerConfig, "optimizer", record.optimizer),
        train=_section(TrainConfig, "train", record.train),
        budget=_section(BudgetConfig, "budget", record.budget),
        trainer=TrainerConfig(precision=record.track.precision),  # type: ignore[arg-type]
        seed=record.seed,
    )


def is_the_same_by_protocol_2(record: Record) -> bool:
    """Whether a record of protocol 1 has what protocol 2 would give.

    That one decays no vectors, and of evaluations with equal scores it tests the one with the lower
    loss, then the later one, instead of the first.
    """
    if record.optimizer.get("weight_decay") or record.primary is None:
        return False
    name, higher = record.primary.name, record.primary.higher_is_better
    scores = ((point.get(f"val/{name}"), point.get("val/loss") or 0) for point in record.curve)
    ranks = [rank_of(score, loss, higher) for score, loss in scores if score is not None]
    first = max(range(len(ranks)), key=lambda place: (ranks[place][:2], -place))
    last = max(range(len(ranks)), key=lambda place: (ranks[place], place))
    return first == last


def _section(kind: type, name: str, recorded: dict[str, Any]) -> Any:
    """A section of a configuration; options that a record leaves out change no result."""
    known = {**FIRST_DEFAULTS[name], **recorded}
    return kind(**{field.name: known.get(field.name) for field in fields(kind)})


def main(folders: Sequence[Path] = (REFERENCE,)) -> None:
    """Rewrites the archives."""
    references = References()
    for folder in folders:
        for path in sorted(folder.glob(f"*{ENDING}")):
            records = [record for record in read_archive(path) if isinstance(record, Record)]
            earlier = [record for record in records if record.code.protocol == 1]
            # Trials of one entry are of one protocol, or the best of a part would be chosen.
            known = {1, PROTOCOL} if all(map(is_the_same_by_protocol_2, earlier)) else {PROTOCOL}
            current = (reidentified(r) if r.code.protocol in known else r for r in records)
            write_archive(path, map(references.renew, current))


if __name__ == "__main__":
    main()
