"""A network of coupled, damped and driven oscillators."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Gt
from torch import Tensor, nn

from recurbench import RecurrentCell


class OscillatorState(NamedTuple):
    """Where the oscillators are and how fast they move."""

    y: Tensor  # (B, H)
    z: Tensor  # (B, H)


class CoRNN(RecurrentCell[OscillatorState]):
    """Coupled oscillatory RNN (Rusch & Mishra 2021, https://arxiv.org/abs/2010.00951).

    Each unit is an oscillator with the restoring force `γ` and the damping `ε`, driven by the other
    units and the input. A step takes the time `Δ`::

        z' = z + Δ * (tanh(W y + R z + V x + b) - γ * y - ε * z)
        y' = y + Δ * z'

    The output is `y'`. The damping is explicit: it depends on `z`, where the paper also has a form
    in which it depends on `z'`. The initial values are those of `nn.Linear`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        dt: `Δ`, the time of a step.
        gamma: `γ`, the restoring force.
        epsilon: `ε`, the damping.

    Raises:
        CellError: a size or a knob is not positive.
    """

    name: ClassVar[str] = "cornn"
    year: ClassVar[int] = 2021
    family: ClassVar[str] = "simple"
    gates: ClassVar[int] = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        dt: Annotated[float, Gt(0)] = 0.1,
        gamma: Annotated[float, Gt(0)] = 1.0,
        epsilon: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, hidden_size)  # V and b
        self.recurrent = nn.Linear(2 * hidden_size, hidden_size, bias=False)  # W and R
        self.dt, self.gamma, self.epsilon = dt, gamma, epsilon

    def initial_state(self, batch_size: int) -> OscillatorState:
        """At rest: two of `(B, H)`."""
        zeros = self._zeros(batch_size, self.hidden_size)
        return OscillatorState(zeros, zeros)

    def project(self, x: Tensor) -> Tensor:
        """The input's share of the drive: `(..., I)` to `(..., H)`."""
        u: Tensor = self.input(x)
        return u

    def recur(self, u: Tensor, state: OscillatorState) -> tuple[Tensor, OscillatorState]:
        """One step: `(B, H)` and the state to `(B, H)` and the next state."""
        y, z = state
        drive = torch.tanh(u + self.recurrent(torch.cat(state, dim=-1)))
        z = z + self.dt * (drive - self.gamma * y - self.epsilon * z)
        y = y + self.dt * z
        return y, OscillatorState(y, z)
