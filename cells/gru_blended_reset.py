"""A GRU whose reset is a blend of its update gate and the last candidate."""

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.stacked_gates import StackedGates


class BlendedState(NamedTuple):
    """The output and the candidate that it was made from."""

    h: Tensor  # (B, H)
    n: Tensor  # (B, H)


class GRUBlendedReset(CellByHand[BlendedState], StackedGates[BlendedState]):
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
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, or `init` or `kernel` is unknown.
    """

    name: ClassVar[str] = "gru_blended_reset"
    year: ClassVar[int] = 2026
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        init: Literal["torch", "keras"] = "torch",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=3, bias=bias)
        self.kernel = kernel
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

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _BlendedStep([self.weight_hh])


class _BlendedStep(StepByHand):
    """Keeps `s`, `z`, `r` and `q = r * h`.

    With `δ` the gradient of what follows it, and `δn'` at first that from the step after::

        δn' += δh' * z,   δa = δn' * (1 - n'²),   δq = W_hn^T δa
        δs   = δq * h * (n - z) * s * (1 - s)
        δz   = (δh' * (n' - h) + δq * h * (1 - s)) * z * (1 - z)
        δn   = δq * h * s
        δh   = δh' * (1 - z) + δq * r + W_hs^T δs + W_hz^T δz
    """

    loop: ClassVar[str] = "blended_reset"
    kept = 4
    sums = 3

    def __init__(self, weights: Leaves) -> None:
        super().__init__(weights)
        H = weights[0].shape[1]
        self.W_sz, self.W_n = weights[0].detach().split([2 * H, H])

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        u_sz, u_n = u.split([len(self.W_sz), len(self.W_n)], dim=1)
        return u_sz, u_n, kept[:, : len(self.W_sz)], *kept.chunk(4, dim=1)

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u_sz, u_n, gates, s, z, r, q = views
        (h, n), (h_new, n_new) = old, new
        torch.addmm(u_sz, h, self.W_sz.t(), out=gates).sigmoid_()
        torch.lerp(z, n, s, out=r)
        torch.mul(r, h, out=q)
        torch.addmm(u_n, q, self.W_n.t(), out=n_new).tanh_()
        torch.lerp(h, n_new, z, out=h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        (s, z, r, _), (h, n), n_new = kept.chunk(4, dim=1), past, path[1]
        slope = z * (1 - z)
        of_s, of_n = h * (n - z) * s * (1 - s), 1 - n_new * n_new
        of_z, of_zq = (n_new - h) * slope, h * (1 - s) * slope
        ds, dz, da = work.chunk(3, dim=1)
        return ds, dz, da, work[:, : len(self.W_sz)], of_s, of_z, of_zq, of_n, r, z, 1 - z, h * s

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        ds, dz, da, gates, of_s, of_z, of_zq, of_n, r, z, passed, blended = views
        (dh, dn), (dh_before, dn_before) = flow, before
        dn.addcmul_(dh, z)
        torch.mul(dn, of_n, out=da)
        dq = torch.mm(da, self.W_n, out=ds)
        dh_before.addcmul_(dh, passed).addcmul_(dq, r)
        dn_before.addcmul_(dq, blended)
        torch.mul(dh, of_z, out=dz).addcmul_(dq, of_zq)
        ds.mul_(of_s)
        dh_before.addmm_(gates, self.W_sz)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        gates, da = work.split([len(self.W_sz), len(self.W_n)], dim=1)
        q = kept[:, -past[0].shape[1] :]
        return (torch.cat((self.multiply(gates.t(), past[0]), self.multiply(da.t(), q))),)
