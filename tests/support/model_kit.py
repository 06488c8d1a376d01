"""What the tests of model share."""

from functools import partial

import pytest
import torch
from torch import Tensor

from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.registry import registry
from recurbench.tasks.base import TaskSpec

LENGTHS = [3, 1, 5, 2]


H, F, V, O = 8, 3, 7, 5  # hidden size, features, vocabulary, output size


# That a cell keeps the contract is for its own suite; the model around it meets one of each kind:
# a state of one part, of two, of many, of a window of steps, a scan, and torch's own layers.
KINDS = ["gru", "lstm", "mlstm", "attention_gru", "lru", "torch_lstm"]


every_kind = pytest.mark.parametrize("cell", KINDS)


def model(
    cell: str, *, scope="step", tokens=False, seed=0, hidden_size=H, double=True, **options
) -> SequenceModel:
    """A small model, ready for evaluation."""
    config = {
        "encoder": "auto", "kernel_size": 3, "embedding_size": H, "depth": 1, "dropout": 0.0,
        "residual": False, "norm": "none", "bidirectional": False, "readout": "last",
    } | options  # fmt: skip
    spec = TaskSpec(V if tokens else F, tokens, O, scope)
    make_cell = partial(registry().plugins["cell"][cell].cls, hidden_size=hidden_size)
    made = SequenceModel(spec, make_cell, ModelConfig(**config), seed)
    return (made.double() if double else made).eval()


def sequences(lengths=LENGTHS, *, tokens=False) -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    if tokens:
        return [torch.randint(V, (t,), generator=source) for t in lengths]
    return [torch.randn(t, F, dtype=torch.float64, generator=source) for t in lengths]
