"""Long expressive memory against its equations, its time step and its initial values."""

import math

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.lem import LEM, LEMState

I, H, B, T = 3, 5, 4, 6


def lem(cell, x, y, z):
    """Rusch et al. 2022, equation by equation, but with torch's two biases."""
    W_1, W_2, W_z, W_y = cell.weight_hh.chunk(4)
    V_1, V_2, V_z, V_y = cell.weight_ih.chunk(4)
    bias = torch.zeros(4 * H) if cell.bias_ih is None else cell.bias_ih + cell.bias_hh
    b_1, b_2, b_z, b_y = bias.chunk(4)
    outputs = []
    for x_t in x.unbind(1):
        step = cell.dt * torch.sigmoid(y @ W_1.T + x_t @ V_1.T + b_1)
        barred = cell.dt * torch.sigmoid(y @ W_2.T + x_t @ V_2.T + b_2)
        z = (1 - step) * z + step * torch.tanh(y @ W_z.T + x_t @ V_z.T + b_z)
        y = (1 - barred) * y + barred * torch.tanh(z @ W_y.T + x_t @ V_y.T + b_y)
        outputs.append(y)
    return torch.stack(outputs, dim=1), LEMState(y, z)


@pytest.mark.parametrize("dt", [1.0, 0.3])
@pytest.mark.parametrize("bias", [True, False])
def test_the_cell_equals_the_written_out_loop(bias, dt, assert_equal, gradients):
    cell = LEM(I, H, bias=bias, dt=dt)
    x = torch.randn(B, T, I, requires_grad=True)
    state = LEMState(*torch.randn(2, B, H, requires_grad=True).unbind())
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_final = lem(cell, x, *state)

    assert_equal((y, *final), (expected_y, *expected_final))
    assert_equal(gradients([y, *final], leaves), gradients([expected_y, *expected_final], leaves))


def test_a_vanishing_time_step_stands_still():
    state = LEMState(*torch.randn(2, B, H).unbind())
    _, final = LEM(I, H, dt=1e-9)(torch.randn(B, T, I), state)
    torch.testing.assert_close(final, state, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dt", [0.0, -0.1, 1.01, math.nan])
def test_a_time_step_out_of_range_is_refused(dt):
    with pytest.raises(CellError, match=f"dt must be .*, not {dt}"):
        LEM(I, H, dt=dt)


def test_everything_starts_uniform_within_one_over_the_root_of_the_features():
    for parameter in LEM(I, 400).parameters():
        assert parameter.abs().max().item() == pytest.approx(1 / 20, rel=0.01)
        assert parameter.std().item() == pytest.approx(1 / (20 * math.sqrt(3)), rel=0.05)
