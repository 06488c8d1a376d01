"""Repeat previous asks for the symbol of so many steps ago, and its references are exact."""

import doctest
from collections import Counter
from itertools import islice, product

import pytest
import torch

import recurbench.tasks.repeat_previous
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError
from recurbench.tasks.repeat_previous import RepeatPrevious

WORDS = ["input"], ["target"]


def ready(**knobs) -> RepeatPrevious:
    return RepeatPrevious(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def every_batch(task: RepeatPrevious) -> list[Batch]:
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    return [*islice(task.train_dataloader(), 9), *(batch for split in splits for batch in split)]


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.repeat_previous) == (0, 3)
    lines = [line.split() for line in RepeatPrevious.__doc__.splitlines()]
    shown, due = (line[1:] for line in lines if line[:1] in WORDS)
    batch = RepeatPrevious(delay=2).layout(torch.tensor([[int(x) for x in shown]]))
    assert batch.targets.tolist() == [[IGNORE_INDEX if x == "." else int(x) for x in due]]


@pytest.mark.parametrize(("delay", "length"), [(1, 2), (3, 11), (6, 7)])
def test_each_target_is_the_symbol_of_so_many_steps_ago(delay, length):
    for inputs, targets, _ in every_batch(ready(delay=delay, length=length)):
        for row, due in zip(inputs.tolist(), targets.tolist(), strict=True):
            assert due == [IGNORE_INDEX] * delay + row[:-delay]


def test_symbols_are_uniform_and_independent():
    inputs = torch.cat([batch.inputs for batch in ready(eval_sequences=900).test_dataloader()])
    pairs = (4 * inputs[:, 1:] + inputs[:, :-1]).flatten().bincount(minlength=16) / inputs.numel()
    assert pairs.tolist() == pytest.approx([1 / 16] * 16, abs=0.005)


def test_references_are_those_of_all_sequences():
    """The bag's by listing all sequences of three symbols and counting those before each step."""
    task = ready(delay=2, length=6, alphabet=3)
    right = [
        max(Counter(row[:step]).values()) / step
        for row in product(range(3), repeat=6)
        for step in range(2, 6)
    ]
    expected = {"chance": 1 / 3, "bag": sum(right) / len(right), "optimal": 1.0}
    assert task.references() == pytest.approx(expected, rel=1e-9)
    every = task.layout(torch.cartesian_prod(*[torch.arange(3)] * 6))
    played = {name: task.play(predictor, [every]) for name, predictor in task.predictors().items()}
    assert played == pytest.approx(expected, abs=1e-6)


def test_longer_sequences_are_further_test_splits_with_references_of_their_own():
    task = ready(delay=3, length=8)
    splits = task.extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape for name, split in splits.items()}
    assert shapes == {"length_16": (256, 16), "length_32": (256, 32)}
    bags = [task.references_of(split)["bag"] for split in ("test", *splits)]
    assert bags == sorted(bags, reverse=True)
    for name, split in splits.items():
        assert task.play(task.predictors()["bag"], split) == pytest.approx(
            task.references_of(name)["bag"], abs=0.025
        )


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"delay": 0}, "delay must be at least 1, not 0"),
        ({"delay": 7, "length": 7}, "length must be above delay=7, not 7"),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        RepeatPrevious(**knobs)
    assert str(error.value) == message
