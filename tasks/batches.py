"""What tasks hand out: batches, and what the model around a cell must know of them.

Legend: B batch, T time, N positions that a loss or metric sees.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

IGNORE_INDEX = -100
"""The target of a position that does not count, in losses and metrics alike."""

EVAL_ROWS = 256
"""Rows of an evaluation batch, whatever `batch_size` is."""


class Batch(NamedTuple):
    """One batch; targets have the layout of the outputs.

    Attributes:
        inputs: token ids `(B, T)` or features `(B, T, F)`, dense or packed.
        targets: `(B, T, ...)` or packed for a prediction per step, `(B, ...)` for one per sequence;
            `IGNORE_INDEX`, or NaN for numbers, does not count.
        fresh: False carries the state over from the batch before (truncated BPTT).
    """

    inputs: Tensor | PackedSequence
    targets: Tensor | PackedSequence
    fresh: bool = True


@dataclass(frozen=True)
class TaskSpec:
    """What the model around a cell must know of a task.

    Attributes:
        input_size: features of a step, or the vocabulary's size when `tokens`.
        tokens: the inputs are integer ids to embed, not features.
        output_size: width of a prediction.
        scope: a prediction per step, or one per sequence.
        predicts_next: the targets are the inputs to come, so no layer may look ahead.
    """

    input_size: int
    tokens: bool
    output_size: int
    scope: Literal["step", "sequence"]
    predicts_next: bool = False


class FreeRun(NamedTuple):
    """Prompts that the model continues by itself, each output the next input.

    Attributes:
        prompts: token ids or features, dense or packed.
        answers: the right continuations, ids `(B, L)` filled up with `stop`, or features
            `(B, L, F)`; L steps are decoded.
        stop: the token that ends a continuation; None if nothing does.
    """

    prompts: Tensor | PackedSequence
    answers: Tensor
    stop: int | None


Predictor = Callable[[Batch], Tensor]
"""Plays a model without parameters: outputs `(N, output_size)` of a batch at its valid positions,
or, where free runs rank, its continuations `(B, L)` or `(B, L, F)`."""


class Batches:
    """An iterable of batches made one at a time from their position.

    Because `make` knows only the position, iterating twice gives the same batches, and training can
    continue from any position.

    Args:
        make: gives the batch at a position.
        count: the number of batches; None never ends.
        epoch: how many batches are one pass over a finite train split; None if the data is drawn
            without end, or if `count` says it.
    """

    def __init__(
        self, make: Callable[[int], Batch], count: int | None = None, epoch: int | None = None
    ) -> None:
        self.make, self.count, self.epoch = make, count, epoch

    def since(self, position: int) -> "Batches":
        """The batches from a position on, without end; those that are counted are repeated."""

        def make(later: int) -> Batch:
            at = position + later
            return self.make(at if self.count is None else at % self.count)

        return Batches(make)

    def __iter__(self) -> Iterator[Batch]:
        position = 0
        while self.count is None or position < self.count:
            yield self.make(position)
            position += 1


def valid_steps(x: Tensor | PackedSequence) -> Tensor:
    """All valid positions, `(N, ...)`: row after row if dense, step after step if packed."""
    return x.data if isinstance(x, PackedSequence) else x.flatten(0, 1)


def dense(x: Tensor | PackedSequence) -> Tensor:
    """The inputs or targets of a batch in a task that never packs."""
    assert isinstance(x, Tensor)
    return x


def one_hot_logits(classes: Tensor, count: int) -> Tensor:
    """Logits `(..., count)` that are all but certain of classes `(...)`."""
    return 100.0 * F.one_hot(classes, count)
