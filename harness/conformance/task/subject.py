"""The task under examination: how it is prepared, and how its batches are taken apart.

Legend: B batch, T time, N positions that a loss or metric sees, R rows of a split.
"""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence
from torchmetrics import MetricCollection

from recurbench.tasks.base import IGNORE_INDEX, Batch, Batches, Task, hash_data

ROWS = 5
"""Rows of a training batch; odd, so that no cut of the data fits by chance."""

PART = 6
"""Training batches of a seed that are looked at."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A task class with knobs; what it loads is kept, so that several properties can use it.

    Attributes:
        cls: the task's class.
        knobs: its constructor's arguments.
    """

    cls: type[Task]
    knobs: dict[str, Any] = field(default_factory=dict)

    def prepare(self, *, batch_size: int = ROWS, seed: int = 0, **changes: Any) -> Task:
        """A new task with its data loaded."""
        return prepared(self.cls, self.knobs | changes, batch_size=batch_size, seed=seed)

    @cached_property
    def task(self) -> Task:
        """The task that is looked at, not changed."""
        return self.prepare()

    @cached_property
    def other(self) -> Task:
        """The same task with another batch size and seed."""
        return self.prepare(batch_size=ROWS + 1, seed=1)

    @cached_property
    def training(self) -> list[Batch]:
        """The first training batches of seed 0."""
        return first(self.task.train_dataloader())

    @cached_property
    def evaluation(self) -> dict[str, list[Batch]]:
        """All batches of each evaluation split."""
        return {name: list(batches) for name, batches in evaluation_of(self.task).items()}

    @cached_property
    def references(self) -> dict[str, float]:
        """The scores that give a result its meaning."""
        return self.task.references()

    @property
    def batches(self) -> Iterator[tuple[str, Batch]]:
        """All batches that are kept, with the name of their split."""
        for split, batches in {"train": self.training, **self.evaluation}.items():
            for batch in batches:
                yield split, batch


def prepared(cls: type[Task], knobs: dict[str, Any], *, batch_size: int, seed: int) -> Task:
    """A task as a run makes it."""
    return cls(**knobs).ready(batch_size=batch_size, seed=seed)


def first(batches: Batches, count: int = PART) -> list[Batch]:
    """The first batches."""
    return list(islice(batches, count))


def evaluation_of(task: Task) -> dict[str, Batches]:
    """The evaluation splits by name."""
    splits = {"val": task.val_dataloader(), "test": task.test_dataloader()}
    return splits | task.extra_test_dataloaders()


def digest(batches: Iterable[Batch]) -> str:
    """A hash of batches, the same for equal ones."""
    return hash_data([list(batch) for batch in batches])


def values(part: Tensor | PackedSequence) -> Tensor:
    """The valid steps of a batch's part, in its own layout."""
    return part.data if isinstance(part, PackedSequence) else part


def count_rows(batch: Batch) -> int:
    """The number of rows of a batch."""
    inputs = batch.inputs
    return int(inputs.batch_sizes[0]) if isinstance(inputs, PackedSequence) else len(inputs)


def unpacked(part: Tensor | PackedSequence) -> list[Tensor]:
    """Each row's valid steps, in the caller's order."""
    if isinstance(part, Tensor):
        return list(part)
    padded, lengths = pad_packed_sequence(part, batch_first=True)
    return [row[:length] for row, length in zip(padded, lengths.tolist(), strict=True)]


def one_by_one(batch: Batch) -> list[Batch]:
    """Each row as a batch of its own."""

    def alone(part: Tensor | PackedSequence) -> list[Any]:
        if isinstance(part, Tensor):
            return list(part.split(1))
        return [pack_sequence([row]) for row in unpacked(part)]

    pairs = zip(alone(batch.inputs), alone(batch.targets), strict=True)
    return [Batch(inputs, targets, batch.fresh) for inputs, targets in pairs]


def places(task: Task, batch: Batch) -> list[Tensor]:
    """Where the outputs of each row are among the N of the batch."""
    rows, inputs = count_rows(batch), batch.inputs
    if task.spec.scope == "sequence":
        return list(torch.arange(rows)[:, None])
    if isinstance(inputs, Tensor):
        return list(torch.arange(rows * inputs.shape[1]).view(rows, -1))
    numbers = PackedSequence(torch.arange(len(inputs.data)), *inputs[1:])
    return unpacked(numbers)


def counted(targets: Tensor) -> Tensor:
    """Which of N positions count."""
    known = ~ignored(targets)
    return known.flatten(1).any(1) if known.dim() > 1 else known


def ignored(targets: Tensor) -> Tensor:
    """Which targets do not count: NaN of numbers, `IGNORE_INDEX` of classes."""
    return targets.isnan() if targets.is_floating_point() else targets == IGNORE_INDEX


def guesses(task: Task, targets: Tensor) -> Tensor:
    """Random outputs `(N, output_size)` that are right now and then."""
    outputs = torch.randn(len(targets), task.spec.output_size)
    if targets.is_floating_point():
        return outputs + targets.reshape(outputs.shape).nan_to_num()
    if targets.dim() == 1:
        places = targets.clamp(min=0)[:, None]
        hint = 5.0 * torch.randint(2, (len(targets), 1)) * (targets >= 0)[:, None]
        outputs.scatter_add_(1, places, hint)
    return outputs


def scores(metrics: MetricCollection) -> dict[str, float]:
    """What metrics say, as numbers."""
    return {name: float(value) for name, value in metrics.compute().items()}


def better(task: Task) -> bool:
    """Whether more of the primary metric is better."""
    return bool(task.ranking_metrics()[task.primary].higher_is_better)


@contextmanager
def offline() -> Iterator[None]:
    """Refuses every connection to another machine, as one without a network would."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("there is no network while a task is checked")

    with (
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
    ):
        yield
