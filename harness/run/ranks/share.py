"""What every process of a run on several devices does with its rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from recurbench.harness.run.ranks.link import Link, Order
from recurbench.harness.run.ranks.rows import (
    States,
    join_states,
    rows_of,
    split_batch,
    split_states,
)
from recurbench.tasks.base import Batch, Task


def joint_loss(task: Task, batch: Batch, link: Link, predict: Callable[[Batch], Tensor]) -> Tensor:
    """The task's loss on a whole batch, of which this process runs its own rows.

    Every process computes the loss of all predictions, so that its gradient for the own ones is
    exact for any loss, a mean over positions that count or not; the sum over processes is the
    gradient of the batch.

    Args:
        task: says the loss.
        batch: whole, the same in all processes.
        link: to the other processes.
        predict: the model's outputs for rows of a batch, `(N, O)`.
    """
    parts = split_batch(batch, link.world)
    targets = [task.targets_of(part) for part in parts]
    own = parts[link.rank]
    if rows_of(own.inputs):
        outputs = predict(own)
    else:  # fewer rows than processes, at the end of an epoch
        outputs = torch.zeros(0, task.spec.output_size, device=targets[0].device)
    everything = link.gather(outputs, [len(part) for part in targets])
    return task.loss(everything, torch.cat(targets))


def collected(states: States | None, link: Link) -> States | None:
    """The states of all rows, in all processes; None if none are carried."""
    if not link.rank:
        link.order(Order.GIVE_STATES)
    parts = [part for part in link.hear_all(states) if part is not None]
    return join_states(parts) if parts else None


def handed_out(states: States | None, link: Link) -> States:
    """The states of this process's rows, of those of all rows that the first process has."""
    if not link.rank:
        link.order(Order.TAKE_STATES)
    return split_states(link.tell_all(states), link.world)[link.rank]
