"""A sound cell, from which broken ones derive, and the register of these."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.cells.base import HiddenState, RecurrentCell

BROKEN: dict[type[RecurrentCell[Any]], set[str]] = {}


class Sound(RecurrentCell[HiddenState]):
    """A simple network to break (Elman 1990).

    The equation, for x `(B, I)` and h `(B, H)`::

        h' = tanh(W x + b + U h),   y = h'
    """

    name = "sound"

    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, hidden_size)
        self.recurrent = nn.Linear(hidden_size, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        return self.input(x)

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h = torch.tanh(u + self.recurrent(state.h))
        return h, HiddenState(h)


def fails(*properties: str) -> Callable[[type], type]:
    """Registers a cell, which has all that its documentation needs, with what it must fail."""

    def register(cls: type) -> type:
        if "signature_and_docstring" not in properties:
            cls.__doc__ = Sound.__doc__
            cls.name = cls.__name__.lower()
        BROKEN[cls] = set(properties)
        return cls

    return register
