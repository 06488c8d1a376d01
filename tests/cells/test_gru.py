"""What `nn.GRU` cannot check of the GRU: the reset gate before the recurrent product."""

import pytest
import torch

from recurbench.cells.gru import GRU

I, H, B, T = 3, 5, 4, 6


def reset_before(cell, x, h):
    """Cho et al. 2014 as printed, gate by gate, but with the biases."""
    W_r, W_z, W_n = cell.weight_ih.chunk(3)
    U_r, U_z, U_n = cell.weight_hh.chunk(3)
    bias = torch.zeros(3 * H) if cell.bias_ih is None else cell.bias_ih + cell.bias_hh
    b_r, b_z, b_n = bias.chunk(3)
    outputs = []
    for x_t in x.unbind(1):
        r = torch.sigmoid(x_t @ W_r.T + h @ U_r.T + b_r)
        z = torch.sigmoid(x_t @ W_z.T + h @ U_z.T + b_z)
        n = torch.tanh(x_t @ W_n.T + (r * h) @ U_n.T + b_n)
        h = z * h + (1 - z) * n
        outputs.append(h)
    return torch.stack(outputs, dim=1), h


@pytest.mark.parametrize("bias", [True, False])
def test_reset_before_equals_the_written_out_loop(bias, assert_equal, gradients):
    cell = GRU(I, H, reset_after=False, bias=bias)
    x = torch.randn(B, T, I, requires_grad=True)
    state = cell.initial_state(B)._replace(h=torch.randn(B, H, requires_grad=True))
    leaves = [x, state.h, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_h = reset_before(cell, x, state.h)

    assert_equal((y, final.h), (expected_y, expected_h))
    assert_equal(gradients([y, final.h], leaves), gradients([expected_y, expected_h], leaves))


def test_the_two_resets_are_different_functions():
    after = GRU(I, H)
    before = GRU(I, H, reset_after=False)
    before.load_state_dict(after.state_dict())
    x = torch.randn(B, T, I)
    assert not torch.allclose(after(x)[0], before(x)[0])
