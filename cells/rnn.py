"""The plain recurrent network, with tanh or rectified units."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from recurbench.cells.base import HiddenState
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.stacked_gates import StackedGates

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}
IN_PLACE = {"tanh": torch.tanh_, "relu": torch.relu_}


def slope_by_value(nonlinearity: str, h: Tensor) -> Tensor:
    """The derivative of a nonlinearity where its value is `h`."""
    return (h > 0).to(h.dtype) if nonlinearity == "relu" else 1 - h * h


class RNN(CellByHand[HiddenState], StackedGates[HiddenState]):
    """Simple recurrent network (Elman 1990, "Finding structure in time").

    With `φ` either tanh or relu::

        h' = φ(W_ih x + b_ih + W_hh h + b_hh),   y = h'

    What differs: Elman's units are logistic, and his network includes the readout, which is the
    harness's here. Parameters are those of `nn.RNNCell`.

    `nonlinearity=relu init=identity` is the IRNN of Le et al. 2015
    (https://arxiv.org/abs/1504.00941). `W_hh` starts as the identity, `W_ih` is drawn from
    `N(0, 0.001²)`, and the biases start at zero: at first the state is carried over unchanged.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        nonlinearity: `φ`, that is `tanh` or `relu`.
        bias: whether there are biases.
        init: `torch` draws all from `±1/√H`; `keras` starts with input weights Glorot
            uniform, recurrent weights orthogonal and biases zero; for `identity` see above.
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, or `nonlinearity`, `init` or `kernel` is unknown.
    """

    name: ClassVar[str] = "rnn"
    year: ClassVar[int] = 1990
    family: ClassVar[str] = "simple"
    gates: ClassVar[int] = 0
    has_loop: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        init: Literal["torch", "keras", "identity"] = "torch",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=1, bias=bias)
        self.kernel = kernel
        self.nonlinearity = nonlinearity
        self._initialise(init)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """One step: `(B, H)` and the state to `(B, H)` and the next state."""
        h = NONLINEARITIES[self.nonlinearity](torch.addmm(u, state.h, self.weight_hh.t()))
        return h, HiddenState(h)

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _RNNStep([self.weight_hh], self.nonlinearity)

    def _identity(self) -> None:
        """As the IRNN: the identity, small input weights, zero biases."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        nn.init.normal_(self.weight_ih, std=0.001)
        nn.init.eye_(self.weight_hh)

    initialisations: ClassVar[Mapping[str, Callable[[Any], None]]] = {
        **StackedGates.initialisations,
        "identity": _identity,
    }


class _RNNStep(StepByHand):
    """With `δ` the gradient of what follows it, `δa = δh' φ'` and `δh = W_hh^T δa`."""

    loop: ClassVar[str] = "rnn"
    sums = 1

    def __init__(self, weights: Leaves, nonlinearity: str) -> None:
        super().__init__(weights)
        self.nonlinearity = nonlinearity
        (self.W,) = (weight.detach() for weight in weights)

    def numbers(self) -> list[float]:
        return [float(self.nonlinearity == "relu")]

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        return (u,)

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        (u,), (h,), (h_new,) = views, old, new
        torch.addmm(u, h, self.W.t(), out=h_new)
        IN_PLACE[self.nonlinearity](h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        return slope_by_value(self.nonlinearity, path[0]), work

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        (slope, da), (dh,), (dh_before,) = views, flow, before
        torch.mul(slope, dh, out=da)
        dh_before.addmm_(da, self.W)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        return (self.multiply(work.t(), past[0]),)
