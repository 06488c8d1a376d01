"""torch's own recurrent layers behind the cell contract: the reference for values and speed."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recurbench.cells.base import (
    HiddenState,
    RecurrentCell,
    StateT,
    fold_parts,
    map_state,
)
from recurbench.cells.lstm import LSTMState

WORTH = 4
"""How many steps a stretch must have on average, so that its call saves time."""

_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class TorchLayer(RecurrentCell[StateT]):
    """One torch layer as a cell; a whole batch goes to torch in one call or a few.

    `state_dict` has the names of torch's cells (`weight_ih`, not `layer.weight_ih_l0`), so it can
    be exchanged with `nn.GRUCell`, `nn.LSTMCell`, `nn.RNNCell` and this package's cells.
    """

    layer: nn.GRU | nn.LSTM | nn.RNN

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.register_state_dict_post_hook(_to_cell_names)
        self.register_load_state_dict_pre_hook(_to_layer_names)

    def project(self, x: Tensor) -> Tensor:
        """The input itself, `(..., I)`: torch projects it inside the layer."""
        return x

    def recur(self, u: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """One step, `(B, I)` to `(B, H)`, as a sequence of length 1."""
        return self.unroll(u, [len(u)], state)

    def unroll(self, u: Tensor, batch_sizes: Sequence[int], state: StateT) -> tuple[Tensor, StateT]:
        """All steps by the layer; see the base class for the shapes.

        On a CPU, torch has no kernel for packed sequences: every step slices the whole batch, and
        the gradient of each slice is as large as the batch. Here, each stretch of steps with the
        same rows is a dense batch of its own, which starts from the state of the one before. That
        gives the same numbers without the slices.
        """
        stretches = Counter(batch_sizes)  # how many steps have so many rows, from many to few
        if len(stretches) > 1 and (u.is_cuda or len(batch_sizes) < WORTH * len(stretches)):
            packed = PackedSequence(u, torch.tensor(batch_sizes, device="cpu"))
            packed, final = self._run(packed, state)
            return packed.data, final
        parts = u.split([rows * steps for rows, steps in stretches.items()])
        return fold_parts(self._stretch, parts, list(stretches), state)

    def _stretch(self, u: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        y, state = self._run(u.unflatten(0, (-1, len(state[0]))), state)
        return y.flatten(0, 1), state

    @abstractmethod
    def _run(self, x: Tensor | PackedSequence, state: StateT) -> tuple[Any, StateT]:
        """Calls the layer on `(T, B, I)` or a PackedSequence; the outputs are of the same kind."""


class _HiddenLayer(TorchLayer[HiddenState]):
    """A layer whose state is its output."""

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def _run(self, x: Tensor | PackedSequence, state: HiddenState) -> tuple[Any, HiddenState]:
        y, h = self.layer(x, state.h.unsqueeze(0))
        return y, HiddenState(h.squeeze(0))


class TorchGRU(_HiddenLayer):
    """`nn.GRU` (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

    The equations of `recurbench.cells.gru.GRU` with `reset_after=True`, among them::

        n  = tanh(W_in x + b_in + r * (W_hn h + b_hn))
        h' = (1 - z) * n + z * h,   y = h'

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gates have biases.

    Raises:
        CellError: a size is not positive.
    """

    name: ClassVar[str] = "torch_gru"
    year: ClassVar[int] = 2014
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 2

    def __init__(self, input_size: int, hidden_size: int = 64, *, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.GRU(input_size, hidden_size, bias=bias)


class TorchLSTM(TorchLayer[LSTMState]):
    """`nn.LSTM` (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    The equations of `recurbench.cells.lstm.LSTM` as it is by default, among them::

        c' = f * c + i * g
        h' = o * tanh(c'),   y = h'

    On a CPU it runs in its parameters' dtype even under autocast.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gates have biases.

    Raises:
        CellError: a size is not positive.
    """

    name: ClassVar[str] = "torch_lstm"
    year: ClassVar[int] = 1997
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 3

    def __init__(self, input_size: int, hidden_size: int = 64, *, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.LSTM(input_size, hidden_size, bias=bias)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Zeros."""
        h = self._zeros(batch_size, self.hidden_size)
        return LSTMState(h, torch.zeros_like(h))

    def _run(self, x: Tensor | PackedSequence, state: LSTMState) -> tuple[Any, LSTMState]:
        if state.h.device.type != "cpu":
            return self._call(x, state)
        # torch fails under bf16 autocast on processors without bf16 instructions.
        with torch.autocast("cpu", enabled=False):
            dtype = next(self.parameters()).dtype
            return self._call(x.to(dtype), map_state(lambda leaf: leaf.to(dtype), state))

    def _call(self, x: Tensor | PackedSequence, state: LSTMState) -> tuple[Any, LSTMState]:
        y, (h, c) = self.layer(x, (state.h.unsqueeze(0), state.c.unsqueeze(0)))
        return y, LSTMState(h.squeeze(0), c.squeeze(0))


class TorchRNN(_HiddenLayer):
    """`nn.RNN` (Elman 1990, "Finding structure in time").

    The equation of `recurbench.cells.rnn.RNN`::

        h' = φ(W_ih x + b_ih + W_hh h + b_hh),   y = h'

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        nonlinearity: `φ`, that is `tanh` or `relu`.
        bias: whether there are biases.

    Raises:
        CellError: a size is not positive, or `nonlinearity` is unknown.
    """

    name: ClassVar[str] = "torch_rnn"
    year: ClassVar[int] = 1990
    family: ClassVar[str] = "simple"
    gates: ClassVar[int] = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, bias=bias)


# Module functions, not methods or closures: a cell with these hooks can be copied and pickled.
def _to_cell_names(
    _module: nn.Module, state_dict: dict[str, Any], prefix: str, _metadata: object
) -> None:
    for name in _PARAMETERS:
        _rename(state_dict, f"{prefix}layer.{name}_l0", f"{prefix}{name}")


def _to_layer_names(
    _module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: object
) -> None:
    for name in _PARAMETERS:
        _rename(state_dict, f"{prefix}{name}", f"{prefix}layer.{name}_l0")


def _rename(state_dict: dict[str, Any], old: str, new: str) -> None:
    if old in state_dict:
        state_dict[new] = state_dict.pop(old)
