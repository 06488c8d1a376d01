"""What tiny runs come to is what it was; else their identity must say that something changed."""

import json

import golden
import pytest

from recurbench.harness.results.record import PROTOCOL

KEPT = json.loads(golden.FILE.read_text())


def test_the_golden_trajectories_are_of_todays_protocol():
    assert KEPT["protocol"] == PROTOCOL, "run tests/support/golden.py"


def test_every_cell_task_and_option_has_a_golden_trajectory():
    assert set(KEPT["runs"]) == set(golden.cases()), "run tests/support/golden.py"


@pytest.mark.parametrize("name", KEPT["runs"])
def test_a_tiny_run_comes_to_what_it_did(name, config_store):
    old, new = KEPT["runs"][name], golden.trajectory(name)
    changed = golden.differences(old["numbers"], new["numbers"])
    if old["code"] == new["code"]:
        assert not changed, "the harness gives another result: raise PROTOCOL"
    else:
        assert not changed, "its code gives another result: run tests/support/golden.py"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-6]}, 0),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}, 1),
        ({"a": 1.0}, {"b": 1.0}, 1),
        ([1.0], [1.0, 2.0], 1),
        ([None], [0.5], 1),
        ([1e6], [1e6 + 1], 0),
    ],
)
def test_a_difference_is_found(old, new, found):
    assert len(golden.differences(old, new)) == found
