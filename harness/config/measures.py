"""What is measured of a model, for budgets and records: parameters, state, and work per token.

A model has its cells as `model.cells` and says what its inputs are as `model.spec`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from recurbench.cells.base import RecurrentCell


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters, each counted once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def recurrent_parameters(model: Any) -> int:
    """Trainable parameters of the cells alone, without encoder, readout and head."""
    return sum(map(count_parameters, model.cells))


def state_size(cell: RecurrentCell[Any]) -> int:
    """How many numbers a row carries from step to step."""
    return sum(leaf.numel() for leaf in cell.initial_state(1))


def states_size(model: Any) -> int:
    """How many numbers a row carries in all cells, of every layer and direction."""
    return sum(map(state_size, model.cells))


def flops_per_token(model: Any) -> int:
    """Floating-point operations that one more valid step of a sequence costs in a forward pass.

    Matrix products are counted, 2 operations for each multiply-add, as the reference kernel of the
    cells does them: of encoder, cells and, where every step is predicted, the head.
    Elementwise work is not counted, be it gates, a diagonal recurrence, a depthwise convolution or
    an outer product; nor is what is done once a batch or once a sequence.

    The model may be on any device, the meta device too; it stays as it was.
    """
    with _counting(model):
        return _count(model, 2) - _count(model, 1)


def _count(model: Any, steps: int) -> int:
    weight = next(model.parameters())
    spec = model.spec
    if spec.tokens:
        inputs = torch.zeros(1, steps, dtype=torch.long, device=weight.device)
    else:
        inputs = weight.new_zeros(1, steps, spec.input_size)
    with FlopCounterMode(display=False) as counter:
        model(inputs)
    flops: int = counter.get_total_flops()
    return flops


@contextmanager
def _counting(model: nn.Module) -> Iterator[None]:
    """Lets a model run by what can be counted: reference kernels, and no fused layers of torch."""
    kernels = {
        module: module.kernel
        for module in model.modules()
        if isinstance(module, RecurrentCell) and isinstance(getattr(module, "kernel", None), str)
    }
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()  # dropout would draw random numbers
        for cell in kernels:
            cell.kernel = "reference"  # type: ignore[assignment] # a knob, no submodule
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of hardware that torch was not built for
            with (
                torch.no_grad(),
                torch.backends.mkldnn.flags(enabled=False),
                torch.backends.cudnn.flags(enabled=False),
            ):
                yield
    finally:
        for cell, kernel in kernels.items():
            cell.kernel = kernel
        for module, mode in modes.items():
            module.training = mode
