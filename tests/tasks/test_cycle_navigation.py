"""Cycle navigation asks where a walk ends."""

from itertools import islice

import pytest
from torch.nn.utils.rnn import unpack_sequence

from recurbench.tasks.base import TaskError
from recurbench.tasks.cycle_navigation import CycleNavigation

STEPS = [0, 1, -1]


def ready(**knobs) -> CycleNavigation:
    return CycleNavigation(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


@pytest.mark.parametrize(("size", "length"), [(2, 1), (5, 9), (7, 4)])
def test_the_target_is_where_the_steps_lead(size, length):
    task = ready(size=size, length=length)
    splits = task.val_dataloader(), *task.extra_test_dataloaders().values()
    for batch in [*islice(task.train_dataloader(), 20), *(x for split in splits for x in split)]:
        walks = [[STEPS[move] for move in walk.tolist()] for walk in unpack_sequence(batch.inputs)]
        assert [sum(walk) % size for walk in walks] == batch.targets.tolist()


def test_one_step_leads_to_three_places_alike():
    references = CycleNavigation(size=5, length=1).references()
    assert references == pytest.approx({"chance": 1 / 5, "majority": 1 / 3, "optimal": 1})


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"size": 1}, "size must be at least 2, not 1"),
        ({"length": 0}, "length must be at least 1, not 0"),
        ({"eval_sequences": -1}, "eval_sequences must be at least 1, not -1"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        CycleNavigation(**knobs)
    assert str(error.value) == message
