"""Associative recall asks once for every key, and its references are exact."""

import doctest
import math
from collections import Counter
from itertools import islice, product

import pytest
import torch

import recurbench.tasks.associative_recall
from recurbench.tasks.associative_recall import NOISE, AssociativeRecall
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError

NOISY = {"pairs": 3, "gap": 2, "keys": 2, "values": 3, "noise": 5, "key_length": 3}
SIZES = [
    NOISY,
    {"pairs": 2, "gap": 1, "keys": 5, "values": 2, "noise": 1},
    {"pairs": 3, "gap": 4, "keys": 3, "values": 4, "key_length": 2},
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
    task, pairs, size = ready(**sizes), sizes["pairs"], sizes.get("key_length", 1)
    last = task.values + task.keys
    for inputs, targets, _ in every_batch(task):
        for row, due in zip(inputs.tolist(), targets.tolist(), strict=True):
            end = pairs * (size + 1) + sizes.get("noise", 0)
            shown = [token for token in row[:end] if token < last]
            assert end - len(shown) == sizes.get("noise", 0)
            known = {}
            for first in range(0, len(shown), size + 1):
                *key, value = shown[first : first + size + 1]
                known[tuple(key)] = value
            gap, questions = row[end : -pairs * size], row[-pairs * size :]
            asked = [tuple(questions[i : i + size]) for i in range(0, pairs * size, size)]
            assert sorted(asked) == sorted(known)
            assert all(task.values <= token < last for key in known for token in key)
            assert all(value < task.values for value in [*known.values(), *gap])
            scored = [IGNORE_INDEX] * (size - 1)
            assert due[end + len(gap) :] == [x for key in asked for x in (*scored, known[key])]
            assert due[: end + len(gap)] == [IGNORE_INDEX] * (end + len(gap))


def test_noise_never_parts_a_pair_and_stands_everywhere_else():
    task = ready(**NOISY, eval_sequences=2000)
    last, size = task.values + task.keys, task.key_length + 1
    found, tokens = Counter(), Counter()
    for inputs, *_ in task.test_dataloader():
        for row in inputs[:, : 3 * size + 5].tolist():
            tokens.update(token - last for token in row if token >= last)
            kinds = "".join("#" if token >= last else "." for token in row)
            parts = kinds.replace("." * size, "P")
            assert set(parts) == {"#", "P"}
            found[parts] += 1
    assert sorted(tokens) == list(range(NOISE))
    assert len(found) == math.comb(8, 3)  # orders of three pairs and five tokens of noise
    assert max(found.values()) < 2.5 * min(found.values())


def test_knobs_of_noise_and_spelling_change_nothing_where_they_are_not_set():
    plain = next(iter(ready(pairs=3, gap=5).train_dataloader()))
    noisy = next(iter(ready(pairs=3, gap=5, noise=4).train_dataloader()))
    kept = noisy.inputs[noisy.inputs < 8].view_as(plain.inputs)
    assert torch.equal(kept, plain.inputs)
    assert torch.equal(noisy.targets[:, -3:], plain.targets[:, -3:])


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


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(recurbench.tasks.associative_recall) == (0, 13)
    lines = [line.split() for line in AssociativeRecall.__doc__.splitlines()]
    shown, asked, noisy, due = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = AssociativeRecall(pairs=3, gap=4, keys=3, values=4)
    ids = {".": IGNORE_INDEX, "a": 4, "b": 5, "c": 6, **{str(value): value for value in range(4)}}
    parts = [[2, 0, 1]], [[3, 1, 1]], [[0, 2, 2, 3]], [[1, 0, 2]]
    inputs, targets, _ = task.layout(*map(torch.tensor, parts))
    assert inputs.tolist() == [[ids[symbol] for symbol in shown]]
    assert targets.tolist() == [[ids[symbol] for symbol in asked]]
    ids |= {"a": 4, "b": 5, "#": 11, "?": 15}  # as the second example has them, run above
    assert [ids[symbol] for symbol in noisy] == [11, 4, 5, 3, 15, 5, 5, 1, 0, 5, 5, 4, 5]
    assert [ids[symbol] for symbol in due[-4:]] == [IGNORE_INDEX, 1, IGNORE_INDEX, 3]


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
        (
            {"pairs": 5, "keys": 2, "key_length": 2},
            "keys ** key_length must be at least pairs=5, not 4",
        ),
        (
            {"keys": 30, "key_length": 3},
            "keys ** key_length must be at most 10,000, not 27,000",
        ),
        ({"noise": -1}, "noise must be at least 0, not -1"),
        ({"key_length": 0}, "key_length must be at least 1, not 0"),
        ({"values": 1}, "values must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        AssociativeRecall(**knobs)
    assert str(error.value) == message
