"""Cells whose memory is known exactly."""

from typing import Any

import torch
from torch import Tensor

from recurbench.cells.base import HiddenState, RecurrentCell


class Leaky(RecurrentCell[HiddenState]):
    """h' = A h + x, with A = a 1 at first."""

    name = "leaky"

    def __init__(self, input_size: int, hidden_size: int = 1, *, a: float = 0.9) -> None:
        super().__init__(input_size, hidden_size)
        self.A = torch.nn.Parameter(a * torch.eye(hidden_size, dtype=torch.float64))

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        return x

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h = state.h @ self.A.T + u
        return h, HiddenState(h)


class DelayLine(Leaky):
    """Keeps the last H inputs, one number each, and nothing older."""

    name = "delay_line"

    def __init__(self, input_size: int = 1, hidden_size: int = 8) -> None:
        super().__init__(input_size, hidden_size)
        with torch.no_grad():
            self.A.copy_(torch.diag(torch.ones(hidden_size - 1), -1))

    def project(self, x: Tensor) -> Tensor:
        return torch.nn.functional.pad(x, (0, self.hidden_size - 1))


class Square(Leaky):
    """y = x² of a state that forgets at once."""

    name = "square"

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return u**2, HiddenState(u**2 + 0 * state.h)


class _Scaled(torch.autograd.Function):
    """A product that knows backward mode alone."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return h @ a.T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient @ ctx.saved_tensors[0], None


class BackwardOnly(Leaky):
    """A leaky unit by an operation of its own."""

    name = "backward_only"

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h = _Scaled.apply(state.h, self.A) + u
        return h, HiddenState(h)


class Forgetful(Leaky):
    """A state that does not depend on the one before, nor an output on anything."""

    name = "forgetful"

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return torch.zeros_like(u), HiddenState(torch.zeros_like(u))
