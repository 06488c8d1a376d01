"""A GRU whose reset is a blend of its update gate and the last candidate."""

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from recurbench.cells.parts.stacked_gates import StackedGates


class BlendedState(NamedTuple):
    """The output and the candidate that it was made from."""

    h: Tensor  # (B, H)
    n: Tensor  # (B, H)


class GRUBlendedReset(StackedGates[BlendedState]):
    """GRU with a blended reset, a variation of this project on the GRU.

    It starts from Cho et al. 2014 (https://arxiv.org/abs/1406.1078). With `σ` the logistic
    function, `*` elementwise and `n` the candidate of the step before::

        s  = σ(W_is x + b_is + W_hs h + b_hs)                    blend gate
        z  = σ(W_iz x + b_iz + W_hz h + b_hz)                    update gate
        r  = (1 - s) * z + s * n                                 reset
        n' = tanh(W_in x + b_in + W_hn (r * h) + b_hn)           candidate
        h' = z * n' + (1 - z) * h,   y = h'

    What differs from the paper: the reset has no weights of its own. It is a mean of the update
    gate and of the last candidate, weighted by the gate `s`. With the update gate alone, `s = 0`,
    the cell would be the `mgu`. The candidate may be negative and so change the sign of a feature.
    It is part of the state, and zero at first. Also, `z` replaces here, where the `z` of the paper
    and of this package's `gru` keeps.

    Parameters are laid out as those of `nn.GRUCell`, rows in the order `s`, `z`, `n`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gates and the candidate have biases.
        init: `torch` draws all from `±1/√H`; `keras` starts with input weights Glorot
            uniform, recurrent weights orthogonal and biases zero.

    Raises:
        CellError: a size is not positive, or `init` is unknown.
    """

    name: ClassVar[str] = "gru_blended_reset"
    year: ClassVar[int] = 2026
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        init: Literal["torch", "keras"] = "torch",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=3, bias=bias)
        self._initialise(init)

    def initial_state(self, batch_size: int) -> BlendedState:
        """Zeros."""
        h = self._zeros(batch_size, self.hidden_size)
        return BlendedState(h, torch.zeros_like(h))

    def recur(self, u: Tensor, state: BlendedState) -> tuple[Tensor, BlendedState]:
        """One step: `(B, 3H)` and the state to `(B, H)` and the next state."""
        h, n = state
        sizes = [2 * self.hidden_size, self.hidden_size]  # s and z share one sigmoid
        u_sz, u_n = u.split(sizes, dim=-1)
        W_sz, W_n = self.weight_hh.split(sizes)
        s, z = torch.sigmoid(torch.addmm(u_sz, h, W_sz.t())).chunk(2, dim=-1)
        r = torch.addcmul(z, s, n - z)  # (1 - s) * z + s * n
        n = torch.tanh(torch.addmm(u_n, r * h, W_n.t()))
        h = torch.addcmul(h, z, n - h)  # z * n + (1 - z) * h
        return h, BlendedState(h, n)
