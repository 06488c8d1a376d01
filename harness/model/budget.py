"""Solves the hidden size at which a model meets a budget."""

from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from recurbench.cells.base import CellError, RecurrentCell
from recurbench.harness.config.budgets import BUDGETS
from recurbench.harness.errors import UserError

TOLERANCE = 0.02
LARGEST_MULTIPLE = 1024


def solve_hidden_size(
    name: str,
    goal: int,
    build_cell: Callable[[int], RecurrentCell[tuple[torch.Tensor, ...]]],
    build_model: Callable[[int], nn.Module],
) -> int:
    """The hidden size whose model comes nearest to a budget.

    Nothing is allocated: models are built on the meta device.

    Args:
        name: of the budget; says what is measured of the model.
        goal: what it is to measure.
        build_cell: gives a cell for a hidden size; tells which sizes are allowed.
        build_model: gives the model for a hidden size; its size must grow with it.

    Raises:
        UserError: no hidden size comes within 2 %, which names the nearest sizes; or what is
            measured does not grow with the hidden size.
    """

    @cache
    def size(multiples: int) -> int:
        with torch.device("meta"):
            return BUDGETS[name](build_model(multiples * step))

    step = smallest_multiple(build_cell)
    low, high = 1, 2
    smaller = size(low)
    while (larger := size(high)) < goal:
        if larger <= smaller:
            raise UserError(
                f"budget.{name}={goal}: it stays at {larger:,} whatever the cell's hidden size; "
                "choose another budget, or set cell.hidden_size"
            )
        low, high, smaller = high, high * 2, larger
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) < goal else (low, middle)
    best = min((low, high), key=lambda multiples: abs(size(multiples) - goal))
    if abs(size(best) - goal) > TOLERANCE * goal:
        sizes = " or ".join(f"{size(m):,} (hidden_size={m * step})" for m in (low, high))
        raise UserError(
            f"budget.{name}={goal}: no hidden size comes within {TOLERANCE:.0%}; "
            f"the nearest give {sizes}"
        )
    return best * step


def smallest_multiple(
    build_cell: Callable[[int], RecurrentCell[tuple[torch.Tensor, ...]]],
) -> int:
    """What the hidden size must divide by, with the knobs at hand.

    Raises:
        CellError: the cell refuses every size, or its knobs.
    """
    refusal: CellError | None = None
    for hidden_size in range(1, LARGEST_MULTIPLE + 1):
        try:
            with torch.device("meta"):
                return build_cell(hidden_size).hidden_multiple
        except CellError as error:
            refusal = error
    assert refusal is not None
    raise refusal
