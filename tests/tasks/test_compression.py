"""Compression asks for each place of a string once, in any order."""

import doctest
from collections import Counter
from itertools import islice, product

import pytest
import torch

import recurbench.tasks.compression
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError
from recurbench.tasks.compression import Compression

SIZES = [{"symbols": 1, "gap": 1, "alphabet": 2}, {"symbols": 5, "gap": 3, "alphabet": 3}]


def ready(**knobs) -> Compression:
    return Compression(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def every_batch(task: Compression) -> list[Batch]:
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    return [*islice(task.train_dataloader(), 9), *(batch for split in splits for batch in split)]


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.compression) == (0, 4)
    lines = [line.split() for line in Compression.__doc__.splitlines()]
    shown, due = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = Compression(symbols=3, gap=2)
    string, asked = torch.tensor([[2, 5, 2]]), torch.tensor([[2, 0, 1]])
    inputs, targets, _ = task.layout(string, asked, gap=2)
    ids = {"_": 8, ">": 9, "a": 10, "b": 11, "c": 12}
    assert inputs.tolist() == [[ids[x] if x in ids else int(x) for x in shown]]
    assert targets.tolist() == [[IGNORE_INDEX if x == "." else int(x) for x in due]]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_each_place_is_asked_for_once_and_its_symbol_is_due(sizes):
    task, symbols = ready(**sizes), sizes["symbols"]
    for inputs, targets, _ in every_batch(task):
        for row, due in zip(inputs.tolist(), targets.tolist(), strict=True):
            string, gap, asked = row[:symbols], row[symbols:-symbols], row[-symbols:]
            assert gap == [task.go] + [task.blank] * (len(gap) - 1)
            assert sorted(asked) == [*range(task.first, task.first + symbols)]
            assert due[:-symbols] == [IGNORE_INDEX] * (len(row) - symbols)
            assert due[-symbols:] == [string[place - task.first] for place in asked]


def test_places_are_asked_for_in_every_order():
    orders = Counter()
    for inputs, *_ in ready(symbols=3, eval_sequences=3000).test_dataloader():
        orders.update(map(tuple, inputs[:, -3:].tolist()))
    assert len(orders) == 6
    assert max(orders.values()) < 1.3 * min(orders.values())


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_references_are_those_of_all_strings(sizes):
    symbols, alphabet = sizes["symbols"], sizes["alphabet"]
    strings = list(product(range(alphabet), repeat=symbols))
    bag = sum(max(Counter(string).values()) for string in strings) / len(strings) / symbols
    task = ready(**sizes, eval_sequences=6000)
    expected = {"chance": 1 / alphabet, "bag": bag, "optimal": 1.0}
    assert task.references() == pytest.approx(expected, rel=1e-9)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert played == pytest.approx(expected, abs=0.025)
    assert played["optimal"] == 1


def test_longer_gaps_are_further_test_splits():
    splits = ready(symbols=3, gap=5).extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape[1] for name, split in splits.items()}
    assert shapes == {"gap_10": 10 + 6, "gap_20": 20 + 6}


@pytest.mark.parametrize(
    ("knob", "least"), [("symbols", 1), ("gap", 1), ("alphabet", 2), ("eval_sequences", 1)]
)
def test_a_bad_knob_is_named(knob, least):
    with pytest.raises(TaskError) as error:
        Compression(**{knob: least - 1})
    assert str(error.value) == f"{knob} must be at least {least}, not {least - 1}"
