"""Associative recall asks once for every key, and its references are exact."""

from collections import Counter
from itertools import islice, product

import pytest
import torch

from recurbench.tasks.associative_recall import AssociativeRecall
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError

SIZES = [
    {"pairs": 1, "gap": 1, "keys": 1, "values": 2},
    {"pairs": 3, "gap": 5, "keys": 3, "values": 7},
    {"pairs": 4, "gap": 2, "keys": 9, "values": 3},
]


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> AssociativeRecall:
    return AssociativeRecall(**{"eval_sequences": 300, **knobs}).ready(
        batch_size=batch_size, seed=seed
    )


def every_batch(task: AssociativeRecall) -> list[Batch]:
    return [
        *islice(task.train_dataloader(), 9),
        *task.val_dataloader(),
        *task.test_dataloader(),
        *(batch for split in task.extra_test_dataloaders().values() for batch in split),
    ]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_each_key_is_asked_for_once_and_its_value_is_due(sizes):
    task, pairs = ready(**sizes), sizes["pairs"]
    for inputs, targets, _ in every_batch(task):
        for row, due in zip(inputs.tolist(), targets.tolist(), strict=True):
            known = dict(zip(row[: 2 * pairs : 2], row[1 : 2 * pairs : 2], strict=True))
            asked, gap = row[-pairs:], row[2 * pairs : -pairs]
            assert sorted(asked) == sorted(known)
            assert all(task.values <= key < task.values + task.keys for key in known)
            assert all(value < task.values for value in [*known.values(), *gap])
            assert due[-pairs:] == [known[key] for key in asked]
            assert due[:-pairs] == [IGNORE_INDEX] * (len(row) - pairs)


def test_keys_are_asked_for_in_every_order():
    task = ready(pairs=3, keys=5, eval_sequences=3000)
    orders = Counter()
    for inputs, *_ in task.test_dataloader():
        for row in inputs.tolist():
            orders[tuple(row[:6:2].index(key) for key in row[-3:])] += 1
    assert len(orders) == 6
    assert max(orders.values()) < 1.3 * min(orders.values())


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_references_are_those_of_all_sequences(sizes):
    """Counted over every choice of values, all equally likely."""
    pairs, values = sizes["pairs"], sizes["values"]
    draws = list(product(range(values), repeat=pairs))
    seen = sum(max(Counter(drawn).values()) for drawn in draws) / len(draws) / pairs
    task = ready(**sizes, eval_sequences=6000)
    expected = {"chance": 1 / values, "seen": seen, "optimal": 1.0}
    assert task.references() == pytest.approx(expected, rel=1e-9)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert played == pytest.approx(expected, abs=0.025)
    assert played["optimal"] == 1


def test_the_example_in_the_docstring_holds():
    lines = [line.split() for line in AssociativeRecall.__doc__.splitlines()]
    shown, asked = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = AssociativeRecall(pairs=3, gap=4, keys=3, values=4)
    ids = {".": IGNORE_INDEX, "a": 4, "b": 5, "c": 6, **{str(value): value for value in range(4)}}
    parts = [[2, 0, 1]], [[3, 1, 1]], [[0, 2, 2, 3]], [[1, 0, 2]]
    inputs, targets, _ = task.layout(*map(torch.tensor, parts))
    assert inputs.tolist() == [[ids[symbol] for symbol in shown]]
    assert targets.tolist() == [[ids[symbol] for symbol in asked]]


def test_longer_gaps_are_further_test_splits():
    splits = ready(pairs=3, gap=5, keys=6).extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape[1] for name, split in splits.items()}
    assert shapes == {"gap_10": 10 + 9, "gap_20": 20 + 9}


def test_the_default_references_are_what_is_found():
    assert ready().references() == pytest.approx(AssociativeRecall.default_references, abs=5e-5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"pairs": 0}, "pairs must be at least 1, not 0"),
        ({"gap": 0}, "gap must be at least 1, not 0"),
        ({"pairs": 5, "keys": 4}, "keys must be at least pairs=5, not 4"),
        ({"values": 1}, "values must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        AssociativeRecall(**knobs)
    assert str(error.value) == message
