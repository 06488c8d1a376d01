"""Dyck strings are well nested, bounded and uniform, and ask for the brackets that close."""

from collections import Counter
from functools import cache
from itertools import islice, product

import pytest
import torch

from recurbench.tasks.base import IGNORE_INDEX, TaskError
from recurbench.tasks.dyck import Dyck, closing_at_once, opening_chances

SIZES = [(2, 1, 4), (3, 2, 10), (4, 5, 14)]


def ready(**knobs) -> Dyck:
    return Dyck(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def read(string: list[int], kinds: int) -> tuple[int, list[int], list[int]]:
    """The largest depth, the kind that closes next or IGNORE_INDEX, and what opened last."""
    stack: list[int] = []
    deepest, closing, opened_last, last = 0, [], [], -1
    for step, symbol in enumerate(string):
        if symbol < kinds:
            stack.append(symbol)
            last = symbol
        else:
            assert stack.pop() == symbol - kinds
        deepest = max(deepest, len(stack))
        follows = string[step + 1] if step + 1 < len(string) else 0
        closing.append(stack[-1] if follows >= kinds else IGNORE_INDEX)
        opened_last.append(last)
    assert not stack
    return deepest, closing, opened_last


@cache
def paths(depth: int, length: int) -> list[tuple[int, ...]]:
    """All ways to open (1) and close (-1) brackets."""
    found = []
    for path in product((1, -1), repeat=length):
        depths = [sum(path[: step + 1]) for step in range(length)]
        if min(depths) >= 0 and max(depths) <= depth and depths[-1] == 0:
            found.append(path)
    return found


@pytest.mark.parametrize(("kinds", "depth", "length"), SIZES)
def test_strings_are_well_nested_within_the_depth_and_targets_are_what_closes(kinds, depth, length):
    task = ready(kinds=kinds, depth=depth, length=length)
    deepest = set()
    for batch in [*islice(task.train_dataloader(), 20), *task.val_dataloader()]:
        assert batch.inputs.shape[1] == length
        for string, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
            found, closing, _ = read(string, kinds)
            deepest.add(found)
            assert closing == targets
            assert sum(target != IGNORE_INDEX for target in targets) == length // 2
    assert max(deepest) == depth


def test_all_strings_of_a_length_are_equally_likely():
    depth, length = 2, 8
    source = torch.Generator().manual_seed(0)
    batch = Dyck(kinds=2, depth=depth, length=length).draw(8000, length, source)
    counts = Counter(tuple(1 - 2 * (x >= 2) for x in string) for string in batch.inputs.tolist())
    assert set(counts) == set(paths(depth, length))
    expected = 8000 / len(paths(depth, length))
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())
    opened = batch.inputs[batch.inputs < 2].double().mean().item()
    assert opened == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("depth", "length"), [(1, 4), (2, 6), (3, 10), (5, 12)])
def test_the_share_that_closes_at_once_is_that_of_all_strings(depth, length):
    every = paths(depth, length)
    peaks = sum(path[i : i + 2] == (1, -1) for path in every for i in range(length - 1))
    assert closing_at_once(depth, length) == pytest.approx(peaks / len(every) / (length / 2))


def test_long_strings_lose_no_digit():
    chances = opening_chances(5, 2000)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (chances[:, -1] == 0).all()
    torch.testing.assert_close(chances[500], chances[502])


@pytest.mark.parametrize(("kinds", "depth", "length"), SIZES)
def test_references_are_played_within_sampling_error(kinds, depth, length):
    task = ready(kinds=kinds, depth=depth, length=length, eval_sequences=2000)
    predictors = task.predictors()
    references = task.references()
    assert set(references) == set(predictors)
    for name, value in references.items():
        assert task.play(predictors[name]) == pytest.approx(value, abs=0.03)


def test_the_last_bracket_opened_says_nothing_of_those_around_others():
    task = ready(kinds=4, depth=8, length=40, eval_sequences=4000)
    nested = task.extra_test_dataloaders()["nested"]
    references = task.references_of("nested")
    assert references == {"chance": 0.25, "last_opened": 0.25, "optimal": 1.0}
    played = task.play(task.predictors()["last_opened"], nested)
    assert played == pytest.approx(0.25, abs=0.01)
    assert task.references()["last_opened"] > 0.6


def test_who_remembers_the_last_bracket_does_just_that():
    task = ready(kinds=3, depth=4, length=12)
    (first, *_) = task.test_dataloader()
    said = task.predictors()["last_opened"](first).argmax(1).view(first.inputs.shape)
    assert said.tolist() == [read(string, 3)[2] for string in first.inputs.tolist()]


def test_nested_counts_what_closes_around_others_where_the_last_bracket_is_no_help():
    task = ready(kinds=4, depth=4, length=20, eval_sequences=3000)
    nested = task.extra_test_dataloaders()["nested"]
    for all_closing, part in zip(task.test_dataloader(), nested, strict=True):
        counted = part.targets != IGNORE_INDEX
        assert torch.equal(part.inputs, all_closing.inputs)
        assert torch.equal(part.targets[counted], all_closing.targets[counted])
        closing = all_closing.targets != IGNORE_INDEX
        assert torch.equal(counted, closing & (part.inputs >= 4))
    last_opened = task.play(task.predictors()["last_opened"], nested)
    assert last_opened == pytest.approx(1 / 4, abs=0.02)
    assert task.play(task.oracle, nested) == 1


def test_further_splits_are_longer_and_nothing_is_nested_at_depth_1():
    lengths = {
        name: next(iter(split)).inputs.shape[1]
        for name, split in ready(depth=3, length=6).extra_test_dataloaders().items()
    }
    assert lengths == {"length_12": 12, "length_24": 24, "nested": 6}
    assert list(ready(depth=1, length=6).extra_test_dataloaders()) == ["length_12", "length_24"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"kinds": 1}, "kinds must be at least 2, not 1"),
        ({"depth": 0}, "depth must be at least 1, not 0"),
        ({"depth": 5, "length": 8}, "length must be even and at least 2 * depth = 10, not 8"),
        ({"depth": 2, "length": 9}, "length must be even and at least 2 * depth = 4, not 9"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Dyck(**knobs)
    assert str(error.value) == message
