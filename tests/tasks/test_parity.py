"""Parity asks whether the number of b's is odd."""

from itertools import islice

import pytest
from torch.nn.utils.rnn import unpack_sequence

from recurbench.tasks.base import TaskError
from recurbench.tasks.parity import Parity


def ready(**knobs) -> Parity:
    return Parity(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


@pytest.mark.parametrize("length", [1, 9])
def test_the_target_is_the_number_of_bs_modulo_2(length):
    task = ready(length=length)
    splits = task.val_dataloader(), *task.extra_test_dataloaders().values()
    for batch in [*islice(task.train_dataloader(), 20), *(x for split in splits for x in split)]:
        strings = [string.tolist() for string in unpack_sequence(batch.inputs)]
        assert [string.count(1) % 2 for string in strings] == batch.targets.tolist()


def test_both_symbols_are_equally_frequent():
    symbols = next(iter(ready(length=100).test_dataloader())).inputs.data
    assert symbols.double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_the_references_are_exact():
    assert Parity().references() == {"chance": 0.5, "optimal": 1.0}


@pytest.mark.parametrize("knob", ["length", "eval_sequences"])
def test_a_bad_knob_is_named(knob):
    with pytest.raises(TaskError) as error:
        Parity(**{knob: 0})
    assert str(error.value) == f"{knob} must be at least 1, not 0"
