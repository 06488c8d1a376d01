"""The scalar-memory cell of xLSTM: an LSTM with an exponential input gate and a normaliser."""

import math
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from recurbench.cells.base import RecurrentCell

NOTHING_STORED = -1e4
"""The stabiliser `m` before the first step: far below any `ĩ`, and finite in half precision."""


class SLSTMState(NamedTuple):
    """Output and memory; the paper's memory and normaliser are `c exp(m)` and `n exp(m)`."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)
    n: Tensor  # (B, H)
    m: Tensor  # (B, H)


class SLSTM(RecurrentCell[SLSTMState]):
    """sLSTM (Beck et al. 2024, https://arxiv.org/abs/2405.04517).

    With `σ` the logistic function, `*` elementwise and `R` block-diagonal, so that a head reads the
    outputs of its own features only::

        z  = tanh(W_z x + R_z h + b_z)                           cell input
        ĩ  = W_i x + R_i h + b_i,   i = exp(ĩ)                   input gate
        f̃  = W_f x + R_f h + b_f,   f = σ(f̃)                     forget gate, forget=sigmoid
                                    f = exp(f̃)                   forget=exp
        o  = σ(W_o x + R_o h + b_o)                              output gate
        m' = max(log f + m, ĩ)
        c' = exp(log f + m - m') * c + exp(ĩ - m') * z
        n' = exp(log f + m - m') * n + exp(ĩ - m')
        h' = o * c' / max(n', 1),   y = h'

    `m` is the paper's stabiliser: it scales `c` and `n` alike and so leaves `h` as it is. One of
    the two exponentials is always 1, so `n'` is at least 1 from the first step on, and the maximum
    changes nothing. It is there for states that the cell cannot reach, such as zeros.

    What differs: `m` starts at -10,000 in every row. The published code recognises a fresh state by
    `n = 0` in all rows of a batch, and so lets rows change each other. `W` is a full matrix. Left
    out, as parts of the paper's block around the cell: the convolution and the group norm.

    Parameters are `weight_ih` (`W`, `(4H, I)`), `bias` (`b`, `(4H,)`) and `weight_hh` (`R`
    transposed, `(heads, D, 4D)`) with `D = H / heads`. Rows of `W` and `b` are head after head, and
    in a head D each of `z`, `i`, `f`, `o`. As in the published code, `R` and the biases other than
    `b_f` start at zero. `b_f` falls within each head from 5 to -7, as `5 - 12 (d / (D - 1))^0.3`;
    with `forget=exp` it is `log σ` of that, so that the gate has the same initial values. `W` is
    normal with variance `2 / (5 I)`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H, a multiple of `heads`.
        heads: the number of blocks of `R`.
        forget: how the forget gate is squashed.

    Raises:
        CellError: a size is not positive or does not fit `heads`, or `forget` is unknown.
    """

    name: ClassVar[str] = "slstm"
    year: ClassVar[int] = 2024
    family: ClassVar[str] = "memory"
    gates: ClassVar[int] = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        heads: Annotated[int, Ge(1)] = 4,
        forget: Literal["sigmoid", "exp"] = "sigmoid",
    ) -> None:
        self.hidden_multiple = heads
        super().__init__(input_size, hidden_size)
        self.heads = heads
        self.forget = forget
        D = hidden_size // heads
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        nn.init.normal_(self.weight_ih, std=math.sqrt(2 / (5 * input_size)))
        self.weight_hh = nn.Parameter(torch.zeros(heads, D, 4 * D))
        b_f = 5 - 12 * torch.linspace(0, 1, D) ** 0.3
        if forget == "exp":
            b_f = F.logsigmoid(b_f)
        zeros = torch.zeros_like(b_f)
        self.bias = nn.Parameter(torch.cat((zeros, zeros, b_f, zeros)).repeat(heads))

    def initial_state(self, batch_size: int) -> SLSTMState:
        """Zeros, but for the stabiliser."""
        zeros = self._zeros(batch_size, self.hidden_size)
        return SLSTMState(zeros, zeros.clone(), zeros.clone(), zeros + NOTHING_STORED)

    def project(self, x: Tensor) -> Tensor:
        """The input's part of `z`, `i`, `f` and `o`, with biases: `(..., I)` to `(..., 4H)`."""
        return F.linear(x, self.weight_ih, self.bias)

    def recur(self, u: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        """One step: `(B, 4H)` and the state to `(B, H)` and the next state."""
        h, c, n, m = (leaf.unflatten(1, (self.heads, -1)) for leaf in state)
        recurrent = torch.bmm(h.transpose(0, 1), self.weight_hh).transpose(0, 1)
        z, i, f, o = (u.unflatten(1, (self.heads, -1)) + recurrent).chunk(4, dim=-1)
        log_f = f if self.forget == "exp" else F.logsigmoid(f)
        kept = log_f + m
        m = torch.maximum(kept, i)
        f, i = torch.exp(kept - m), torch.exp(i - m)
        c = torch.addcmul(f * c, i, torch.tanh(z))
        n = torch.addcmul(i, f, n)
        h = torch.sigmoid(o) * c / n.clamp(min=1)
        state = SLSTMState(*(leaf.flatten(1) for leaf in (h, c, n, m)))
        return state.h, state
