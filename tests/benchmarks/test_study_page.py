"""What the page of the study counts, on runs whose figures are known by hand."""

import importlib.util
import sys
from pathlib import Path

import pytest
from msgspec import structs

from recurbench.harness.results.archive import read_all
from recurbench.harness.results.record import Primary, Record
from recurbench.harness.results.rows import Row

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("study_page", ROOT / "benchmarks" / "study_page.py")
study_page = importlib.util.module_from_spec(SPEC)
sys.modules["study_page"] = study_page
SPEC.loader.exec_module(study_page)


@pytest.fixture(scope="module")
def recorded() -> Record:
    """A shipped record, of which the tests change what they need."""
    record = next(iter(read_all(ROOT / "results" / "reference")))
    assert isinstance(record, Record)
    return record


def curved(record: Record, values: list, *, higher: bool) -> Record:
    curve = [{"step": 10 * i, "val/x": value} for i, value in enumerate(values, 1)]
    primary = Primary(name="x", higher_is_better=higher)
    metrics = {split: {"x": values[-1]} for split in ("val", "test")}
    return structs.replace(record, curve=curve, primary=primary, metrics=metrics)


@pytest.mark.parametrize(
    ("values", "higher", "gain"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 11], True, 2),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 7], True, 0),
        ([1, 20, 3, 4, 5, 6, 7, 8, 9, 19], True, 0),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0.25], False, 0.75),
    ],
)
def test_the_gain_of_the_last_tenth(
    recorded: Record, values: list, higher: bool, gain: float
) -> None:
    assert study_page.late_gain(curved(recorded, values, higher=higher)) == gain


def test_a_run_counts_as_improving_beyond_half_of_the_interval(recorded: Record) -> None:
    records = {
        "slow": curved(recorded, [1] * 9 + [3], higher=True),
        "done": curved(recorded, [1] * 9 + [1.5], higher=True),
    }
    runs = [{"run_id": name} for name in records]
    row = Row(label="a", cell="a", hidden_size=1, interval=(4, 6), runs=runs)
    assert study_page.improving(row, records) == 1


def test_entries_that_are_all_told_apart() -> None:
    ties = {"best": "a", "like": "ab", "middle": "b", "low": "bc", "last": "d", "single": ""}
    rows = [Row(label=name, cell=name, hidden_size=1, ties=t) for name, t in ties.items()]
    assert [row.label for row in study_page.apart(rows)] == ["best", "middle", "last"]
