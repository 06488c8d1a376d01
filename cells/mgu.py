"""The minimal gated unit: a GRU whose one gate both resets and updates."""

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from recurbench.cells.base import HiddenState
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.stacked_gates import StackedGates
from recurbench.limits import GoesWith


class MGU(CellByHand[HiddenState], StackedGates[HiddenState]):
    """Minimal gated unit (Zhou et al. 2016, https://arxiv.org/abs/1603.09420).

    With `σ` the logistic function and `*` elementwise::

        f  = σ(W_if x + b_if + W_hf h + b_hf)                    forget gate
        n  = tanh(W_in x + b_in + W_hn (f * h) + b_hn)           candidate
        h' = (1 - f) * h + f * n,   y = h'

    As in the paper, `f` replaces: where it is 1, the candidate takes the place of the state; where
    it is 0, the state is kept. The `z` of this package's `gru` is the other way round.

    What differs from the paper: the second bias, which torch's layout has, and the initial values.
    Parameters are laid out as those of `nn.GRUCell`, rows in the order `f`, `n`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gate and the candidate have biases.
        forget_bias: added to the gate's initial bias, if there are biases. As `f` replaces, a
            negative value makes the cell remember for longer at first.
        init: `torch` draws all from `±1/√H`; `keras` starts with input weights Glorot
            uniform, recurrent weights orthogonal and biases zero.
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, or `init` or `kernel` is unknown.
    """

    name: ClassVar[str] = "mgu"
    year: ClassVar[int] = 2016
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 1
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        forget_bias: Annotated[float, GoesWith(bias=True)] = 0.0,
        init: Literal["torch", "keras"] = "torch",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=2, bias=bias)
        self.kernel = kernel
        self._initialise(init)
        if self.bias_ih is not None:
            with torch.no_grad():
                b_f, _ = self.bias_ih.chunk(2)
                b_f += forget_bias

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """One step: `(B, 2H)` and the state to `(B, H)` and the next state."""
        h = state.h
        u_f, u_n = u.chunk(2, dim=-1)
        W_f, W_n = self.weight_hh.chunk(2)
        f = torch.sigmoid(torch.addmm(u_f, h, W_f.t()))
        n = torch.tanh(torch.addmm(u_n, f * h, W_n.t()))
        h = torch.addcmul(h, f, n - h)  # (1 - f) * h + f * n
        return h, HiddenState(h)

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _MGUStep([self.weight_hh])


class _MGUStep(StepByHand):
    """Keeps `f`, `n` and `q = f * h`.

    With `δ` the gradient of what follows it::

        δn = δh' * f * (1 - n²),   δq = W_hn^T δn
        δf = (δh' * (n - h) + δq * h) * f * (1 - f)
        δh = δh' * (1 - f) + δq * f + W_hf^T δf
    """

    loop: ClassVar[str] = "mgu"
    kept = 3
    sums = 2

    def __init__(self, weights: Leaves) -> None:
        super().__init__(weights)
        self.W_f, self.W_n = weights[0].detach().chunk(2)

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        return *u.chunk(2, dim=1), *kept.chunk(3, dim=1)

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u_f, u_n, f, n, q = views
        (h,), (h_new,) = old, new
        torch.addmm(u_f, h, self.W_f.t(), out=f).sigmoid_()
        torch.mul(f, h, out=q)
        torch.addmm(u_n, q, self.W_n.t(), out=n).tanh_()
        torch.lerp(h, n, f, out=h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        (f, n, _), (h,) = kept.chunk(3, dim=1), past
        slope = f * (1 - f)
        factors = f * (1 - n * n), (n - h) * slope, h * slope
        return *work.chunk(2, dim=1), *factors, f, 1 - f

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        df, dn, of_n, of_f, of_q, f, passed = views
        (dh,), (dh_before,) = flow, before
        torch.mul(of_n, dh, out=dn)
        dq = torch.mm(dn, self.W_n, out=df)
        dh_before.addcmul_(dh, passed).addcmul_(dq, f)
        df.mul_(of_q).addcmul_(of_f, dh)
        dh_before.addmm_(df, self.W_f)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        df, dn = work.chunk(2, dim=1)
        q = kept[:, -past[0].shape[1] :]
        return (torch.cat((self.multiply(df.t(), past[0]), self.multiply(dn.t(), q))),)
