"""The gated recurrent unit, with the reset gate after or before the recurrent product."""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from recurbench.cells.base import HiddenState
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.stacked_gates import StackedGates


class GRU(CellByHand[HiddenState], StackedGates[HiddenState]):
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
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, or `init` or `kernel` is unknown.
    """

    name: ClassVar[str] = "gru"
    year: ClassVar[int] = 2014
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        reset_after: bool = True,
        init: Literal["torch", "keras"] = "torch",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=3, bias=bias)
        self.reset_after = reset_after
        self.kernel = kernel
        self._initialise(init)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part of `r`, `z` and `n`: `(..., I)` to `(..., 3H)`."""
        if self.reset_after:
            return self._linear(x, self.weight_ih, self.bias_ih)  # b_hn belongs inside the reset
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

    def by_hand(self) -> StepByHand:
        """The step of either reset convention."""
        if not self.reset_after:
            return _ResetBefore([self.weight_hh])
        bias = self.bias_hh if self.bias_hh is not None else self.weight_hh.new_zeros(1)
        return _ResetAfter([self.weight_hh, bias.expand(len(self.weight_hh))])


class _ResetAfter(StepByHand):
    """`reset_after=True`; keeps `r`, `z`, `n` and `v = W_hn h + b_hn`.

    With `δ` the gradient of what follows it::

        δn   = δh' * (1 - z) * (1 - n²)        δr = δn * v * r * (1 - r)
        δz   = δh' * (h - n) * z * (1 - z)     δv = δn * r
        δh   = δh' * z + W_hr^T δr + W_hz^T δz + W_hn^T δv
    """

    loop: ClassVar[str] = "gru_reset_after"
    kept = 4
    sums = 4

    def __init__(self, weights: Leaves) -> None:
        super().__init__(weights)
        H = weights[0].shape[1]
        self.W_rz, self.W_n = weights[0].detach().split([2 * H, H])
        self.b_rz, self.b_n = weights[1].detach().split([2 * H, H])

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        u_rz, u_n = u.split([len(self.b_rz), len(self.b_n)], dim=1)
        r, z, n, v = kept.chunk(4, dim=1)
        gates = kept[:, : len(self.b_rz)]
        torch.add(u_rz, self.b_rz, out=gates)
        return gates, r, z, n, v, u_n

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        gates, r, z, n, v, u_n = views
        (h,), (h_new,) = old, new
        gates.addmm_(h, self.W_rz.t()).sigmoid_()
        torch.addmm(self.b_n, h, self.W_n.t(), out=v)
        torch.addcmul(u_n, r, v, out=n).tanh_()
        torch.lerp(n, h, z, out=h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        H = kept.shape[1] // 4
        r, z, n, v = kept.chunk(4, dim=1)
        factors = torch.empty_like(kept)
        f_r, f_z, f_n, f_v = factors.chunk(4, dim=1)
        torch.mul(1 - z, 1 - n * n, out=f_n)
        torch.mul(f_n, r, out=f_v)
        torch.mul(f_v, v * (1 - r), out=f_r)
        torch.mul(past[0] - n, z * (1 - z), out=f_z)
        by_gate = (tensor.unflatten(1, (4, H)) for tensor in (factors, work))
        return *by_gate, work[:, : 2 * H], work[:, 3 * H :], z

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        factors, work, gates, dv, z = views
        (dh,), (dh_before,) = flow, before
        torch.mul(factors, dh.unsqueeze(1), out=work)
        dh_before.addcmul_(dh, z).addmm_(gates, self.W_rz).addmm_(dv, self.W_n)

    def input_gradient(self, work: Tensor) -> Tensor:
        return work[:, : work.shape[1] // 4 * 3]

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        H = past[0].shape[1]
        parts = work[:, : 2 * H], work[:, 3 * H :]
        W = torch.cat([self.multiply(part.t(), past[0]) for part in parts])
        return W, torch.cat([part.sum(0) for part in parts])


class _ResetBefore(StepByHand):
    """`reset_after=False`; keeps `r`, `z`, `n` and `q = r * h`.

    With `δ` the gradient of what follows it::

        δn   = δh' * (1 - z) * (1 - n²)        δq = W_hn^T δn
        δz   = δh' * (h - n) * z * (1 - z)     δr = δq * h * r * (1 - r)
        δh   = δh' * z + δq * r + W_hr^T δr + W_hz^T δz
    """

    loop: ClassVar[str] = "gru_reset_before"
    kept = 4
    sums = 3

    def __init__(self, weights: Leaves) -> None:
        super().__init__(weights)
        H = weights[0].shape[1]
        self.W_rz, self.W_n = weights[0].detach().split([2 * H, H])

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        u_rz, u_n = u.split([len(self.W_rz), len(self.W_n)], dim=1)
        return u_rz, u_n, kept[:, : len(self.W_rz)], *kept.chunk(4, dim=1)

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u_rz, u_n, gates, r, z, n, q = views
        (h,), (h_new,) = old, new
        torch.addmm(u_rz, h, self.W_rz.t(), out=gates).sigmoid_()
        torch.mul(r, h, out=q)
        torch.addmm(u_n, q, self.W_n.t(), out=n).tanh_()
        torch.lerp(n, h, z, out=h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        (h,), H = past, past[0].shape[1]
        r, z, n, _ = kept.chunk(4, dim=1)
        factors = torch.empty_like(work)
        f_r, f_z, f_n = factors.chunk(3, dim=1)
        torch.mul(h, r * (1 - r), out=f_r)
        torch.mul(h - n, z * (1 - z), out=f_z)
        torch.mul(1 - z, 1 - n * n, out=f_n)
        by_gate = (tensor[:, H:].unflatten(1, (2, H)) for tensor in (factors, work))
        return *by_gate, work[:, :H], work[:, 2 * H :], work[:, : 2 * H], f_r, r, z

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        factors, d_zn, dr, dn, d_rz, f_r, r, z = views
        (dh,), (dh_before,) = flow, before
        torch.mul(factors, dh.unsqueeze(1), out=d_zn)
        dq = torch.mm(dn, self.W_n, out=dr)
        dh_before.addcmul_(dh, z).addcmul_(dq, r)
        dr.mul_(f_r)
        dh_before.addmm_(d_rz, self.W_rz)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        H = past[0].shape[1]
        d_rz, dn = work.split([2 * H, H], dim=1)
        parts = self.multiply(d_rz.t(), past[0]), self.multiply(dn.t(), kept[:, 3 * H :])
        return (torch.cat(parts),)
