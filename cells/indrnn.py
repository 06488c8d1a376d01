"""The independently recurrent network: every unit sees its own past alone."""

from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from recurbench.cells.base import HiddenState
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.rnn import IN_PLACE, NONLINEARITIES, slope_by_value


class IndRNN(CellByHand[HiddenState]):
    """Independently recurrent network (Li et al. 2018, https://arxiv.org/abs/1803.04831).

    With `φ` either relu or tanh and `*` elementwise::

        h' = φ(W x + b + u * h),   y = h'

    A rectified unit multiplies what it holds by `u` at every step. Over T steps, that is a factor
    of 2 at most if `|u| <= 2^(1/T)`, and of 1/2 at least if `u >= 2^(-1/T)`. With `long_memory`,
    `u` starts between these two, so that every unit remembers over T steps, as in the paper's last
    layer. Without, `u` starts in `[0, 2^(1/T)]`, so that the units remember over many time scales,
    as in the paper's other layers.

    What differs from the paper: there is no batch normalisation, which would couple the rows of a
    batch, and the range holds at initialisation only. The paper also clips `u` to it after every
    update; in the authors' code that is a choice, off by default.

    Parameters are `input` (`W` `(H, I)`, uniform in `±1/√I`, and `b` `(H,)`, zero at first) and `u`
    `(H,)`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        nonlinearity: `φ`, that is `relu` or `tanh`.
        steps: T, how many steps to remember over, such as the length of a sequence.
        long_memory: whether `u` starts in `[2^(-1/T), 2^(1/T)]` and not in `[0, 2^(1/T)]`.
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size or `steps` is not positive, or `nonlinearity` or `kernel` is unknown.
    """

    name: ClassVar[str] = "indrnn"
    year: ClassVar[int] = 2018
    family: ClassVar[str] = "simple"
    gates: ClassVar[int] = 0
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        nonlinearity: Literal["relu", "tanh"] = "relu",
        steps: Annotated[int, Ge(1)] = 64,
        long_memory: bool = True,
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = kernel
        self.nonlinearity = nonlinearity
        self.input = nn.Linear(input_size, hidden_size)
        nn.init.zeros_(self.input.bias)
        lowest = 2 ** (-1 / steps) if long_memory else 0
        self.u = nn.Parameter(torch.empty(hidden_size).uniform_(lowest, 2 ** (1 / steps)))

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part, with the bias: `(..., I)` to `(..., H)`."""
        u: Tensor = self.input(x)
        return u

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """One step: `(B, H)` and the state to `(B, H)` and the next state."""
        h = NONLINEARITIES[self.nonlinearity](torch.addcmul(u, self.u, state.h))
        return h, HiddenState(h)

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _IndRNNStep([self.u], self.nonlinearity)


class _IndRNNStep(StepByHand):
    """With `δ` the gradient of what follows it, `δa = δh' φ'` and `δh = u * δa`."""

    loop: ClassVar[str] = "indrnn"
    sums = 1

    def __init__(self, weights: Leaves, nonlinearity: str) -> None:
        super().__init__(weights)
        self.nonlinearity = nonlinearity
        self.u = weights[0].detach()

    def numbers(self) -> list[float]:
        return [float(self.nonlinearity == "relu")]

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        return (u,)

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        (u,), (h,), (h_new,) = views, old, new
        torch.addcmul(u, self.u, h, out=h_new)
        IN_PLACE[self.nonlinearity](h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        return slope_by_value(self.nonlinearity, path[0]), work

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        (slope, da), (dh,), (dh_before,) = views, flow, before
        torch.mul(slope, dh, out=da)
        dh_before.addcmul_(da, self.u)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        return ((work * past[0]).sum(0),)
