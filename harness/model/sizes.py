"""What a cell remembers."""

from typing import Any

from recurbench.cells.base import RecurrentCell


def state_size(cell: RecurrentCell[Any]) -> int:
    """How many numbers a row carries from step to step."""
    return sum(leaf.numel() for leaf in cell.initial_state(1))
