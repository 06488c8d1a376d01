"""The parameters that torch's cells have in common: their layout, initial values and projection."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurbench.cells.base import RecurrentCell, StateT


class StackedGates(RecurrentCell[StateT]):
    """A cell whose gates share one input and one recurrent matrix, named and shaped as torch's.

    The K gates lie one below the other in `weight_ih` `(K * H, I)`, as in `nn.GRUCell`,
    `nn.LSTMCell` and `nn.RNNCell`, so that a `state_dict` of these loads as it is.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        gates: K, including the candidate.
        bias: whether there are `bias_ih` and `bias_hh`; they are `None` otherwise.
    """

    weight_ih: nn.Parameter  # (K * H, I)
    weight_hh: nn.Parameter  # (K * H, H)
    bias_ih: nn.Parameter | None  # (K * H,)
    bias_hh: nn.Parameter | None  # (K * H,)

    def __init__(self, input_size: int, hidden_size: int, *, gates: int, bias: bool) -> None:
        super().__init__(input_size, hidden_size)
        rows = gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, nn.Parameter(torch.empty(rows)) if bias else None)

    def project(self, x: Tensor) -> Tensor:
        """The input's part of all gates, with both biases: `(..., I)` to `(..., K * H)`."""
        if self.bias_ih is None or self.bias_hh is None:
            return self._linear(x, self.weight_ih, None)
        return self._linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """`F.linear`; a cell with kernels puts its own before it."""
        return F.linear(x, weight, bias)

    def _initialise(self, init: str) -> None:
        """Fills all parameters in the way that `initialisations` names `init`."""
        self.initialisations[init](self)

    def _uniform(self) -> None:
        """As torch: uniform in `±1/√H`, drawn in torch's order: equal seeds, equal values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def _glorot_orthogonal(self) -> None:
        """As Keras, which draws one matrix for all gates together; biases start at zero."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        nn.init.xavier_uniform_(self.weight_ih)
        nn.init.orthogonal_(self.weight_hh)

    initialisations: ClassVar[Mapping[str, Callable[[Any], None]]] = {
        "torch": _uniform,
        "keras": _glorot_orthogonal,
    }
    """The choices of a cell's `init` knob."""
