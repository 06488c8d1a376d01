"""Selective copying asks for the scattered symbols in order, and its references are exact."""

from collections import Counter
from itertools import islice, product

import pytest
import torch

from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError
from recurbench.tasks.selective_copying import SelectiveCopying

SIZES = [(3, 3, 2), (2, 9, 8), (5, 11, 3)]


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> SelectiveCopying:
    return SelectiveCopying(**{"eval_sequences": 300, **knobs}).ready(
        batch_size=batch_size, seed=seed
    )


def every_batch(task: SelectiveCopying) -> list[Batch]:
    return [
        *islice(task.train_dataloader(), 9),
        *task.val_dataloader(),
        *task.test_dataloader(),
        *(batch for split in task.extra_test_dataloaders().values() for batch in split),
    ]


@pytest.mark.parametrize(("symbols", "length", "alphabet"), SIZES)
def test_what_is_due_is_what_was_shown_in_its_order(symbols, length, alphabet):
    task = ready(symbols=symbols, length=length, alphabet=alphabet)
    for inputs, targets, _ in every_batch(task):
        for row, due in zip(inputs.tolist(), targets.tolist(), strict=True):
            assert row[-symbols:] == [task.go] * symbols
            shown = [symbol for symbol in row[:-symbols] if symbol != task.blank]
            assert due == [IGNORE_INDEX] * (len(row) - symbols) + shown
            assert set(shown) <= set(range(alphabet))


def test_symbols_stand_at_every_place_alike():
    task = ready(symbols=2, length=5, eval_sequences=5000)
    inputs = torch.cat([batch.inputs for batch in task.test_dataloader()])[:, :5]
    pairs = Counter(str((row != task.blank).nonzero()[:, 0].tolist()) for row in inputs)
    assert len(pairs) == 10
    assert max(pairs.values()) < 1.3 * min(pairs.values())


@pytest.mark.parametrize(("symbols", "length", "alphabet"), SIZES)
def test_the_references_are_those_of_all_sequences(symbols, length, alphabet):
    """Counted over every choice of symbols, all equally likely."""
    draws = list(product(range(alphabet), repeat=symbols))
    bag = sum(max(Counter(drawn).values()) for drawn in draws) / len(draws) / symbols
    task = ready(symbols=symbols, length=length, alphabet=alphabet, eval_sequences=6000)
    expected = {"chance": 1 / alphabet, "bag": bag, "optimal": 1.0}
    assert task.references() == pytest.approx(expected, rel=1e-9)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert played == pytest.approx(expected, abs=0.02)
    assert played["optimal"] == 1


def test_the_example_in_the_docstring_holds():
    lines = [line.split() for line in SelectiveCopying.__doc__.splitlines()]
    shown, asked = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = SelectiveCopying(symbols=3, length=8)
    ids = {"_": task.blank, ">": task.go, ".": IGNORE_INDEX, "2": 2, "5": 5, "1": 1}
    recalled, places = torch.tensor([[2, 5, 1]]), torch.tensor([[1, 4, 5]])
    inputs, targets, _ = task.layout(recalled, places, length=8)
    assert inputs.tolist() == [[ids[symbol] for symbol in shown]]
    assert targets.tolist() == [[ids[symbol] for symbol in asked]]


def test_longer_sequences_with_as_many_symbols_are_further_test_splits():
    splits = ready(symbols=3, length=7).extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape[1] for name, split in splits.items()}
    assert shapes == {"length_14": 14 + 3, "length_28": 28 + 3}


def test_the_default_references_are_what_is_found():
    assert ready().references() == pytest.approx(SelectiveCopying.default_references, abs=5e-5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"symbols": 0}, "symbols must be at least 1, not 0"),
        ({"symbols": 4, "length": 3}, "length must be at least symbols=4, not 3"),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        SelectiveCopying(**knobs)
    assert str(error.value) == message
