"""The gated recurrent unit, with the reset gate after or before the recurrent product."""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from recurbench.cells.base import HiddenState
from recurbench.cells.parts.stacked_gates import StackedGates


class GRU(StackedGates[HiddenState]):
    """Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

    With `σ` the logistic function and `*` elementwise::

        r  = σ(W_ir x + b_ir + W_hr h + b_hr)                    reset gate
        z  = σ(W_iz x + b_iz + W_hz h + b_hz)                    update gate
        n  = tanh(W_in x + b_in + r * (W_hn h + b_hn))           reset_after=True
        n  = tanh(W_in x + b_in + W_hn (r * h) + b_hn)           reset_after=False
        h' = (1 - z) * n + z * h,   y = h'

    Two conventions differ between papers and libraries:

    * Reset. `reset_after=True`, the default, resets the recurrent product, as cuDNN, torch and
      today's Keras do; the bias `b_hn` then lies inside the reset. `reset_after=False` resets the
      hidden state before the product, as the published paper (arXiv v3), Chung et al. 2014 and
      most textbooks do. The two are different functions.
    * Update. Here `z` keeps, `h' = (1 - z) * n + z * h`, as in Cho et al. 2014 (eq. 7), torch and
      Keras. In Chung et al. 2014 (https://arxiv.org/abs/1412.3555) and many textbooks `z` replaces,
      `h' = (1 - z) * h + z * n`. As `σ(-a) = 1 - σ(a)`, negating the weights and biases of `z`
      turns one into the other; this cell has no switch for it.

    Parameters are those of `nn.GRUCell`, rows in the order `r`, `z`, `n`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gates have biases.
        reset_after: the reset convention, see above.
        init: `torch` draws all from `±1/√H`; `keras` starts with input weights Glorot
            uniform, recurrent weights orthogonal and biases zero.

    Raises:
        CellError: a size is not positive, or `init` is unknown.
    """

    name: ClassVar[str] = "gru"
    year: ClassVar[int] = 2014
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        reset_after: bool = True,
        init: Literal["torch", "keras"] = "torch",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=3, bias=bias)
        self.reset_after = reset_after
        self._initialise(init)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part of `r`, `z` and `n`: `(..., I)` to `(..., 3H)`."""
        if self.reset_after:
            return F.linear(x, self.weight_ih, self.bias_ih)  # b_hn belongs inside the reset
        return super().project(x)

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """One step: `(B, 3H)` and the state to `(B, H)` and the next state."""
        h = state.h
        sizes = [2 * self.hidden_size, self.hidden_size]  # r and z share one sigmoid
        u_rz, u_n = u.split(sizes, dim=-1)
        if self.reset_after:
            v_rz, v_n = F.linear(h, self.weight_hh, self.bias_hh).split(sizes, dim=-1)
            r, z = torch.sigmoid(u_rz + v_rz).chunk(2, dim=-1)
            n = torch.tanh(torch.addcmul(u_n, r, v_n))
        else:
            W_rz, W_n = self.weight_hh.split(sizes)
            r, z = torch.sigmoid(torch.addmm(u_rz, h, W_rz.t())).chunk(2, dim=-1)
            n = torch.tanh(torch.addmm(u_n, r * h, W_n.t()))
        h = torch.addcmul(n, z, h - n)  # (1 - z) * n + z * h; lerp refuses autocast's mixed dtypes
        return h, HiddenState(h)
