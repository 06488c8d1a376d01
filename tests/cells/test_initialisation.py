"""The initial values of the cells that share torch's parameters."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from recurbench.cells.base import CellError
from recurbench.cells.gru import GRU
from recurbench.cells.lstm import LSTM
from recurbench.cells.rnn import RNN

I, H = 7, 5
CELLS = [GRU, LSTM, RNN]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("make_cell", "make_torch"),
    [(GRU, nn.GRUCell), (LSTM, nn.LSTMCell), (RNN, nn.RNNCell)],
)
def test_a_seed_gives_torchs_weights(make_cell, make_torch, bias):
    if make_cell is LSTM and bias:
        make_cell = partial(LSTM, forget_bias=0)
    torch.manual_seed(3)
    expected = make_torch(I, H, bias=bias).state_dict()
    torch.manual_seed(3)
    actual = make_cell(I, H, bias=bias).state_dict()
    torch.testing.assert_close(dict(actual), dict(expected), rtol=0, atol=0)


@pytest.mark.parametrize("make_cell", CELLS)
def test_keras_recurrent_weights_are_orthogonal_over_all_gates(make_cell, assert_equal):
    weight_hh = make_cell(I, H, init="keras").weight_hh
    assert_equal(weight_hh.t() @ weight_hh, torch.eye(H))


@pytest.mark.parametrize("make_cell", CELLS)
def test_keras_input_weights_are_glorot_uniform_over_all_gates(make_cell):
    weight_ih = make_cell(200, H, init="keras").weight_ih
    bound = math.sqrt(6 / sum(weight_ih.shape))
    assert weight_ih.abs().max().item() == pytest.approx(bound, rel=0.02)
    assert weight_ih.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("make_cell", [GRU, RNN])
def test_keras_biases_are_zero(make_cell):
    cell = make_cell(I, H, init="keras")
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()


def test_the_keras_lstm_starts_with_the_unit_forget_bias():
    cell = LSTM(I, H, init="keras")
    i, f, g, o = (cell.bias_ih + cell.bias_hh).chunk(4)
    assert (f == 1).all()
    assert not torch.cat((i, g, o)).any()


def test_forget_bias_moves_only_the_forget_gates_bias(assert_equal):
    torch.manual_seed(3)
    plain = LSTM(I, H, forget_bias=0).state_dict()
    torch.manual_seed(3)
    moved = LSTM(I, H).state_dict()
    plain["bias_ih"][H : 2 * H] += 1
    assert_equal(dict(moved), dict(plain))


def test_identity_carries_the_state_over(assert_equal):
    cell = RNN(I, H, nonlinearity="relu", init="identity")
    assert_equal(cell.weight_hh.detach(), torch.eye(H))
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()
    assert 0 < cell.weight_ih.abs().max() < 0.01


@pytest.mark.parametrize(
    ("make_cell", "choices"),
    [(GRU, "torch, keras"), (LSTM, "torch, keras"), (RNN, "torch, keras, identity")],
)
def test_an_unknown_init_is_refused_with_the_choices(make_cell, choices):
    with pytest.raises(CellError, match=f"init must be one of {choices}, not xavier$"):
        make_cell(I, H, init="xavier")
