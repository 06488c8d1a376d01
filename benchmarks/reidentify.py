"""Gives the shipped records the identity that today's code gives the same runs.

    python benchmarks/reidentify.py

A run's id depends on the code of its cell and task, so that an edit of either makes recorded runs
older code, also where it changes no result: a check of inputs, another reader, a faster way to the
same numbers. After such an edit, and only when it was shown to change no result (the golden
trajectories, and a run of each study), this makes the shipped records current again. Records of an
earlier protocol are left as they are.
"""

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
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.archive import ENDING, read_archive, write_archive
from recurbench.harness.results.record import PROTOCOL, Record
from recurbench.harness.run.first_defaults import FIRST_DEFAULTS
from recurbench.harness.run.identity import identify

REFERENCE = Path(__file__).parents[1] / "results" / "reference"


def reidentified(record: Record) -> Record:
    """A record with today's run id, track, entry and versions, if it is of today's protocol."""
    if record.code.protocol != PROTOCOL:
        return record
    config = Config(
        cell=_with_new_knobs("cell", record.cell),
        task=_with_new_knobs("task", record.task),
        model=_section(ModelConfig, "model", record.model),
        optimizer=_section(OptimizerConfig, "optimizer", record.optimizer),
        train=_section(TrainConfig, "train", record.train),
        budget=_section(BudgetConfig, "budget", record.budget),
        trainer=TrainerConfig(precision=record.track.precision),  # type: ignore[arg-type]
        seed=record.seed,
    )
    identity = identify(config, record.track.data, record.track.machine)
    return msgspec.structs.replace(
        record,
        run_id=identity.run_id,
        track=identity.track,
        entry=identity.entry,
        code=identity.code,
        **{name: identity.sections[name] for name in ("cell", "task")},
    )


def _with_new_knobs(kind: str, section: dict[str, Any]) -> dict[str, Any]:
    """A plugin's section with the knobs that it has got since, at their defaults."""
    knobs = registry().plugins[kind][section["name"]].knobs
    return section | {k.name: k.default for k in knobs if k.name not in section}


def _section(kind: type, name: str, recorded: dict[str, Any]) -> Any:
    """A section of a configuration; options that a record leaves out change no result."""
    known = {**FIRST_DEFAULTS[name], **recorded}
    return kind(**{field.name: known.get(field.name) for field in fields(kind)})


def main(folders: Sequence[Path] = (REFERENCE,)) -> None:
    """Rewrites the archives."""
    for folder in folders:
        for path in sorted(folder.glob(f"*{ENDING}")):
            records = [record for record in read_archive(path) if isinstance(record, Record)]
            write_archive(path, map(reidentified, records))


if __name__ == "__main__":
    main()
