"""Long expressive memory: a discretised system of equations that learns its own time steps."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Gt, Le
from torch import Tensor

from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.stacked_gates import StackedGates


class LEMState(NamedTuple):
    """The two halves of the system, of which the first is the output."""

    y: Tensor  # (B, H)
    z: Tensor  # (B, H)


class LEM(CellByHand[LEMState], StackedGates[LEMState]):
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
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, `dt` is out of its range, or `kernel` is unknown.
    """

    name: ClassVar[str] = "lem"
    year: ClassVar[int] = 2022
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        dt: Annotated[float, Gt(0), Le(1)] = 1.0,
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=4, bias=bias)
        self.dt = dt
        self.kernel = kernel
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

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _LEMStep([self.weight_hh], self.dt)


class _LEMStep(StepByHand):
    """Keeps `d / dt`, `e / dt`, and the tanh of `z` and of `y`, here `g` and `k`.

    With `δ` the gradient of what follows it, and `δz'` at first that from the step after::

        δk   = δy' * e * (1 - k²)         δe = δy' * (k - y) * e * (1 - e / dt)
        δz' += W_hy^T δk
        δg   = δz' * d * (1 - g²)         δd = δz' * (g - z) * d * (1 - d / dt)
        δz   = δz' * (1 - d)              δy = δy' * (1 - e) + (W_hd, W_he, W_hz)^T (δd, δe, δg)
    """

    loop: ClassVar[str] = "lem"
    kept = 4
    sums = 4

    def __init__(self, weights: Leaves, dt: float) -> None:
        super().__init__(weights)
        H = weights[0].shape[1]
        self.W_deg, self.W_k = weights[0].detach().split([3 * H, H])
        self.dt = dt

    def numbers(self) -> list[float]:
        return [self.dt]

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        sizes, H = [len(self.W_deg), len(self.W_k)], len(self.W_k)
        return (
            *u.split(sizes, dim=1),
            *kept.split(sizes, dim=1),
            *kept[:, : 3 * H].split([2 * H, H], dim=1),
            *kept[:, : 2 * H].chunk(2, dim=1),
        )

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u_deg, u_k, sums, k, gates, g, d, e = views
        (y, z), (y_new, z_new) = old, new
        torch.addmm(u_deg, y, self.W_deg.t(), out=sums)
        gates.sigmoid_()
        g.tanh_()
        torch.addcmul(z, d, torch.sub(g, z, out=z_new), value=self.dt, out=z_new)
        torch.addmm(u_k, z_new, self.W_k.t(), out=k).tanh_()
        torch.addcmul(y, e, torch.sub(k, y, out=y_new), value=self.dt, out=y_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        (d, e, g, k), (y, z) = kept.chunk(4, dim=1), past
        d_dt, e_dt = self.dt * d, self.dt * e
        of_d, of_g = (g - z) * d_dt * (1 - d), d_dt * (1 - g * g)
        of_e, of_k = (k - y) * e_dt * (1 - e), e_dt * (1 - k * k)
        sums = work[:, : len(self.W_deg)]
        return *work.chunk(4, dim=1), sums, of_d, of_e, of_g, of_k, 1 - d_dt, 1 - e_dt

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        dd, de, dg, dk, sums, of_d, of_e, of_g, of_k, z_passed, y_passed = views
        (dy, dz), (dy_before, dz_before) = flow, before
        torch.mul(of_k, dy, out=dk)
        torch.mul(of_e, dy, out=de)
        dz.addmm_(dk, self.W_k)
        torch.mul(of_d, dz, out=dd)
        torch.mul(of_g, dz, out=dg)
        dz_before.addcmul_(dz, z_passed)
        dy_before.addcmul_(dy, y_passed).addmm_(sums, self.W_deg)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        sums, dk = work.split([len(self.W_deg), len(self.W_k)], dim=1)
        return (torch.cat((self.multiply(sums.t(), past[0]), self.multiply(dk.t(), path[1]))),)
