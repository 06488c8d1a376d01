"""What the flip-flop asks for, and that its references are true."""

import pytest
import torch
from recurbench_flip_flop import FlipFlop, last_pulses

from tasks.base import TaskError


def test_the_target_is_the_last_pulse_of_each_channel() -> None:
    """The example of the docstring."""
    inputs = torch.tensor([[1, 0, 0, -1, 0, 0, 0], [-1, 0, 1, 0, 0, 1, 0]]).T[None]
    assert last_pulses(inputs).tolist() == [[1, 1, 3, 2, 2, 2, 2]]


def test_one_who_forgets_scores_what_the_references_say() -> None:
    """Pulses that are seen count, the other bits are guessed."""
    task = FlipFlop(length=20, pulse=0.3, eval_sequences=4000)
    task.setup()
    scores = []
    for inputs, targets, _ in task.test_dataloader():
        guessed = torch.where(inputs == 0, torch.randn_like(inputs), inputs)
        bits = ((guessed > 0) * 2 ** torch.arange(3)).sum(-1)
        scores.append((bits == targets).double().mean(1))
    assert torch.cat(scores).mean().item() == pytest.approx(
        task.references()["memoryless"], abs=0.01
    )


def test_training_batches_depend_on_seed_and_position() -> None:
    """Equal for all cells of a seed, different otherwise."""

    def first(seed: int) -> list[torch.Tensor]:
        task = FlipFlop(length=9)
        task.bind(batch_size=4, seed=seed)
        batches = iter(task.train_dataloader())
        return [next(batches).inputs, next(batches).inputs]

    assert torch.equal(first(0)[0], first(0)[0])
    assert not torch.equal(*first(0))
    assert not torch.equal(first(0)[0], first(1)[0])


@pytest.mark.parametrize("knobs", [{"bits": 0}, {"length": 0}, {"pulse": 0.0}, {"pulse": 1.5}])
def test_a_knob_that_cannot_work_is_refused(knobs: dict) -> None:
    """By name."""
    with pytest.raises(TaskError, match=next(iter(knobs))):
        FlipFlop(**knobs)
