"""Transduction shows a string and a marker, and asks for what the rule makes of it."""

import doctest
from itertools import islice

import pytest
from torch.nn.utils.rnn import unpack_sequence

import recurbench.tasks.transduction.task
from recurbench.tasks.base import IGNORE_INDEX, TaskError
from recurbench.tasks.transduction.rules import Addition
from recurbench.tasks.transduction.task import Transduction

KNOBS = [
    {"rule": "reverse", "length": 7},
    {"rule": "stack", "length": 6, "alphabet": 3},
    {"rule": "odds_first", "length": 6, "alphabet": 2},
    {"rule": "sort", "length": 5, "alphabet": 3},
    {"rule": "addition", "length": 9},
    {"rule": "addition", "length": 3},
]


def ready(**knobs) -> Transduction:
    return Transduction(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def rows(task: Transduction, batches) -> list[tuple[list[int], list[int]]]:
    """Inputs and targets of all sequences."""
    return [
        (inputs.tolist(), targets.tolist())
        for batch in batches
        for inputs, targets in zip(
            unpack_sequence(batch.inputs), unpack_sequence(batch.targets), strict=True
        )
    ]


def lengths(task: Transduction, batches) -> set[int]:
    """Of the strings alone."""
    return {inputs.index(task.go) for inputs, _ in rows(task, batches)}


def value(bits: list[int]) -> int:
    return sum(bit << place for place, bit in enumerate(bits))


@pytest.mark.parametrize("knobs", KNOBS)
def test_what_the_rule_makes_of_a_string_is_due_at_the_blanks_after_the_marker(knobs):
    task = ready(**knobs)
    splits = task.val_dataloader(), *task.extra_test_dataloaders().values()
    batches = [*islice(task.train_dataloader(), 20), *(x for split in splits for x in split)]
    for inputs, targets in rows(task, batches):
        end = inputs.index(task.go)
        string, due = inputs[:end], targets[end + 1 :]
        assert set(inputs[end + 1 :]) == {task.blank}
        assert set(targets[: end + 1]) == {IGNORE_INDEX}
        match knobs["rule"]:
            case "reverse":
                assert due == string[::-1]
            case "odds_first":
                assert due == string[::2] + string[1::2]
            case "sort":
                assert due == sorted(string)
            case "stack":
                left: list[int] = []
                for token in string:
                    if token == task.rule.pop:
                        left = left[:-1]
                    else:
                        left.append(token - task.rule.push if token >= task.rule.push else token)
                assert due == [*left[::-1], task.rule.end]
            case "addition":
                plus = string.index(Addition.PLUS)
                one, other = string[:plus], string[plus + 1 :]
                assert one
                assert other
                assert len(due) == max(len(one), len(other)) + 1
                assert value(due) == value(one) + value(other)


@pytest.mark.parametrize("knobs", KNOBS)
def test_every_further_split_is_longer_than_all_before(knobs):
    task = ready(**knobs)
    shortest = 3 if knobs["rule"] == "addition" else 1
    trained_on = set(range(shortest, knobs["length"] + 1))
    assert lengths(task, islice(task.train_dataloader(), 40)) == trained_on
    assert lengths(task, task.test_dataloader()) == trained_on
    for name, split in task.extra_test_dataloaders().items():
        beyond = int(name.removeprefix("length_"))
        assert lengths(task, split) == set(range(beyond // 2 + 1, beyond + 1))


@pytest.mark.parametrize("knobs", KNOBS)
def test_references_are_played_within_sampling_error_on_every_split(knobs):
    task = ready(**knobs, eval_sequences=3000)
    predictors = task.predictors()
    splits = {"test": task.test_dataloader(), **task.extra_test_dataloaders()}
    for split, batches in splits.items():
        references = task.references_of(split)
        assert set(references) == set(predictors)
        for name, expected in references.items():
            assert task.play(predictors[name], batches) == pytest.approx(expected, abs=0.03)
        assert references["optimal"] == 1 == task.play(predictors["optimal"], batches)


def test_references_of_short_strings_are_those_of_paper_and_pencil():
    # Of one or two bits: "a", or "ab", of which half are alike and half have each symbol once.
    bag = Transduction(length=2, alphabet=2).references()["bag"]
    assert bag == pytest.approx((1 + 1.5) / 3)
    # Sorted, "ab" begins with a 0 in three of four, and ends with a 1 in three of four.
    clock = Transduction(rule="sort", length=2, alphabet=2).references()["clock"]
    assert clock == pytest.approx((0.5 + 0.75 + 0.75) / 3)
    # Two bits: the last carry is 1 if both are.
    # One symbol, or two tokens: two symbols, or a symbol that a third of the actions pop.
    height = Transduction(rule="stack", length=2, alphabet=2).references()["height"]
    mean = (1 + (2 + (0 + 2 * 2) / 3) / 2) / 2
    assert height == pytest.approx((1 + mean / 2) / (1 + mean))
    assert Transduction(rule="addition", length=3).references() == pytest.approx(
        {"chance": 0.5, "clock": (0.5 + 0.75) / 2, "no_carry": (1 + 0.75) / 2, "optimal": 1}
    )


def test_rules_see_the_same_strings():
    one, other = (next(iter(ready(rule=rule).train_dataloader())) for rule in ("reverse", "sort"))
    assert one.inputs.data.equal(other.inputs.data)
    assert not one.targets.data.equal(other.targets.data)


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(recurbench.tasks.transduction.task) == (0, 12)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"rule": "copy"},
            "rule must be one of reverse, stack, odds_first, sort, addition, not copy",
        ),
        ({"length": 0}, "length must be at least 1, not 0"),
        ({"rule": "addition", "length": 2}, "length must be at least 3 for addition, not 2"),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        (
            {"rule": "addition", "alphabet": 3},
            "alphabet=3 has no effect with rule=addition; it goes with rule=reverse or stack or "
            "odds_first or sort",
        ),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Transduction(**knobs)
    assert str(error.value) == message
