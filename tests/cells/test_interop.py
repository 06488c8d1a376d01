"""Weights that go to torch's or Keras's layers, or come from there, compute the same."""

import importlib
import sys
from collections.abc import Iterator
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import nn

from recurbench.cells.base import CellError
from recurbench.cells.gru import GRU
from recurbench.cells.interop import from_torch, load_keras, to_keras, to_torch
from recurbench.cells.lstm import LSTM
from recurbench.cells.mgu import MGU
from recurbench.cells.rnn import RNN

I, H, B, T = 3, 5, 4, 6

BIAS = pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
TORCH = {
    "gru": (GRU, nn.GRU, nn.GRUCell, {}),
    "lstm": (LSTM, nn.LSTM, nn.LSTMCell, {}),
    "rnn-tanh": (RNN, nn.RNN, nn.RNNCell, {"nonlinearity": "tanh"}),
    "rnn-relu": (RNN, nn.RNN, nn.RNNCell, {"nonlinearity": "relu"}),
}
TORCH_KINDS = pytest.mark.parametrize(
    ("make_cell", "make_layer", "make_step", "knobs"), TORCH.values(), ids=TORCH
)
KERAS = {
    "gru-reset_after": (partial(GRU, reset_after=True), "GRU", {"reset_after": True}),
    "gru-reset_before": (partial(GRU, reset_after=False), "GRU", {"reset_after": False}),
    "lstm": (LSTM, "LSTM", {}),
    "rnn-tanh": (partial(RNN, nonlinearity="tanh"), "SimpleRNN", {"activation": "tanh"}),
    "rnn-relu": (partial(RNN, nonlinearity="relu"), "SimpleRNN", {"activation": "relu"}),
}
KERAS_KINDS = pytest.mark.parametrize(("make_cell", "layer", "knobs"), KERAS.values(), ids=KERAS)


def torch_results(layer, x, state):
    """Outputs and final state, `(B, T, H)` and each `(B, H)`, of a batch-first torch layer."""
    state = tuple(leaf.unsqueeze(0) for leaf in state)
    y, final = layer(x, state if len(state) == 2 else state[0])
    return y, *(leaf.squeeze(0) for leaf in (final if len(state) == 2 else (final,)))


def random_state(cell):
    state = cell.initial_state(B)
    return type(state)(*map(torch.randn_like, state))


@BIAS
@TORCH_KINDS
def test_a_cell_goes_to_torch(make_cell, make_layer, make_step, knobs, bias, assert_equal):
    cell = make_cell(I, H, bias=bias, **knobs)
    layer = to_torch(cell)
    x, state = torch.randn(B, T, I), random_state(cell)

    assert type(layer) is make_layer
    y, final = cell(x, state)
    assert_equal(torch_results(layer, x, state), (y, *final))


@BIAS
@TORCH_KINDS
def test_a_layer_comes_from_torch(make_cell, make_layer, make_step, knobs, bias, assert_equal):
    layer = make_layer(I, H, bias=bias, batch_first=True, **knobs)
    cell = from_torch(layer)
    x, state = torch.randn(B, T, I), random_state(cell)

    assert type(cell) is make_cell
    y, final = cell(x, state)
    assert_equal((y, *final), torch_results(layer, x, state))
    back = to_torch(cell).state_dict()
    assert all(torch.equal(back[name], value) for name, value in layer.state_dict().items())


@BIAS
@TORCH_KINDS
def test_a_cells_state_dict_is_a_torch_steps(
    make_cell, make_layer, make_step, knobs, bias, assert_equal
):
    cell, step = make_cell(I, H, bias=bias, **knobs), make_step(I, H, bias=bias, **knobs)
    step.load_state_dict(cell.state_dict())
    assert_equal(dict(from_torch(step).state_dict()), dict(cell.state_dict()))


@BIAS
@TORCH_KINDS
def test_a_step_comes_from_torch(make_cell, make_layer, make_step, knobs, bias, assert_equal):
    step = make_step(I, H, bias=bias, **knobs)
    cell = from_torch(step)
    x, state = torch.randn(B, I), random_state(cell)

    assert type(cell) is make_cell
    y, final = cell.step(x, state)
    expected = step(x, tuple(state) if len(state) == 2 else state[0])
    assert_equal(tuple(final), expected if len(state) == 2 else (expected,))
    assert_equal(y, final.h)


@TORCH_KINDS
def test_torchs_weights_are_copied_without_drawing_any(make_cell, make_layer, make_step, knobs):
    cell = make_cell(I, H, **knobs).to(torch.float32)
    before = torch.get_rng_state()
    layer = to_torch(cell)
    again = from_torch(layer)
    assert torch.equal(torch.get_rng_state(), before)

    with torch.no_grad():
        layer.weight_ih_l0.zero_()
    for name, parameter in again.named_parameters():
        assert parameter.requires_grad
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, cell.get_parameter(name))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.GRU(I, H, num_layers=2), "a cell is one layer, not 2"),
        (nn.LSTM(I, H, bidirectional=True), "a cell has one direction"),
        (nn.LSTM(I, H, proj_size=2), "no cell projects its output, as proj_size=2 does"),
        (nn.Linear(I, H), "no cell computes what Linear computes"),
    ],
)
def test_layers_that_no_cell_equals_are_refused(layer, message):
    with pytest.raises(CellError, match=message):
        from_torch(layer)


def test_torch_has_no_reset_before():
    with pytest.raises(CellError, match="torch has no GRU with reset_after=False"):
        to_torch(GRU(I, H, reset_after=False))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (LSTM(I, H, peepholes=True), "neither torch nor Keras has an LSTM with peepholes=True"),
        (LSTM(I, H, coupled=True), "neither torch nor Keras has an LSTM with coupled=True"),
        (LSTM(I, H, forget=False), "neither torch nor Keras has an LSTM with forget=False"),
        (MGU(I, H), "expected a GRU, LSTM or RNN of `cells`, not MGU"),
    ],
)
@pytest.mark.parametrize(
    "convert", [to_torch, to_keras, partial(load_keras, weights=[])], ids=["torch", "to", "load"]
)
def test_cells_that_have_no_counterpart_are_refused(convert, cell, message):
    with pytest.raises(CellError, match=message):
        convert(cell)


@pytest.fixture(scope="module")
def keras(tmp_path_factory) -> Iterator[ModuleType]:
    """Keras on torch; on import it would write its settings to the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        keras = importlib.import_module("keras")
        # Else its logger, which closes what it writes to, closes pytest's capture for all tests.
        absl = importlib.import_module("absl.logging")
        absl.get_absl_handler().python_handler.stream = sys.__stderr__
        yield keras


@pytest.fixture
def build(keras):
    """Makes a Keras layer with random weights, biases too."""

    def make(name, **knobs):
        layer = getattr(keras.layers, name)(
            H, return_sequences=True, return_state=True, dtype="float64", **knobs
        )
        layer.build((None, None, I))
        layer.set_weights([0.3 * torch.randn(tuple(w.shape)).numpy() for w in layer.weights])
        return layer

    return make


def keras_results(layer, x, state):
    """Outputs and final state, `(B, T, H)` and each `(B, H)`."""
    return tuple(result.cpu() for result in layer(x, initial_state=list(state)))


def assert_close(actual, expected):
    """Keras on torch multiplies matrices in single precision, whatever its dtype."""
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)


# numpy 2 complains of the way in which Keras turns its variables into arrays.
KERAS_ARRAYS = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@KERAS_ARRAYS
@BIAS
@KERAS_KINDS
def test_a_cell_goes_to_keras(make_cell, layer, knobs, bias, build):
    cell = make_cell(I, H, bias=bias)
    theirs = build(layer, use_bias=bias, **knobs)
    theirs.set_weights(to_keras(cell))
    x, state = torch.randn(B, T, I), random_state(cell)

    y, final = cell(x, state)
    assert_close(keras_results(theirs, x, state), (y, *final))


@KERAS_ARRAYS
@BIAS
@KERAS_KINDS
def test_a_layer_comes_from_keras(make_cell, layer, knobs, bias, build):
    theirs = build(layer, use_bias=bias, **knobs)
    weights = theirs.get_weights()
    cell = make_cell(I, H, bias=bias)
    load_keras(cell, weights)
    x, state = torch.randn(B, T, I), random_state(cell)

    y, final = cell(x, state)
    assert_close((y, *final), keras_results(theirs, x, state))
    for back, weight in zip(to_keras(cell), weights, strict=True):
        assert (back == weight).all()


@BIAS
@KERAS_KINDS
def test_a_cell_that_went_to_keras_comes_back(make_cell, layer, knobs, bias):
    cell, again = make_cell(I, H, bias=bias), make_cell(I, H, bias=bias)
    load_keras(again, to_keras(cell))

    assert torch.equal(again.weight_ih, cell.weight_ih)
    assert torch.equal(again.weight_hh, cell.weight_hh)
    if bias and layer == "GRU" and knobs["reset_after"]:
        assert torch.equal(again.bias_ih, cell.bias_ih)
        assert torch.equal(again.bias_hh, cell.bias_hh)
    elif bias:
        assert torch.equal(again.bias_ih, cell.bias_ih + cell.bias_hh)
        assert not again.bias_hh.any()


def test_keras_weights_share_no_memory_with_the_cell():
    cell = RNN(I, H)
    before = cell.weight_ih.clone()
    for weight in to_keras(cell):
        weight.fill(0)
    assert torch.equal(cell.weight_ih, before)


@pytest.mark.parametrize(
    ("cell", "other"),
    [
        (GRU(I, H), GRU(I, H, reset_after=False)),
        (GRU(I, H), GRU(I, H, bias=False)),
        (RNN(I, H, bias=False), RNN(I, H)),
        (LSTM(I, H), LSTM(I, H + 1)),
        (LSTM(I, H), LSTM(I + 1, H)),
        (LSTM(I, H), GRU(I, H)),
    ],
)
def test_keras_weights_of_another_layer_are_refused(cell, other):
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    with pytest.raises(CellError, match=r"a Keras layer like the cell has weights \[\(3, "):
        load_keras(cell, to_keras(other))
    assert all(torch.equal(cell.state_dict()[name], value) for name, value in before.items())
