"""The cells that torch also has compute what torch computes, values and every gradient."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from recurbench.cells.gru import GRU
from recurbench.cells.lstm import LSTM
from recurbench.cells.rnn import RNN
from recurbench.cells.torch_layers import TorchGRU, TorchLSTM, TorchRNN

I, H, B, T = 3, 5, 4, 7
LENGTHS = [3, 7, 1, 5]


@pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize(
    ("make_cell", "make_layer", "knobs"),
    [
        pytest.param(GRU, nn.GRU, {}, id="gru"),
        pytest.param(LSTM, nn.LSTM, {}, id="lstm"),
        pytest.param(RNN, nn.RNN, {"nonlinearity": "tanh"}, id="rnn-tanh"),
        pytest.param(RNN, nn.RNN, {"nonlinearity": "relu"}, id="rnn-relu"),
        pytest.param(TorchGRU, nn.GRU, {}, id="torch_gru"),
        pytest.param(TorchLSTM, nn.LSTM, {}, id="torch_lstm"),
        pytest.param(TorchRNN, nn.RNN, {"nonlinearity": "tanh"}, id="torch_rnn-tanh"),
        pytest.param(TorchRNN, nn.RNN, {"nonlinearity": "relu"}, id="torch_rnn-relu"),
    ],
)
def test_values_and_gradients_are_torchs(
    make_cell, make_layer, knobs, bias, packed, assert_equal, gradients
):
    layer = make_layer(I, H, bias=bias, batch_first=True, **knobs)
    cell = make_cell(I, H, bias=bias, **knobs)
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in layer.state_dict().items()}
    )
    x = torch.randn(B, T, I, requires_grad=True)
    leaves = [torch.randn(B, H, requires_grad=True) for _ in cell.initial_state(B)]

    def inputs():
        return pack_padded_sequence(x, LENGTHS, True, enforce_sorted=False) if packed else x

    y, final = cell(inputs(), type(cell.initial_state(B))(*leaves))
    layers = tuple(leaf.unsqueeze(0) for leaf in leaves)
    expected_y, expected_final = layer(inputs(), layers if make_layer is nn.LSTM else layers[0])
    if make_layer is not nn.LSTM:
        expected_final = (expected_final,)
    if packed:
        assert isinstance(y, PackedSequence)
        assert_equal(y.sorted_indices, expected_y.sorted_indices)
        y, expected_y = y.data, expected_y.data

    assert_equal(y, expected_y)
    assert_equal(tuple(final), tuple(leaf.squeeze(0) for leaf in expected_final))
    assert_equal(
        gradients([y, *final], [x, *leaves, *cell.parameters()]),
        gradients([expected_y, *expected_final], [x, *leaves, *layer.parameters()]),
    )
