"""Weights of the GRU, LSTM and plain RNN to and from torch's and Keras 3's layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.cells.base import CellError
from recurbench.cells.gru import GRU
from recurbench.cells.lstm import LSTM
from recurbench.cells.rnn import RNN

KERAS_ORDERS = {GRU: (1, 0, 2), LSTM: (0, 1, 2, 3), RNN: (0,)}
"""Where Keras's gates (GRU `z`, `r`, `h`; LSTM `i`, `f`, `c`, `o`) are among ours. Each order is
its own inverse."""


def to_torch(cell: GRU | LSTM | RNN) -> nn.GRU | nn.LSTM | nn.RNN:
    """The torch layer, batch first, that computes what a cell computes, with copied weights.

    A torch cell, such as `nn.GRUCell`, needs no such function: it has parameters of the same names,
    so it loads `cell.state_dict()`.

    Raises:
        CellError: torch has no such layer.
    """
    _require_plain(cell)
    sizes = cell.input_size, cell.hidden_size
    knobs: dict[str, Any] = {"bias": cell.bias_ih is not None, "batch_first": True}
    knobs |= {"device": "meta", "dtype": cell.weight_ih.dtype}  # draws no random numbers
    layer: nn.GRU | nn.LSTM | nn.RNN
    if isinstance(cell, GRU):
        if not cell.reset_after:
            raise CellError("torch has no GRU with reset_after=False")
        layer = nn.GRU(*sizes, **knobs)
    elif isinstance(cell, LSTM):
        layer = nn.LSTM(*sizes, **knobs)
    else:
        layer = nn.RNN(*sizes, nonlinearity=cell.nonlinearity, **knobs)
    layer.to_empty(device=cell.weight_ih.device)
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    return layer


def from_torch(layer: nn.Module) -> GRU | LSTM | RNN:
    """The cell that computes what a torch layer computes, with copied weights.

    Args:
        layer: `nn.GRU`, `nn.LSTM` or `nn.RNN` of one layer in one direction, or `nn.GRUCell`,
            `nn.LSTMCell` or `nn.RNNCell`.

    Raises:
        CellError: there is no such cell.
    """
    if isinstance(layer, nn.RNNBase) and layer.num_layers > 1:
        raise CellError(f"a cell is one layer, not {layer.num_layers}; take them one by one")
    if isinstance(layer, nn.RNNBase) and layer.bidirectional:
        raise CellError("a cell has one direction; take the two of the bidirectional layer apart")
    if isinstance(layer, nn.RNNBase) and layer.proj_size:
        raise CellError(f"no cell projects its output, as proj_size={layer.proj_size} does")
    with torch.device("meta"):  # draws no random numbers
        cell: GRU | LSTM | RNN
        match layer:
            case nn.GRU() | nn.GRUCell():
                cell = GRU(layer.input_size, layer.hidden_size, bias=bool(layer.bias))
            case nn.LSTM() | nn.LSTMCell():
                cell = LSTM(layer.input_size, layer.hidden_size, bias=bool(layer.bias))
            case nn.RNN() | nn.RNNCell():
                cell = RNN(
                    layer.input_size,
                    layer.hidden_size,
                    nonlinearity="relu" if layer.nonlinearity == "relu" else "tanh",
                    bias=bool(layer.bias),
                )
            case _:
                raise CellError(f"no cell computes what {type(layer).__name__} computes")
    weights = {name.removesuffix("_l0"): w.clone() for name, w in layer.state_dict().items()}
    cell.load_state_dict(weights, assign=True)
    return cell


def to_keras(cell: GRU | LSTM | RNN) -> list[Any]:
    """The weights that the equal Keras layer takes with `set_weights`, as numpy arrays.

    The layer has to be one of these, `use_bias` being what the cell's `bias` is::

        keras.layers.GRU(hidden_size, reset_after=cell.reset_after)
        keras.layers.LSTM(hidden_size)
        keras.layers.SimpleRNN(hidden_size, activation=cell.nonlinearity)

    Keras has one bias, the sum of the cell's two, except in a GRU with `reset_after=True`.

    Raises:
        CellError: Keras has no such layer.
    """
    return [weight.detach().cpu().numpy() for weight in _keras_weights(cell)]


def load_keras(cell: GRU | LSTM | RNN, weights: Sequence[Any]) -> None:
    """Copies the weights of the equal Keras layer into a cell; see `to_keras` for which it is.

    Where Keras has one bias, it becomes `bias_ih`, and `bias_hh` becomes zero.

    Args:
        cell: has the layer's sizes and computes the same function. Weights alone do not show which
            activations a layer has, nor the `reset_after` of a GRU without biases.
        weights: what the layer's `get_weights` returned.

    Raises:
        CellError: Keras has no layer like the cell, or the weights are of another.
    """
    given = [torch.tensor(weight) for weight in weights]
    expected = [tuple(weight.shape) for weight in _keras_weights(cell)]
    shapes = [tuple(weight.shape) for weight in given]
    if shapes != expected:
        raise CellError(f"a Keras layer like the cell has weights {expected}, not {shapes}")
    with torch.no_grad():
        cell.weight_ih.copy_(_reordered(cell, given[0].t()))
        cell.weight_hh.copy_(_reordered(cell, given[1].t()))
        if cell.bias_ih is not None and cell.bias_hh is not None:
            b_ih, b_hh = given[2] if _has_two_biases(cell) else (given[2], given[2].new_zeros(()))
            cell.bias_ih.copy_(_reordered(cell, b_ih))
            cell.bias_hh.copy_(_reordered(cell, b_hh.expand_as(b_ih)))


def _require_plain(cell: GRU | LSTM | RNN) -> None:
    """Refuses cells that neither torch nor Keras has."""
    if type(cell) not in KERAS_ORDERS:
        raise CellError(f"expected a GRU, LSTM or RNN of `cells`, not {type(cell).__name__}")
    if isinstance(cell, LSTM):
        forms = {
            "peepholes=True": cell.weight_peephole is not None,
            "coupled=True": cell.coupled,
            "forget=False": not cell.forget,
        }
        for knob, chosen in forms.items():
            if chosen:
                raise CellError(f"neither torch nor Keras has an LSTM with {knob}")


def _keras_weights(cell: GRU | LSTM | RNN) -> list[Tensor]:
    """A kernel `(I, K * H)`, a recurrent one `(H, K * H)` and the bias or biases, if any."""
    _require_plain(cell)
    weights = [_reordered(cell, cell.weight_ih).t(), _reordered(cell, cell.weight_hh).t()]
    if cell.bias_ih is not None and cell.bias_hh is not None:
        biases = torch.stack((_reordered(cell, cell.bias_ih), _reordered(cell, cell.bias_hh)))
        weights.append(biases if _has_two_biases(cell) else biases.sum(0))
    return weights


def _has_two_biases(cell: GRU | LSTM | RNN) -> bool:
    """Whether Keras keeps the input's and the recurrent bias apart."""
    return isinstance(cell, GRU) and cell.reset_after


def _reordered(cell: GRU | LSTM | RNN, stacked: Tensor) -> Tensor:
    """Rows `(K * H, ...)`, gate below gate, from our order to Keras's or from Keras's to ours."""
    order = KERAS_ORDERS[type(cell)]
    gates = stacked.chunk(len(order))
    return torch.cat([gates[index] for index in order])
