"""Sequences of one length come in full batches, every one once an epoch."""

from itertools import islice

import pytest
import torch

from recurbench.tasks.common.rows import Rows


def rows(count: int) -> Rows:
    return Rows(torch.arange(count * 3).view(count, 3), torch.arange(count))


@pytest.mark.parametrize(("count", "size"), [(1, 5), (5, 5), (11, 5), (12, 1)])
def test_every_sequence_comes_once_an_epoch(count, size):
    batches = rows(count).epochs(size, "test", 0)
    assert batches.epoch == -(-count // size)
    seen = list(islice(batches, 2 * batches.epoch))
    for epoch in (seen[: batches.epoch], seen[batches.epoch :]):
        assert sorted(torch.cat([batch.targets for batch in epoch]).tolist()) == list(range(count))
        assert {len(batch.targets) for batch in epoch[:-1]} <= {size}
    for batch in seen:
        assert torch.equal(batch.inputs[:, 0], 3 * batch.targets)


def test_epochs_differ_and_any_position_can_be_made_alone():
    batches = rows(97).epochs(10, "test", 0)
    seen = [batch.targets.tolist() for batch in islice(batches, 20)]
    assert seen[:10] != seen[10:]
    assert [batches.make(i).targets.tolist() for i in (13, 2, 19)] == [seen[i] for i in (13, 2, 19)]
    other = rows(97).epochs(10, "test", 1)
    assert other.make(0).targets.tolist() != seen[0]


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (5, [5]), (11, [5, 5, 1])])
def test_once_is_in_order(count, sizes):
    batches = list(rows(count).once(5))
    assert [len(batch.targets) for batch in batches] == sizes
    assert torch.cat([batch.targets for batch in batches]).tolist() == list(range(count))
