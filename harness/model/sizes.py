"""Counts what a model learns and what a cell remembers."""

from typing import Any

from torch import nn

from recurbench.cells.base import RecurrentCell


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters, each counted once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def state_size(cell: RecurrentCell[Any]) -> int:
    """How many numbers a row carries from step to step."""
    return sum(leaf.numel() for leaf in cell.initial_state(1))
