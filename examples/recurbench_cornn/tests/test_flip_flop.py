"""What the flip-flop asks for, besides what every task promises."""

from typing import Any

import pytest
import torch
from recurbench_flip_flop import FlipFlop, last_pulses

from recurbench.harness.conformance import TaskTests
from recurbench.tasks.base import TaskError, dense


class TestFlipFlop(TaskTests):
    """What every task promises, a test for each property."""

    task = FlipFlop


class TestFewPulses(TaskTests):
    """The same with knobs that are not the default, so that its references are formulas."""

    task = FlipFlop
    knobs = {"bits": 2, "length": 20, "pulse": 0.3}


def test_the_target_is_the_last_pulse_of_each_channel() -> None:
    """The example of the docstring."""
    inputs = torch.tensor([[1, 0, 0, -1, 0, 0, 0], [-1, 0, 1, 0, 0, 1, 0]]).T[None]
    assert last_pulses(inputs).tolist() == [[1, 1, 3, 2, 2, 2, 2]]


def test_longer_sequences_are_further_test_splits() -> None:
    """Two and four times as long."""
    task = FlipFlop(length=9)
    task.setup()
    lengths = {
        name: dense(next(iter(batches)).inputs).shape[1]
        for name, batches in task.extra_test_dataloaders().items()
    }
    assert lengths == {"length_18": 18, "length_36": 36}


@pytest.mark.parametrize("knobs", [{"bits": 0}, {"length": 0}, {"pulse": 0.0}, {"pulse": 1.5}])
def test_a_knob_that_cannot_work_is_refused(knobs: dict[str, Any]) -> None:
    """By name."""
    with pytest.raises(TaskError, match=next(iter(knobs))):
        FlipFlop(**knobs)
