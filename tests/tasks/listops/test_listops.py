"""ListOps packs expressions of all lengths, and its references are those of its splits."""

import doctest
from collections import Counter
from itertools import islice

import pytest
import torch
from torch.nn.utils.rnn import unpack_sequence

import recurbench.tasks.listops.task
from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.listops.expressions import CLOSE, DIGITS, OPERATORS, evaluate
from recurbench.tasks.listops.task import ListOps, numbers_below

KNOBS = [{"length": 12}, {"length": 9, "depth": 3, "args": 3}, {"length": 7, "depth": 4, "args": 2}]


def ready(**knobs) -> ListOps:
    return ListOps(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def rows(batches: list[Batch]) -> list[tuple[list[int], int]]:
    return [
        (tokens.tolist(), answer)
        for batch in batches
        for tokens, answer in zip(
            unpack_sequence(batch.inputs), batch.targets.tolist(), strict=True
        )
    ]


def nesting(tokens: list[int]) -> int:
    """How many operators are within each other at most."""
    found = now = 0
    for token in tokens:
        now += (token >= DIGITS) - 2 * (token == CLOSE)
        found = max(found, now)
    assert now == 0
    return found


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.listops.task) == (0, 2)
    lines = [line.split() for line in ListOps.__doc__.splitlines()]
    shown, answer = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    ids = {"]": CLOSE} | {f"[{name}": DIGITS + kind for kind, name in enumerate(OPERATORS)}
    tokens = [ids[word] if word in ids else int(word) for word in shown]
    assert tokens == [11, 2, 9, 10, 4, 7, 14, 0, 14]
    assert answer == [str(evaluate(tokens))]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_each_expression_is_within_the_knobs_and_its_value_is_due(knobs):
    task = ready(**knobs)
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    batches = [*islice(task.train_dataloader(), 20), *(x for split in splits for x in split)]
    deepest = 0
    for tokens, answer in rows(batches):
        assert answer == evaluate(tokens)
        deepest = max(deepest, nesting(tokens))
    assert deepest == knobs.get("depth", 4)


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_every_further_split_is_longer_than_all_before(knobs):
    task, length = ready(**knobs), knobs["length"]
    impossible = {2: lambda n: (n - 4) % 3, 3: lambda n: n == 6}.get(knobs.get("args"))

    def lengths(start: int, end: int) -> set[int]:
        return {n for n in range(start, end + 1) if not (impossible and impossible(n))}

    for batches in (islice(task.train_dataloader(), 60), task.test_dataloader()):
        assert {len(tokens) for tokens, _ in rows(list(batches))} == lengths(4, length)
    for name, split in task.extra_test_dataloaders().items():
        beyond = int(name.removeprefix("length_"))
        found = {len(tokens) for tokens, _ in rows(list(split))}
        assert found == lengths(beyond // 2 + 1, beyond)


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_references_are_played_within_sampling_error_on_every_split(knobs):
    task = ready(**knobs, eval_sequences=4000)
    splits = {"test": task.test_dataloader(), **task.extra_test_dataloaders()}
    for split, batches in splits.items():
        expected = task.references_of(split)
        played = task.play_all(batches)
        assert played == pytest.approx(expected, abs=0.025)
        assert played["optimal"] == 1


def test_numbers_are_uniform_below_counts_of_any_size():
    source = torch.Generator().manual_seed(0)
    numbers = numbers_below([10**30] * 3000 + [7] * 7000, source)
    thirds = Counter(3 * number // 10**30 for number in numbers[:3000])
    assert sorted(thirds) == [0, 1, 2]
    assert max(thirds.values()) < 1100
    small = Counter(numbers[3000:])
    assert sorted(small) == list(range(7))
    assert max(small.values()) < 1100
    assert len(set(numbers[:3000])) == 3000


def test_the_outermost_operator_of_two_digits_says_as_much_as_by_paper_and_pencil():
    """Of two digits the least is 0 in 19 of 100, as the greatest is 9, and a sum any in 10.

    Their mean, rounded down, is 4 where the sum is 8 or 9: in 19 of 100.
    """
    task = ready(length=4, depth=2, args=5)
    references = task.references()
    assert references["outermost"] == pytest.approx((0.19 + 0.19 + 0.19 + 0.1) / 4)


def test_seeds_draw_other_training_and_the_same_test():
    tasks = [ListOps(length=12).ready(batch_size=7, seed=seed) for seed in (0, 0, 1)]
    one, same, other = (rows(list(islice(task.train_dataloader(), 3))) for task in tasks)
    assert one == same != other
    assert tasks[0].fingerprint() == tasks[2].fingerprint()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"length": 3}, "length must be at least 4, not 3"),
        ({"depth": 0}, "depth must be at least 1, not 0"),
        ({"args": 1}, "args must be at least 2, not 1"),
        ({"args": 9}, "args must be at most 8, not 9"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        (
            {"depth": 2, "args": 3},
            "depth=2 and args=3 give no expression of more than 17 tokens; the longest test split "
            "of length=30 needs more than 60",
        ),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        ListOps(**knobs)
    assert str(error.value) == message
