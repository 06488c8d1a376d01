"""The T-maze shows at its start alone where to turn."""

import doctest
from itertools import islice

import pytest
import torch

import recurbench.tasks.t_maze
from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.t_maze import TMaze

SIDES = ["left"], ["wall"], ["right"]


def ready(**knobs) -> TMaze:
    return TMaze(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def every_batch(task: TMaze) -> list[Batch]:
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    return [*islice(task.train_dataloader(), 9), *(batch for split in splits for batch in split)]


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.t_maze) == (0, 5)
    lines = [line.split() for line in TMaze.__doc__.splitlines()]
    shown = torch.tensor([[float(x) for x in line[1:]] for line in lines if line[:1] in SIDES]).T
    (target,) = (line[1:] for line in lines if line[:1] == ["target"])
    noise = shown[None, 1:-1, ::2]
    inputs, targets, _ = TMaze(corridor=3).layout(torch.tensor([int(*target)]), noise)
    assert torch.equal(inputs, shown[None])
    assert targets.tolist() == [1]


@pytest.mark.parametrize("corridor", [1, 6])
def test_the_start_alone_tells_the_turn(corridor):
    for inputs, targets, _ in every_batch(ready(corridor=corridor)):
        start, way, end = inputs[:, 0], inputs[:, 1:-1], inputs[:, -1]
        for seen, turn in zip(start.tolist(), targets.tolist(), strict=True):
            assert seen == [[0, 1, 1], [1, 1, 0]][turn]
        assert end.tolist() == [[0, 1, 0]] * len(inputs)
        assert (way[..., 1] == 0).all()
        assert ((way >= 0) & (way < 1)).all()


def test_noise_says_nothing_of_the_turn():
    batches = list(ready(corridor=20, eval_sequences=2000).test_dataloader())
    noise = torch.cat([batch.inputs[:, 1:-1, ::2] for batch in batches])
    up = torch.cat([batch.targets for batch in batches]) == 0
    assert up.double().mean().item() == pytest.approx(0.5, abs=0.04)
    for part in (noise[up], noise[~up]):
        assert part.mean((0, 1)).tolist() == pytest.approx([0.5, 0.5], abs=0.01)
        assert part.var((0, 1)).tolist() == pytest.approx([1 / 12, 1 / 12], rel=0.05)


def test_longer_corridors_are_further_test_splits_with_references():
    task = ready(corridor=5)
    splits = task.extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape for name, split in splits.items()}
    assert shapes == {"corridor_10": (256, 12, 3), "corridor_20": (256, 22, 3)}
    for split in ("val", "test", *splits):
        assert task.references_of(split) == {"chance": 0.5, "optimal": 1.0}


@pytest.mark.parametrize("knob", ["corridor", "eval_sequences"])
def test_a_bad_knob_is_named(knob):
    with pytest.raises(TaskError) as error:
        TMaze(**{knob: 0})
    assert str(error.value) == f"{knob} must be at least 1, not 0"
