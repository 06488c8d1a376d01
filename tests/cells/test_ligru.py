"""The light GRU against its equations, its normalisation and its initial values."""

import math

import pytest
import torch
from torch import nn

from recurbench.cells.ligru import LiGRU

I, H, B, T = 3, 5, 4, 6


def ligru(cell, x, h):
    """Ravanelli et al. 2018, gate by gate, with layer normalisation written out."""

    def norm(a, gain, b):
        if gain is None:
            return a + b
        mean = a.mean(-1, keepdim=True)
        variance = ((a - mean) ** 2).mean(-1, keepdim=True)
        return gain * (a - mean) / torch.sqrt(variance + 1e-5) + b

    W_z, W_n = cell.W.chunk(2)
    U_z, U_n = cell.U.chunk(2)
    b_z, b_n = cell.b.chunk(2)
    gain_z, gain_n = (None, None) if cell.gain is None else cell.gain.chunk(2)
    outputs = []
    for x_t in x.unbind(1):
        z = torch.sigmoid(norm(x_t @ W_z.T, gain_z, b_z) + h @ U_z.T)
        n = (norm(x_t @ W_n.T, gain_n, b_n) + h @ U_n.T).clamp(min=0)
        h = z * h + (1 - z) * n
        outputs.append(h)
    return torch.stack(outputs, dim=1), h


@pytest.mark.parametrize("normalise", [True, False])
def test_the_cell_equals_the_written_out_loop(normalise, assert_equal, gradients):
    cell = LiGRU(I, H, normalise=normalise)
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(B, T, I, requires_grad=True)
    state = cell.initial_state(B)._replace(h=torch.randn(B, H, requires_grad=True))
    leaves = [x, state.h, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_h = ligru(cell, x, state.h)

    assert_equal((y, final.h), (expected_y, expected_h))
    assert_equal(gradients([y, final.h], leaves), gradients([expected_y, expected_h], leaves))


def test_normalised_inputs_have_no_scale():
    cell = LiGRU(I, H)
    x = 10 * torch.randn(B, T, I)
    torch.testing.assert_close(cell(1000 * x), cell(x), rtol=0, atol=1e-3)


def test_recurrent_weights_start_orthogonal_gate_by_gate(assert_equal):
    for U in LiGRU(I, H).U.chunk(2):
        assert_equal(U.t() @ U, torch.eye(H))


def test_input_weights_start_glorot_uniform_gate_by_gate():
    for W in LiGRU(200, H).W.chunk(2):
        bound = math.sqrt(6 / (200 + H))
        assert W.abs().max().item() == pytest.approx(bound, rel=0.02)
        assert W.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_the_normalisation_starts_with_gain_one_and_no_shift():
    cell = LiGRU(I, H)
    assert (cell.gain == 1).all()
    assert not cell.b.any()


def test_without_normalisation_there_is_no_gain():
    assert set(LiGRU(I, H, normalise=False).state_dict()) == {"W", "U", "b"}
