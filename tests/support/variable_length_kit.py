"""What the tests of variable length share."""

import torch
from torch.nn.utils.rnn import pad_packed_sequence

from recurbench.tasks.base import Batch
from recurbench.tasks.variable_length.task import VariableLength


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> VariableLength:
    small = {} if "dataset" in knobs else {"eval_sequences": 300}
    return VariableLength(**(small | knobs)).ready(batch_size=batch_size, seed=seed)


def lengths(batch: Batch) -> torch.Tensor:
    return pad_packed_sequence(batch.inputs)[1]
