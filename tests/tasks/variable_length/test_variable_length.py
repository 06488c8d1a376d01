"""Sequences of really different lengths reach the model packed, labelled and in tight batches."""

from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import unpack_sequence
from variable_length_kit import lengths, ready

from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.common.sequences import POOL, Sequences, bucket
from recurbench.tasks.variable_length.rules import TemporalOrder
from recurbench.tasks.variable_length.task import VariableLength

SHORT_AND_LONG = [(2, 3), (5, 50), (17, 17)]


def first_symbol(sequence: list[int]) -> int:
    return sequence[0]


def temporal_order(sequence: list[int]) -> int:
    """X and Y are 4 and 5; they stand in the second and the sixth tenth of the sequence."""
    steps = len(sequence)
    (first, x_or_y), (second, x_or_y_again) = [
        (place, token) for place, token in enumerate(sequence) if token >= 4
    ]
    assert steps // 10 <= first < max(steps // 5, steps // 10 + 1)
    assert steps // 2 <= second < max(steps * 6 // 10, steps // 2 + 1)
    return 2 * (x_or_y - 4) + (x_or_y_again - 4)


def parity(sequence: list[int]) -> int:
    return sum(sequence) % 2


RULES = {rule.__name__: rule for rule in (first_symbol, temporal_order, parity)}


@pytest.mark.parametrize(("min_length", "max_length"), SHORT_AND_LONG)
@pytest.mark.parametrize("rule", RULES)
def test_each_target_follows_from_its_own_sequence(rule, min_length, max_length):
    task = ready(rule=rule, min_length=min_length, max_length=max_length)
    for batch in [*task.val_dataloader(), *islice(task.train_dataloader(), 20)]:
        sequences = [sequence.tolist() for sequence in unpack_sequence(batch.inputs)]
        assert [RULES[rule](sequence) for sequence in sequences] == batch.targets.tolist()


@pytest.mark.parametrize("rule", RULES)
def test_the_example_in_the_docstring_holds(rule):
    lines = [line.split() for line in VariableLength.__doc__.splitlines()]
    _, *example, answer = next(line for line in lines if line[:1] == [rule])
    tokens = ["abcdXY".index(symbol) if symbol in "abcdXY" else int(symbol) for symbol in example]
    answers = {"XY": 1, "odd": 1, "3": 3}
    assert RULES[rule](tokens) == answers[answer]
    labels = VariableLength(rule=rule).rule.label(torch.tensor([tokens]))
    assert labels.tolist() == [answers[answer]]


@pytest.mark.parametrize("rule", RULES)
def test_knowing_the_rule_scores_the_optimum_and_guessing_scores_chance(rule):
    task = ready(rule=rule, eval_sequences=5000)

    def knowing(batch: Batch) -> torch.Tensor:
        answers = [RULES[rule](x.tolist()) for x in unpack_sequence(batch.inputs)]
        return 1e3 * F.one_hot(torch.tensor(answers), task.spec.output_size).float()

    references, predictors = task.references(), task.predictors()
    assert list(references) == list(predictors) == ["chance", "optimal"]
    assert task.play(knowing) == task.play(predictors["optimal"]) == references["optimal"] == 1
    assert task.play(predictors["chance"]) == pytest.approx(references["chance"], abs=0.03)
    assert references["chance"] == 1 / task.spec.output_size


def test_the_default_references_are_what_is_found():
    assert ready().references() == pytest.approx(VariableLength.default_references, abs=5e-5)


@pytest.mark.parametrize("rule", RULES)
def test_further_test_splits_are_longer_than_any_training_sequence(rule):
    task = ready(rule=rule, min_length=3, max_length=11, eval_sequences=2000)
    splits = task.extra_test_dataloaders()
    assert list(splits) == ["max_length_22", "max_length_44"]
    for (shortest, longest), batches in zip([(12, 22), (23, 44)], splits.values(), strict=True):
        found = torch.cat([lengths(batch) for batch in batches])
        assert len(found) == 2000
        assert set(found.tolist()) == set(range(shortest, longest + 1))
        batch = batches.make(0)
        answers = [RULES[rule](x.tolist()) for x in unpack_sequence(batch.inputs)]
        assert answers == batch.targets.tolist()


def test_markers_reach_every_place_of_their_tenths():
    source = torch.Generator().manual_seed(0)
    tokens = TemporalOrder().draw(torch.full((2000,), 100), source)
    places = (tokens >= 4).nonzero()[:, 1].unique().tolist()
    assert places == [*range(10, 20), *range(50, 60)]


def test_lengths_are_within_bounds_and_really_different():
    task = ready(min_length=5, max_length=50)
    for batches in (task.val_dataloader(), islice(task.train_dataloader(), 200)):
        found = torch.cat([lengths(batch) for batch in batches])
        assert set(found.tolist()) == set(range(5, 51))


def test_packing_keeps_the_callers_order():
    rows = [[1, 2, 3], [4], [5, 6, 7, 8], [9, 10]]
    padded = torch.tensor([row + [0] * (4 - len(row)) for row in rows])
    sequences = Sequences(padded, torch.tensor([3, 1, 4, 2]), torch.tensor([0, 1, 2, 3]))
    batch = sequences.pack()
    assert [x.tolist() for x in unpack_sequence(batch.inputs)] == rows
    assert batch.targets.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("sequences", "batch_size"), [(1, 5), (5, 5), (216, 7), (1001, 3)])
def test_buckets_hold_every_row_once_in_full_batches(sequences, batch_size):
    source = torch.Generator().manual_seed(0)
    batches = bucket(torch.randint(1, 99, (sequences,)), batch_size, source)
    assert sorted(torch.cat(batches).tolist()) == list(range(sequences))
    short = [rows for rows in batches if len(rows) != batch_size]
    assert [len(rows) for rows in short] == [sequences % batch_size] * len(short)
    assert len(short) <= 1


def test_lengths_are_nearly_equal_within_a_batch_and_in_no_order_across():
    task = ready(batch_size=16)
    batches = [lengths(batch).float() for batch in islice(task.train_dataloader(), 4 * POOL)]
    within = torch.stack([batch.std() for batch in batches]).mean()
    assert within < torch.cat(batches).std() / 8
    means = torch.stack([batch.mean() for batch in batches])
    assert (means.diff() > 0).sum() in range(POOL, 3 * POOL)


def test_synthetic_batches_are_full_and_fresh_beyond_a_pool():
    batches = list(islice(ready().train_dataloader(), 2 * POOL + 3))
    assert {len(batch.targets) for batch in batches} == {7}
    assert len({str(batch.inputs.data.tolist()) for batch in batches}) == len(batches)


def test_training_can_continue_from_any_position():
    batches = ready().train_dataloader()
    position = 2 * POOL + 5
    expected = list(islice(batches, position + 1))[-1]
    batches.make(0)
    assert torch.equal(batches.make(position).inputs.data, expected.inputs.data)


def test_evaluation_goes_from_short_to_long():
    task = ready(eval_sequences=600)
    batches = list(task.test_dataloader())
    assert [len(batch.targets) for batch in batches] == [256, 256, 88]
    found = torch.cat([lengths(batch) for batch in batches])
    assert torch.equal(found, found.sort().values)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"dataset": "vowels"},
            "dataset must be one of synthetic, japanese_vowels, acsf1, arrow_head,",
        ),
        (
            {"rule": "last_symbol"},
            "rule must be one of first_symbol, temporal_order, parity, not last_symbol",
        ),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"min_length": 0}, "min_length must be at least 1 for first_symbol, not 0"),
        (
            {"min_length": 1, "rule": "temporal_order"},
            "min_length must be at least 2 for temporal_order, not 1",
        ),
        ({"max_length": 4}, "max_length must be at least min_length=5, not 4"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        (
            {"missing": "forward_fill"},
            "missing=forward_fill goes with dataset=file, not dataset=synthetic",
        ),
        (
            {"dataset": "file", "file": "x.ts", "missing": "mean"},
            "missing must be one of forward_fill, not mean",
        ),
        ({"test_file": "x.ts"}, "test_file=x.ts goes with dataset=file, not dataset=synthetic"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        VariableLength(**knobs)
    assert str(error.value).startswith(message)
