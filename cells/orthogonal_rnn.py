"""A recurrent network whose recurrent matrix is orthogonal, as the exponential of a skew matrix."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurbench.cells.base import HiddenState, fold
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.precision import widen


class SkewExponential(torch.autograd.Function):
    """`exp(A)` of a skew-symmetric `A` `(H, H)`, with a gradient as precise as the result.

    As in torch, the gradient is a corner of the exponential of a larger matrix, which contains the
    gradient `G` of `exp(A)`. The norm of that matrix decides the exponential's precision and cost:
    in torch, a `G` of norm 1,000 costs three digits. Here `G` is scaled down first, and the result
    up again, which is exact because the result is linear in `G`.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        """The exponential."""
        ctx.save_for_backward(A)
        Q: Tensor = torch.linalg.matrix_exp(A)
        return Q

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Tensor:
        """The gradient of `A`, by the block matrix; the transpose of `A` is `-A`."""
        (A,) = ctx.saved_tensors
        scale: Tensor = 1000 * G.norm().clamp(min=torch.finfo(G.dtype).tiny)
        above = torch.cat((-A, G / scale), dim=1)
        below = torch.cat((torch.zeros_like(A), -A), dim=1)
        whole: Tensor = torch.linalg.matrix_exp(torch.cat((above, below)))
        return scale * whole[: len(A), len(A) :]


class OrthogonalRNN(CellByHand[HiddenState]):
    """ExpRNN (Lezcano-Casado & Martínez-Rubio 2019, https://arxiv.org/abs/1901.08428).

    With `A` skew-symmetric, so that `Q` is orthogonal, and `*` elementwise::

        Q  = exp(A)                              parametrisation=exp
        Q  = (I + A)⁻¹ (I - A)                   parametrisation=cayley, Helfrich et al. 2018
        a  = W x + Q h
        h' = sign(a) * relu(|a| + b),   y = h'

    The last line is modReLU of Arjovsky et al. 2016 (https://arxiv.org/abs/1511.06464) for real
    numbers, as in Helfrich et al. 2018 (https://arxiv.org/abs/1707.09520). The biases `b` belong to
    it, and the input has none. With `b = 0` and without input, the recurrence is linear and keeps
    norms.

    What differs: the paper's code holds `H²` numbers for `A` and reads the upper triangle; here
    only the `H (H - 1) / 2` numbers of the triangle are parameters. The paper gives them a tenth of
    the learning rate of the other parameters, as `optimizer.lr_factor=0.1` does here. The scaled
    Cayley transform of Helfrich et al. also has a fixed diagonal of signs; it is left out, so `Q`
    is a rotation.

    The Cayley transform has no matrix with an eigenvalue of -1, but is much cheaper to
    differentiate: with `H = 400` on one thread, `Q` and its gradient take 15 ms, and those of the
    exponential 115 ms. `forward` computes `Q` once per sequence, and `step` once per step.

    Parameters are `skew` `(H (H - 1) / 2,)`, the upper triangle of `A` row by row, `weight_ih`
    (`W`, `(H, I)`) and `bias` (`b`, `(H,)`).

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        parametrisation: how a skew matrix becomes an orthogonal one.
        init: of `A`, which is made of blocks `[[0, s], [-s, 0]]`. With `henaff`, `s` is uniform in
            `±π` (Henaff et al. 2016), so that `exp(A)` rotates planes by `s`. With `cayley`, `s` is
            `-tan(t / 2)` with `t` uniform in `[0, π/2]` (Helfrich et al. 2018), so that the Cayley
            transform rotates planes by `t`. In both, `W` is Kaiming normal and `b` uniform in
            `±0.01`, as in the paper's code.
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, or `parametrisation`, `init` or `kernel` is unknown.
    """

    name: ClassVar[str] = "orthogonal_rnn"
    year: ClassVar[int] = 2019
    family: ClassVar[str] = "orthogonal"
    gates: ClassVar[int] = 0
    own_rate: ClassVar[frozenset[str]] = frozenset({"skew"})
    has_loop: ClassVar[bool] = True

    triangle: Tensor  # (2, H (H - 1) / 2), rows and columns of the entries of `skew`

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        parametrisation: Literal["exp", "cayley"] = "exp",
        init: Literal["henaff", "cayley"] = "henaff",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = kernel
        self.parametrisation = parametrisation
        triangle = torch.triu_indices(hidden_size, hidden_size, offset=1)
        self.register_buffer("triangle", triangle, persistent=False)
        blocks = torch.empty(hidden_size // 2)
        if init == "henaff":
            blocks.uniform_(-math.pi, math.pi)
        else:
            blocks.uniform_(0, math.pi / 2).div_(2).tan_().neg_()
        upper = torch.diag(torch.stack((blocks, torch.zeros_like(blocks)), 1).flatten(), 1)
        self.skew = nn.Parameter(upper[triangle[0], triangle[1]])
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        nn.init.kaiming_normal_(self.weight_ih, nonlinearity="relu")
        self.bias = nn.Parameter(torch.empty(hidden_size).uniform_(-0.01, 0.01))

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def recurrent_matrix(self) -> Tensor:
        """`Q` `(H, H)`."""
        row, column = self.triangle
        upper = self.skew.new_zeros(self.hidden_size, self.hidden_size)
        upper = upper.index_put((row, column), self.skew)
        A = widen(upper - upper.t())  # torch has neither function in half precision
        Q: Tensor
        if self.parametrisation == "exp":
            Q = SkewExponential.apply(A)
        else:
            identity = torch.eye(self.hidden_size, dtype=A.dtype, device=A.device)
            Q = torch.linalg.solve(identity + A, identity - A)
        return Q.to(self.skew.dtype)

    def project(self, x: Tensor) -> Tensor:
        """`W x`: `(..., I)` to `(..., H)`."""
        return F.linear(x, self.weight_ih)

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """One step: `(B, H)` and the state to `(B, H)` and the next state."""
        return self._recur(self.recurrent_matrix(), u, state)

    def by_hand(self) -> StepByHand:
        """The step by hand, with one `Q` for all steps."""
        return _OrthogonalStep([self.recurrent_matrix(), self.bias])

    def step_by_step(
        self, u: Tensor, batch_sizes: Sequence[int], state: HiddenState
    ) -> tuple[Tensor, HiddenState]:
        """All steps with one `Q`; see `unroll` for the shapes."""
        return fold(partial(self._recur, self.recurrent_matrix()), u, batch_sizes, state)

    def _recur(self, Q: Tensor, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        a = torch.addmm(u, state.h, Q.t())
        h = torch.sign(a) * torch.relu(a.abs() + self.bias)
        return h, HiddenState(h)


class _OrthogonalStep(StepByHand):
    """Keeps `a`.

    With `δ` the gradient of what follows it, `δa = δh'` where `|a| + b > 0`, `δb = δa * sign(a)`
    and `δh = Q^T δa`.
    """

    loop: ClassVar[str] = "orthogonal"
    kept = 1
    sums = 1

    def __init__(self, weights: Leaves) -> None:
        super().__init__(weights)
        self.Q, self.b = (weight.detach() for weight in weights)

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        return u, kept

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        (u, a), (h,), (h_new,) = views, old, new
        torch.addmm(u, h, self.Q.t(), out=a)
        torch.abs(a, out=h_new).add_(self.b).relu_().mul_(torch.sign(a))

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        return ((kept.abs() + self.b > 0) & (kept != 0)).to(kept.dtype), work

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        (passed, da), (dh,), (dh_before,) = views, flow, before
        torch.mul(passed, dh, out=da)
        dh_before.addmm_(da, self.Q)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        return self.multiply(work.t(), past[0]), (work * kept.sign()).sum(0)
