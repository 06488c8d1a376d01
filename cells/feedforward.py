"""A layer without memory: its score is what a task gives to a cell that remembers nothing."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from recurbench.cells.base import RecurrentCell


class NoState(NamedTuple):
    """Nothing but the number of rows."""

    empty: Tensor  # (B, 0)


class Feedforward(RecurrentCell[NoState]):
    """One layer of a feedforward network (Rumelhart, Hinton & Williams 1986).

    Every step is seen by itself, so all steps are computed at once::

        y = tanh(W x + b)

    What differs: the paper ("Learning representations by back-propagating errors") has logistic
    units. The other cells end in tanh; with it here too, memory is the only difference to them. The
    state has a row per sequence and no features.

    Parameters are `input` (`W` `(H, I)`, `b` `(H,)`), uniform in `±1/√I`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.

    Raises:
        CellError: a size is not positive.
    """

    name: ClassVar[str] = "feedforward"
    year: ClassVar[int] = 1986
    family: ClassVar[str] = "control"
    gates: ClassVar[int] = 0
    parallel: ClassVar[bool] = True

    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> NoState:
        """No features: `(B, 0)`."""
        return NoState(self._zeros(batch_size, 0))

    def project(self, x: Tensor) -> Tensor:
        """The whole layer: `(..., I)` to `(..., H)`."""
        return torch.tanh(self.input(x))

    def recur(self, u: Tensor, state: NoState) -> tuple[Tensor, NoState]:
        """One step, all done by `project`: `(B, H)` and the state as they are."""
        return u, state

    def unroll(
        self, u: Tensor, batch_sizes: Sequence[int], state: NoState
    ) -> tuple[Tensor, NoState]:
        """All steps, all done by `project`: `(N, H)` and the state as they are."""
        return u, state
