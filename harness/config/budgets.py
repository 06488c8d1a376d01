"""What can be held equal between cells. Another size to solve for is a line of `BUDGETS`."""

from collections.abc import Callable
from typing import Any

from recurbench.harness.config.measures import (
    count_parameters,
    flops_per_token,
    recurrent_parameters,
    states_size,
)

BUDGETS: dict[str, Callable[[Any], int]] = {
    "parameters": count_parameters,
    "recurrent_parameters": recurrent_parameters,
    "state_size": states_size,
    "flops_per_token": flops_per_token,
}
"""Options of `budget` for which the hidden size is solved, and what they measure of a model; it
must grow with the hidden size."""

LIMITS = ("steps", "seconds", "tokens")
"""Options of `budget` that end the training: other words for `train.max_steps` and so on, whose
place they take."""
