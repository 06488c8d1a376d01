"""torch's own recurrent layers behind the cell contract: the reference for values and speed."""

from abc import abstractmethod
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
from recurbench.cells.parts.packed import last_steps

CLOSED = 1e30
"""Far beyond any sum of a gate: its logistic function is exactly 0 or 1."""

_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class TorchLayer(RecurrentCell[StateT]):
    """One torch layer as a cell; a whole batch goes to torch in one call or a few.

    `state_dict` has the names of torch's cells (`weight_ih`, not `layer.weight_ih_l0`), so it can
    be exchanged with `nn.GRUCell`, `nn.LSTMCell`, `nn.RNNCell` and this package's cells.
    """

    layer: nn.GRU | nn.LSTM | nn.RNN

    call: int = 16
    """On a CPU, another call takes about as long as so many more rows of one step."""

    short: int = 40
    """On a CPU, torch's own call is as fast for packed sequences of fewer steps."""

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
        the gradient of each slice is as large as the batch. Here, each stretch of steps with nearly
        the same rows is a dense batch of its own, which starts from the state of the one before;
        rows that end in it are padded to its end. That gives the same numbers without the slices.
        """
        ragged = batch_sizes[0] > batch_sizes[-1]
        if ragged and (u.is_cuda or len(batch_sizes) < self.short):
            packed = PackedSequence(u, torch.tensor(batch_sizes, device="cpu"))
            packed, final = self._run(packed, state)
            return packed.data, final
        stretches = _stretches(batch_sizes, self.call)
        left = iter(stretches)
        parts = u.split([sum(sizes) for sizes in stretches])
        rows = [sizes[0] for sizes in stretches]
        return fold_parts(lambda part, s: self._stretch(part, next(left), s), parts, rows, state)

    def _stretch(
        self, u: Tensor, batch_sizes: Sequence[int], state: StateT
    ) -> tuple[Tensor, StateT]:
        rows, steps = batch_sizes[0], len(batch_sizes)
        if rows == batch_sizes[-1]:
            y, state = self._run(u.unflatten(0, (steps, rows)), state)
            return y.flatten(0, 1), state
        valid = torch.arange(rows, device="cpu") < torch.tensor(batch_sizes, device="cpu")[:, None]
        where = valid.flatten().nonzero().flatten()
        x = u.new_zeros(steps * rows, u.shape[1]).index_copy(0, where, u)
        y, state = self._run_padded(x.unflatten(0, (steps, rows)), valid, state)
        y = y.flatten(0, 1).index_select(0, where)
        return y, type(state)(y[last_steps(batch_sizes, u.device)], *state[1:])

    def _run_padded(self, x: Tensor, valid: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """As `_run`, where some rows end early; of the state only `h` may be what it is later."""
        return self._run(x, state)

    @abstractmethod
    def _run(self, x: Tensor | PackedSequence, state: StateT) -> tuple[Any, StateT]:
        """Calls the layer on `(T, B, I)` or a PackedSequence; the outputs are of the same kind."""


def _stretches(batch_sizes: Sequence[int], call: int) -> list[list[int]]:
    """Neighbouring steps that are run in one call: padding them costs less than another call."""
    found: list[list[int]] = []
    padded = 0
    for rows in batch_sizes:
        padded += found[-1][0] - rows if found else 0
        if not found or (rows < found[-1][-1] and padded > call):
            found.append([])
            padded = 0
        found[-1].append(rows)
    return found


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

    call = 64
    short = 0
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

    def _run_padded(self, x: Tensor, valid: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """A further input, 1 at padded steps, closes the input gate and opens the forget gate.

        So each row keeps its memory to the end, exactly and with its gradient.
        """
        weight, *others = self.layer.all_weights[0]
        H = self.hidden_size
        column = weight.new_tensor([-CLOSED, CLOSED, 0, 0]).repeat_interleave(H).unsqueeze(1)
        weights = [torch.cat((weight, column), dim=1), *others]
        with torch.autocast("cpu", enabled=False):
            marked = torch.cat((x.to(weight.dtype), (~valid).unsqueeze(2).to(weight.dtype)), dim=2)
            start = [leaf.to(weight.dtype).unsqueeze(0) for leaf in state]
            y, h, c = torch.lstm(
                marked, start, weights, bool(others[1:]), 1, 0.0, self.training, False, False
            )
        return y, LSTMState(h.squeeze(0), c.squeeze(0))

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
