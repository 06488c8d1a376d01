"""Memorization asks for one map in all splits and seeds, which its references know."""

import doctest
from collections import Counter
from itertools import islice, product

import pytest
import torch

import recurbench.tasks.memorization
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError
from recurbench.tasks.memorization import Memorization

KNOBS = [
    {"alphabet": 5, "key_length": 1, "queries": 3},
    {"alphabet": 3, "key_length": 3, "values": 5, "queries": 7},
]
WORDS = ["input"], ["target"]


def ready(seed: int = 0, **knobs) -> Memorization:
    return Memorization(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=seed)


def every_batch(task: Memorization) -> list[Batch]:
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    return [*islice(task.train_dataloader(), 9), *(batch for split in splits for batch in split)]


def table(task: Memorization) -> dict[tuple[int, ...], int]:
    """The value of each key by its tokens."""
    keys = product(range(task.alphabet), repeat=task.key_length)
    return dict(zip(keys, task.map.tolist(), strict=True))


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.memorization) == (0, 5)
    lines = [line.split() for line in Memorization.__doc__.splitlines()]
    shown, due = (line[1:] for line in lines if line[:1] in WORDS)
    task = Memorization(alphabet=2, key_length=2, values=4)
    task.map = torch.tensor([2, 0, 3, 2])
    inputs, targets, _ = task.layout(torch.tensor([[1, 3, 0]]))
    assert inputs.tolist() == [["ab_".index(x) for x in shown]]
    assert targets.tolist() == [[IGNORE_INDEX if x == "." else int(x) for x in due]]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_the_value_of_each_key_is_due_at_the_blank_behind_it(knobs):
    known: dict[tuple[int, ...], int] = {}
    for seed in (0, 1):
        task = ready(seed, **knobs)
        size = task.key_length
        for inputs, targets, _ in every_batch(task):
            rows = inputs.unfold(1, size + 1, size + 1), targets.unfold(1, size + 1, size + 1)
            for shown, due in zip(*(part.flatten(0, 1).tolist() for part in rows), strict=True):
                assert shown[-1] == task.blank
                assert due[:-1] == [IGNORE_INDEX] * size
                assert known.setdefault(tuple(shown[:-1]), due[-1]) == due[-1]
    assert known == table(task)


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_references_are_those_of_all_keys(knobs):
    task = ready(**knobs)
    values = table(task)
    endings: dict[int, Counter] = {}
    for key, value in values.items():
        endings.setdefault(key[-1], Counter())[value] += 1
    expected = {
        "chance": 1 / task.values,
        "memoryless": max(Counter(values.values()).values()) / len(values),
        "last_token": sum(max(counts.values()) for counts in endings.values()) / len(values),
        "optimal": 1.0,
    }
    if task.key_length == 1:  # the last token is the key
        assert expected.pop("last_token") == 1
    assert task.references() == pytest.approx(expected)
    every = task.layout(torch.arange(task.keys)[None])
    played = {name: task.play(predictor, [every]) for name, predictor in task.predictors().items()}
    del expected["chance"], played["chance"]
    assert played == pytest.approx(expected, abs=1e-6)


def test_one_who_guesses_is_right_by_chance():
    task = ready(alphabet=7, values=5, eval_sequences=3000)
    assert task.play(task.predictors()["chance"]) == pytest.approx(0.2, abs=0.01)


def test_more_keys_are_further_test_splits():
    task = ready(alphabet=4, key_length=2, queries=5)
    splits = task.extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape for name, split in splits.items()}
    assert shapes == {"queries_10": (256, 30), "queries_20": (256, 60)}
    assert task.references_of("queries_20") == task.references()


def test_other_numbers_of_keys_and_values_have_other_maps():
    maps = [ready(values=values, alphabet=a).map for values, a in ((16, 7), (16, 7), (5, 7))]
    assert torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[0] % 5, maps[2])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"key_length": 0}, "key_length must be at least 1, not 0"),
        ({"values": 1}, "values must be at least 2, not 1"),
        ({"queries": 0}, "queries must be at least 1, not 0"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        (
            {"alphabet": 50, "key_length": 4},
            "alphabet=50 and key_length=4 spell 6,250,000 keys; give at most 1,000,000",
        ),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Memorization(**knobs)
    assert str(error.value) == message
