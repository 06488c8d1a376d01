"""The scalar-memory cell of xLSTM: an LSTM with an exponential input gate and a normaliser."""

import math
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel

NOTHING_STORED = -1e4
"""The stabiliser `m` before the first step: far below any `ĩ`, and finite in half precision."""


class SLSTMState(NamedTuple):
    """Output and memory; the paper's memory and normaliser are `c exp(m)` and `n exp(m)`."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)
    n: Tensor  # (B, H)
    m: Tensor  # (B, H)


class SLSTM(CellByHand[SLSTMState]):
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
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive or does not fit `heads`, or `forget` or `kernel` is
            unknown.
    """

    name: ClassVar[str] = "slstm"
    year: ClassVar[int] = 2024
    family: ClassVar[str] = "memory"
    gates: ClassVar[int] = 3
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        heads: Annotated[int, Ge(1)] = 4,
        forget: Literal["sigmoid", "exp"] = "sigmoid",
        kernel: Kernel = "auto",
    ) -> None:
        self.hidden_multiple = heads
        super().__init__(input_size, hidden_size)
        self.heads = heads
        self.forget = forget
        self.kernel = kernel
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

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _SLSTMStep([self.weight_hh], exponential=self.forget == "exp")


class _SLSTMStep(StepByHand):
    """Keeps `z`, `ĩ`, `f̃` and `o` in the order of the weights, and `i' = exp(ĩ - m')` and `f'`.

    With `f' = exp(k - m')`, `k = log f + m`, `N = max(n', 1)`, and `δ` the gradient of what follows
    it, that of `c'`, `n'` and `m'` at first that from the step after::

        δo   = δh' * h' * (1 - o)                                before the sigmoid
        δc' += δh' * o / N,   δn' -= δh' * h' / N where n' ≥ 1
        δf'  = (δc' * c + δn' * n) * f'                          before the exponential
        δi'  = (δc' * z + δn') * i'
        δm' -= δf' + δi'
        δk   = δf' + δm' where k > ĩ,   δĩ = δi' + δm' where ĩ > k
        δz   = δc' * i' * (1 - z²),   δf̃ = δk * (1 - f)          before their squashing
        δc   = δc' * f',   δn = δn' * f',   δm = δk,   δh = R^T (δz, δĩ, δf̃, δo)
    """

    loop: ClassVar[str] = "slstm"
    kept = 6
    sums = 4

    def __init__(self, weights: Leaves, *, exponential: bool) -> None:
        super().__init__(weights)
        self.exponential = exponential
        self.R = weights[0].detach()  # (heads, D, 4D)

    def _gates(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """`z`, `ĩ`, `f̃` and `o` `(n, heads, D)` of a tensor `(n, 4H)`."""
        gates: tuple[Tensor, ...] = tensor.unflatten(1, (len(self.R), 4, -1)).unbind(2)
        return gates

    def _heads(self, tensor: Tensor) -> Tensor:
        by_head: Tensor = tensor.unflatten(1, (len(self.R), -1))
        return by_head

    def numbers(self) -> list[float]:
        return [float(len(self.R)), float(self.exponential)]

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        gates, H = kept[:, : u.shape[1]], u.shape[1] // 4
        scaled = (self._heads(part) for part in kept[:, -2 * H :].chunk(2, dim=1))
        return self._heads(u), self._heads(gates), *self._gates(gates), *scaled

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u, gates, z, i, f, o, written, left = views
        (h, c, n, m), (h_new, c_new, n_new, m_new) = (
            map(self._heads, leaves) for leaves in (old, new)
        )
        torch.add(u, torch.bmm(h.transpose(0, 1), self.R).transpose(0, 1), out=gates)
        z.tanh_()
        o.sigmoid_()
        torch.add(f if self.exponential else F.logsigmoid(f), m, out=left)
        torch.maximum(left, i, out=m_new)
        torch.sub(i, m_new, out=written).exp_()
        left.sub_(m_new).exp_()
        torch.mul(left, c, out=c_new).addcmul_(written, z)
        torch.addcmul(written, left, n, out=n_new)
        torch.mul(o, c_new, out=h_new).div_(n_new.clamp(min=1))

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        H = past[0].shape[1]
        z, i, f, o = (gate.flatten(1) for gate in self._gates(kept[:, : 4 * H]))
        written, left = kept[:, -2 * H :].chunk(2, dim=1)
        (_, c, n, m), (h, _, n_new, _) = past, path
        total = n_new.clamp(min=1)
        larger = (torch.sign((f if self.exponential else F.logsigmoid(f)) + m - i) + 1) / 2
        of_f = torch.ones_like(f) if self.exponential else torch.sigmoid(-f)
        factors = (
            h * (1 - o), o / total, -h / total * (n_new >= 1), c * left, n * left, z * written,
            written, larger, written * (1 - z * z), of_f, left,
        )  # fmt: skip
        return *self._gates(work), self._heads(work), *factors

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        dz, di, df, do, sums, of_o, of_c, of_n, f_c, f_n, i_c, i_n, larger, of_z, of_f, left = views
        (dh, dc, dn, dm), (dh_before, dc_before, dn_before, dm_before) = flow, before
        do.copy_(self._heads(dh * of_o))
        dc.addcmul_(dh, of_c)
        dn.addcmul_(dh, of_n)
        kept, written = torch.addcmul(dc * f_c, dn, f_n), torch.addcmul(dc * i_c, dn, i_n)
        dm.sub_(kept).sub_(written)
        dk = kept.addcmul_(dm, larger)
        di.copy_(self._heads(written.add_(dm).addcmul_(dm, larger, value=-1)))
        dz.copy_(self._heads(dc * of_z))
        df.copy_(self._heads(dk * of_f))
        dc_before.addcmul_(dc, left)
        dn_before.addcmul_(dn, left)
        dm_before.add_(dk)
        through = torch.bmm(sums.transpose(0, 1), self.R.transpose(1, 2))
        self._heads(dh_before).add_(through.transpose(0, 1))

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        before, sums = (self._heads(tensor).transpose(0, 1) for tensor in (past[0], work))
        return (torch.bmm(before.transpose(1, 2), sums),)
