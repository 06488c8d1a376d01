"""What can be held equal between cells of different sizes. Another one is a line of `BUDGETS`."""

from collections.abc import Callable
from typing import Any

from torch import nn


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters, each counted once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


BUDGETS: dict[str, Callable[[Any], int]] = {
    "parameters": count_parameters,
}
"""What each option of `budget` measures of a model, encoder and head included; it must grow with
the hidden size, which is solved for it."""
