"""How many test sequences training is expected to hold is what it holds."""

from itertools import islice

import pytest
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.adding import Adding
from recurbench.tasks.associative_recall import AssociativeRecall
from recurbench.tasks.base import Batch
from recurbench.tasks.common.counting import expected_overlap
from recurbench.tasks.compression import Compression
from recurbench.tasks.copying import Copying
from recurbench.tasks.cycle_navigation import CycleNavigation
from recurbench.tasks.listops.task import ListOps
from recurbench.tasks.memorization import Memorization
from recurbench.tasks.modular_arithmetic import ModularArithmetic
from recurbench.tasks.parity import Parity
from recurbench.tasks.repeat_previous import RepeatPrevious
from recurbench.tasks.transduction.task import Transduction
from recurbench.tasks.variable_length.task import VariableLength
from recurbench.tasks.word_problem import WordProblem

STEPS, ROWS = 60, 50


def inputs(batch: Batch) -> list[bytes]:
    if not isinstance(batch.inputs, PackedSequence):
        return [row.numpy().tobytes() for row in batch.inputs]
    rows, lengths = pad_packed_sequence(batch.inputs, batch_first=True)
    return [row[:n].numpy().tobytes() for row, n in zip(rows, lengths, strict=True)]


@pytest.mark.parametrize(
    ("cls", "knobs"),
    [
        (Copying, {"symbols": 4}),
        (Copying, {"symbols": 2, "train_sequences": 70, "layout": "bai"}),
        (AssociativeRecall, {"pairs": 2, "gap": 3, "values": 3}),
        (AssociativeRecall, {"pairs": 1, "gap": 1, "keys": 2, "noise": 1, "key_length": 2}),
        (Compression, {"symbols": 4, "alphabet": 3}),
        (Memorization, {"alphabet": 3, "key_length": 2, "queries": 4}),
        (Parity, {"length": 20}),
        (CycleNavigation, {"length": 12}),
        (ModularArithmetic, {"modulus": 3, "length": 9}),
        (ListOps, {"length": 6}),
        (WordProblem, {"group": "S3", "length": 5}),
        (RepeatPrevious, {"delay": 2, "length": 5}),
        (Transduction, {"length": 9, "alphabet": 3}),
        (Transduction, {"rule": "addition", "length": 15}),
        (Transduction, {"rule": "stack", "length": 8, "alphabet": 3}),
        (VariableLength, {"rule": "parity", "max_length": 20}),
        (VariableLength, {"alphabet": 3, "min_length": 1, "max_length": 9}),
    ],
    ids=lambda part: part.__name__ if isinstance(part, type) else None,
)
def test_as_many_of_test_are_in_training_as_expected(cls, knobs):
    task = cls(**knobs, eval_sequences=3000).ready(batch_size=ROWS, seed=0)
    seen = {row for batch in islice(task.train_dataloader(), STEPS) for row in inputs(batch)}
    test = [row for batch in task.test_dataloader() for row in inputs(batch)]
    found = sum(row in seen for row in test) / len(test)
    assert 0.1 < found < 0.95
    assert task.overlap(STEPS * ROWS) == pytest.approx(found, abs=0.04)
    for batches in task.extra_test_dataloaders().values():
        assert not any(row in seen for batch in batches for row in inputs(batch))


def test_who_trains_on_nothing_has_seen_nothing():
    assert Parity().overlap(0) == 0
    assert expected_overlap(0, [1]) == 0


def test_a_string_without_an_other_is_seen_at_once():
    assert expected_overlap(1, [1]) == 1
    assert expected_overlap(10**9, [2, 4]) == pytest.approx(1)
    assert expected_overlap(5, [2**5000]) == 0


def test_it_is_unknown_where_sequences_are_not_alike():
    for task in (Adding(), VariableLength(rule="temporal_order")):
        assert task.ready(batch_size=3, seed=0).overlap(1000) is None
