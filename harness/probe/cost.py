"""What a streaming step costs: time, memory of the state, and parameters by hidden size."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import torch

from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.measures import count_parameters
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spread import Spread, spread_of
from recurbench.harness.probe.states import state_numbers

MakeCell = Callable[[int], RecurrentCell[Any]]


class Cost(msgspec.Struct, kw_only=True):
    """The cost of one row and one step.

    Attributes:
        step_microseconds: of `step` with one row and without gradient, in float32 on a CPU.
        state_bytes: of a row's whole state in float32, its integers included.
        state_numbers: the floating-point numbers in it.
        parameters: by hidden size.
    """

    step_microseconds: Spread
    state_bytes: int
    state_numbers: int
    parameters: dict[int, int]


def measure_cost(cell: RecurrentCell[Any], make: MakeCell, settings: Settings) -> Cost:
    """The cost of a cell in float32.

    Args:
        cell: the cell.
        make: gives one of the same knobs at a hidden size.
        settings: how often, and at which sizes.
    """
    state = cell.initial_state(1)
    return Cost(
        step_microseconds=spread_of(_latencies(cell, settings.timed)),
        state_bytes=sum(leaf.numel() * leaf.element_size() for leaf in state),
        state_numbers=state_numbers(cell),
        parameters=dict(
            _parameters(make, size, cell.hidden_multiple) for size in settings.hidden_sizes
        ),
    )


def _latencies(cell: RecurrentCell[Any], timed: int) -> torch.Tensor:
    """Microseconds of single steps, after a tenth of them to warm up."""
    found = []
    state, x = cell.initial_state(1), torch.zeros(1, cell.input_size)
    with torch.no_grad():
        for _ in range(timed + timed // 10):
            begun = time.perf_counter()
            _, state = cell.step(x, state)
            found.append(1e6 * (time.perf_counter() - begun))
    return torch.tensor(found[-timed:], dtype=torch.float64)


def _parameters(make: MakeCell, size: int, multiple: int) -> tuple[int, int]:
    """A hidden size that the cell can have, and its parameters there."""
    size = -(-size // multiple) * multiple
    with torch.device("meta"):
        return size, count_parameters(make(size))
