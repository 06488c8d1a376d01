"""Automata say of strings what they say one symbol at a time, and how often is exact."""

from itertools import islice, product

import pytest
import torch
from torch.nn.utils.rnn import pad_packed_sequence

from recurbench.tasks.common.formal import Automaton, FormalLanguage
from recurbench.tasks.cycle_navigation import CycleNavigation
from recurbench.tasks.modular_arithmetic import ModularArithmetic
from recurbench.tasks.parity import Parity

ENDS_IN_1 = Automaton(torch.tensor([[0, 1], [0, 1]]), torch.tensor([0, 1]))
HAS_A_1 = Automaton(torch.tensor([[0, 1], [1, 1]]), torch.tensor([0, 1]))

LANGUAGES = [
    (Parity, {"length": 7}),
    (CycleNavigation, {"length": 6, "size": 4}),
    (ModularArithmetic, {"length": 7, "modulus": 3}),
    (ModularArithmetic, {"length": 10, "modulus": 2}),
]


def ready(cls: type[FormalLanguage], knobs: dict, *, batch_size: int = 7) -> FormalLanguage:
    return cls(**{"eval_sequences": 300, **knobs}).ready(batch_size=batch_size, seed=0)


def lengths(batches) -> set[int]:
    return {length for batch in batches for length in pad_packed_sequence(batch.inputs)[1].tolist()}


def every_string(symbols: int, longest: int):
    for length in range(1, longest + 1):
        yield torch.tensor(list(product(range(symbols), repeat=length))), length


def classify_all(machine: Automaton, strings: torch.Tensor, length: int) -> torch.Tensor:
    return machine.classify(strings, torch.full((len(strings),), length))


def test_what_stands_after_the_end_of_a_string_is_not_read():
    symbols = torch.tensor([[1, 0, 1, 1], [0, 1, 1, 1]])
    assert ENDS_IN_1.classify(symbols, torch.tensor([2, 1])).tolist() == [0, 0]
    assert ENDS_IN_1.classify(symbols, torch.tensor([3, 2])).tolist() == [1, 1]


@pytest.mark.parametrize(("shortest", "longest"), [(1, 1), (1, 5), (3, 5)])
@pytest.mark.parametrize(
    "machine",
    [HAS_A_1, *(cls(**knobs).machine for cls, knobs in LANGUAGES[:3])],
    ids=["has_a_1", "parity", "cycle", "arithmetic"],
)
def test_shares_are_those_of_all_strings(machine, shortest, longest):
    classes = int(machine.classes.max()) + 1
    longest = min(longest, 3 if machine.moves.shape[1] > 3 else longest)
    counted = [
        classify_all(machine, strings, length).bincount(minlength=classes).double() / len(strings)
        for strings, length in every_string(machine.moves.shape[1], longest)
    ]
    expected = torch.stack(counted[shortest - 1 :]).mean(0)
    torch.testing.assert_close(machine.shares(shortest, longest), expected, rtol=0, atol=1e-12)


def test_the_agreement_of_two_automata_says_where_both_say_the_same():
    both = ENDS_IN_1.agreement(HAS_A_1)
    for strings, length in every_string(2, 4):
        same = classify_all(ENDS_IN_1, strings, length) == classify_all(HAS_A_1, strings, length)
        assert torch.equal(classify_all(both, strings, length), same.long())


@pytest.mark.parametrize(("cls", "knobs"), LANGUAGES)
def test_every_further_split_is_longer_than_all_before(cls, knobs):
    task = ready(cls, knobs)
    longest, step = knobs["length"], task.width
    assert lengths(islice(task.train_dataloader(), 40)) == set(range(1, longest + 1, step))
    assert lengths(task.test_dataloader()) == set(range(1, longest + 1, step))
    for name, split in task.extra_test_dataloaders().items():
        beyond = int(name.removeprefix("length_"))
        expected = {n for n in range(1, beyond + 1, step) if n > beyond // 2}
        assert lengths(split) == expected
        assert min(expected) > longest


@pytest.mark.parametrize("length", [3, 4])
@pytest.mark.parametrize("cls", [cls for cls, _ in LANGUAGES])
def test_short_strings_grow_too(cls, length):
    task = ready(cls, {"length": length})
    assert all(min(lengths(split)) > length for split in task.extra_test_dataloaders().values())


@pytest.mark.parametrize(("cls", "knobs"), LANGUAGES)
def test_references_are_played_within_sampling_error(cls, knobs):
    task = ready(cls, knobs | {"eval_sequences": 2000})
    references, predictors = task.references(), task.predictors()
    assert set(references) == set(predictors)
    for name, value in references.items():
        assert task.play(predictors[name]) == pytest.approx(value, abs=0.04)
    assert references["optimal"] == 1 == task.play(predictors["optimal"])


def test_no_class_is_the_majority_where_all_are_alike():
    assert "majority" not in Parity().references()
    assert "majority" not in CycleNavigation(size=3).references()
    assert CycleNavigation(size=5).references()["majority"] > 1 / 5


@pytest.mark.parametrize(("cls", "knobs"), LANGUAGES)
def test_each_training_step_has_fresh_strings(cls, knobs):
    batches = islice(ready(cls, knobs, batch_size=16).train_dataloader(), 9)
    assert len({str(batch.inputs.data.tolist()) for batch in batches}) == 9
