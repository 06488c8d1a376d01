"""Long expressive memory: a discretised system of equations that learns its own time steps."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Gt, Le
from torch import Tensor

from recurbench.cells.parts.stacked_gates import StackedGates


class LEMState(NamedTuple):
    """The two halves of the system, of which the first is the output."""

    y: Tensor  # (B, H)
    z: Tensor  # (B, H)


class LEM(StackedGates[LEMState]):
    """Long expressive memory (Rusch et al. 2022, https://arxiv.org/abs/2110.04744).

    With `σ` the logistic function and `*` elementwise::

        d  = dt * σ(W_id x + b_id + W_hd y + b_hd)               time steps of z
        e  = dt * σ(W_ie x + b_ie + W_he y + b_he)               time steps of y
        z' = (1 - d) * z + d * tanh(W_iz x + b_iz + W_hz y + b_hz)
        y' = (1 - e) * y + e * tanh(W_iy x + b_iy + W_hy z' + b_hy)

    `d` and `e` are the paper's `Δt` and `Δt` with a bar. Each feature has its own time scale, which
    `x` and `y` may change at every step. What differs from the paper is the second bias, which the
    authors' code has too.

    Parameters are laid out as those of `nn.LSTMCell`, rows in the order `d`, `e`, `z`, `y`. They
    are uniform in `±1/√H` at first, as in the authors' code.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether there are biases.
        dt: the longest time step, above 0 and at most 1; smaller values remember for longer.

    Raises:
        CellError: a size is not positive, or `dt` is out of its range.
    """

    name: ClassVar[str] = "lem"
    year: ClassVar[int] = 2022
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        dt: Annotated[float, Gt(0), Le(1)] = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size, gates=4, bias=bias)
        self.dt = dt
        self._initialise("torch")

    def initial_state(self, batch_size: int) -> LEMState:
        """Zeros."""
        y = self._zeros(batch_size, self.hidden_size)
        return LEMState(y, torch.zeros_like(y))

    def recur(self, u: Tensor, state: LEMState) -> tuple[Tensor, LEMState]:
        """One step: `(B, 4H)` and the state to `(B, H)` and the next state."""
        y, z = state
        sizes = [3 * self.hidden_size, self.hidden_size]  # d, e and z see y; y sees the new z
        u_dez, u_y = u.split(sizes, dim=-1)
        W_dez, W_y = self.weight_hh.split(sizes)
        d, e, g = torch.addmm(u_dez, y, W_dez.t()).chunk(3, dim=-1)
        z = torch.addcmul(z, torch.sigmoid(d), torch.tanh(g) - z, value=self.dt)
        g = torch.addmm(u_y, z, W_y.t())
        y = torch.addcmul(y, torch.sigmoid(e), torch.tanh(g) - y, value=self.dt)
        return y, LEMState(y, z)
