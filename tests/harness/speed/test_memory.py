"""A training step adds to memory at least what it keeps for its way back."""

import sys

import pytest
import torch

from recurbench.harness.plugins.registry import registry
from recurbench.harness.speed.batches import make_batch
from recurbench.harness.speed.contenders import Cell
from recurbench.harness.speed.grid import Shape, Steps
from recurbench.harness.speed.measure import train
from recurbench.harness.speed.memory import peak_bytes, saved_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells and resets the peak")
def test_the_peak_holds_what_is_kept() -> None:
    cell = Cell("feedforward", registry().plugins["cell"]["feedforward"], {})
    shape, device = Shape(Steps(100), 500, 64, 64), torch.device("cpu")
    module, x = cell.make(shape.I, shape.H), make_batch(shape, device)
    step = train(cell, module, x)
    step()
    kept = saved_bytes(cell, module, x)
    assert kept == 4 * 50_000 * (64 + 64)
    peak = peak_bytes(step, device)
    assert peak is not None
    assert 0.9 * kept < peak < 8 * kept
