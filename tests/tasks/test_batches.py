"""Batches are made from their position."""

from itertools import islice

import torch

from recurbench.tasks.batches import Batch, Batches


def numbered(position: int) -> Batch:
    return Batch(torch.tensor([position]), torch.tensor([0]))


def numbers(batches: Batches, most: int = 7) -> list[int]:
    return [int(batch.inputs) for batch in islice(batches, most)]


def test_iterating_twice_gives_the_same_batches() -> None:
    batches = Batches(numbered, 3)
    assert numbers(batches) == numbers(batches) == [0, 1, 2]


def test_batches_without_end_go_on_from_a_position() -> None:
    assert numbers(Batches(numbered).since(5), 3) == [5, 6, 7]


def test_counted_batches_come_again_from_a_position() -> None:
    assert numbers(Batches(numbered, 3).since(0)) == [0, 1, 2, 0, 1, 2, 0]
    assert numbers(Batches(numbered, 3).since(5)) == [2, 0, 1, 2, 0, 1, 2]
