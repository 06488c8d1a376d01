"""One run of each task of the shipped study, drawn at random, is run again."""

import os
import random
import shlex
from pathlib import Path

import pytest

import recurbench
from recurbench.harness.results.archive import read_archive
from recurbench.harness.results.record import Record
from recurbench.harness.run.restore import command_of

ARCHIVE = Path(__file__).parents[1] / "results" / "reference" / "study.jsonl.gz"
RECORDS = [record for record in read_archive(ARCHIVE) if isinstance(record, Record)]
DRAWN = [
    random.Random(0).choice([record for record in RECORDS if record.task["name"] == task])
    for task in sorted({record.task["name"] for record in RECORDS})
]
CORPORA = {"language", "variable_length"}
"""Tasks whose data is not part of any package."""


@pytest.mark.long
@pytest.mark.parametrize("record", DRAWN, ids=[record.task["name"] for record in DRAWN])
def test_a_run_of_the_study_has_the_recorded_score(record: Record, workplace: Path) -> None:
    if record.task["name"] in CORPORA and "RECURBENCH_DATA" not in os.environ:
        pytest.skip(f"{record.task['name']} needs its corpus: set RECURBENCH_DATA")
    _, _, *overrides = shlex.split(command_of(record, workplace / "results"))
    again = recurbench.run(*overrides, "logger=none")
    assert record.primary is not None
    assert again.run_id == record.run_id
    for split in ("val", "test"):
        score = record.metrics[split][record.primary.name]
        assert again.metrics[split][record.primary.name] == pytest.approx(score, rel=1e-3)
