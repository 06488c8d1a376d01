"""What `nn.LSTM` cannot check of the LSTM: the peepholes, and the knobs that do not go together."""

import pytest
import torch

from cells.lstm import LSTM, LSTMState

I, H, B, T = 3, 5, 4, 6


def peephole_lstm(cell, x, h, c):
    """Gers & Schmidhuber 2000 with tanh, gate by gate."""
    W_i, W_f, W_g, W_o = cell.weight_ih.chunk(4)
    U_i, U_f, U_g, U_o = cell.weight_hh.chunk(4)
    bias = torch.zeros(4 * H) if cell.bias_ih is None else cell.bias_ih + cell.bias_hh
    b_i, b_f, b_g, b_o = bias.chunk(4)
    p_i, p_f, p_o = (torch.diag(weights) for weights in cell.weight_peephole)
    outputs = []
    for x_t in x.unbind(1):
        i = torch.sigmoid(x_t @ W_i.T + h @ U_i.T + c @ p_i + b_i)
        f = torch.sigmoid(x_t @ W_f.T + h @ U_f.T + c @ p_f + b_f)
        g = torch.tanh(x_t @ W_g.T + h @ U_g.T + b_g)
        c = f * c + i * g
        o = torch.sigmoid(x_t @ W_o.T + h @ U_o.T + c @ p_o + b_o)
        h = o * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), LSTMState(h, c)


@pytest.mark.parametrize("bias", [True, False])
def test_peepholes_equal_the_written_out_loop(bias, assert_equal, gradients):
    cell = LSTM(I, H, peepholes=True, bias=bias)
    x = torch.randn(B, T, I, requires_grad=True)
    state = LSTMState(*torch.randn(2, B, H, requires_grad=True).unbind())
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_final = peephole_lstm(cell, x, *state)

    assert_equal((y, *final), (expected_y, *expected_final))
    assert_equal(gradients([y, *final], leaves), gradients([expected_y, *expected_final], leaves))


def test_zero_peepholes_are_the_plain_lstm(assert_equal):
    plain, peephole = LSTM(I, H), LSTM(I, H, peepholes=True)
    peephole.load_state_dict(plain.state_dict() | {"weight_peephole": torch.zeros(3, H)})
    x = torch.randn(B, T, I)
    assert_equal(peephole(x), plain(x))
