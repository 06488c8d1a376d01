"""Induction asks for what followed the trigger, and its references are exact."""

from collections import Counter
from itertools import islice, product

import pytest
import torch

from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.induction import Induction

SIZES = [(3, 2), (6, 5), (9, 3)]


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> Induction:
    return Induction(**{"eval_sequences": 300, **knobs}).ready(batch_size=batch_size, seed=seed)


def every_batch(task: Induction) -> list[Batch]:
    return [
        *islice(task.train_dataloader(), 9),
        *task.val_dataloader(),
        *task.test_dataloader(),
        *(batch for split in task.extra_test_dataloaders().values() for batch in split),
    ]


@pytest.mark.parametrize(("length", "alphabet"), SIZES)
def test_the_target_followed_the_one_trigger_before_the_last(length, alphabet):
    task = ready(length=length, alphabet=alphabet)
    for inputs, targets, _ in every_batch(task):
        for row, target in zip(inputs.tolist(), targets.tolist(), strict=True):
            assert row[-1] == task.trigger
            assert row[:-1].count(task.trigger) == 1
            assert target == row[row.index(task.trigger) + 1] < alphabet


def test_the_trigger_stands_at_every_place_but_the_last_two():
    task = ready(length=8, eval_sequences=5000)
    inputs = torch.cat([batch.inputs for batch in task.test_dataloader()])
    places = (inputs == task.trigger).long().argmax(1).bincount()
    assert len(places) == 6
    assert places.max() < 1.3 * places.min()


@pytest.mark.parametrize(("length", "alphabet"), SIZES)
def test_the_references_are_those_of_all_sequences(length, alphabet):
    """Counted over every choice of symbols, each of them as likely to be asked for."""
    draws = list(product(range(alphabet), repeat=length - 2))
    bag = sum(max(Counter(drawn).values()) for drawn in draws) / len(draws) / (length - 2)
    task = ready(length=length, alphabet=alphabet, eval_sequences=6000)
    expected = {"chance": 1 / alphabet, "bag": bag, "optimal": 1.0}
    assert task.references() == pytest.approx(expected, rel=1e-9)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert played == pytest.approx(expected, abs=0.03)
    assert played["optimal"] == 1


def test_the_example_in_the_docstring_holds():
    lines = [line.split() for line in Induction.__doc__.splitlines()]
    shown, (target,) = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = Induction(length=9, alphabet=16)
    ids = [task.trigger if symbol == ">" else int(symbol) for symbol in shown]
    symbols = torch.tensor([[symbol for symbol in ids if symbol != task.trigger]])
    inputs, targets, _ = task.layout(symbols, torch.tensor([ids.index(task.trigger)]))
    assert inputs.tolist() == [ids]
    assert targets.tolist() == [int(target)]


def test_longer_sequences_are_further_test_splits():
    splits = ready(length=7).extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape[1] for name, split in splits.items()}
    assert shapes == {"length_14": 14, "length_28": 28}


def test_the_default_references_are_what_is_found():
    assert ready().references() == pytest.approx(Induction.default_references, abs=5e-5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"length": 2}, "length must be at least 3, not 2"),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Induction(**knobs)
    assert str(error.value) == message
