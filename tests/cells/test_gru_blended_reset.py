"""The GRU with a blended reset against its equations, and the cell that it contains."""

import pytest
import torch

from recurbench.cells.gru_blended_reset import BlendedState, GRUBlendedReset
from recurbench.cells.mgu import MGU

I, H, B, T = 3, 5, 4, 6


def blended_reset(cell, x, h, n):
    """The equations, gate by gate."""
    W_s, W_z, W_n = cell.weight_ih.chunk(3)
    U_s, U_z, U_n = cell.weight_hh.chunk(3)
    bias = torch.zeros(3 * H) if cell.bias_ih is None else cell.bias_ih + cell.bias_hh
    b_s, b_z, b_n = bias.chunk(3)
    outputs = []
    for x_t in x.unbind(1):
        s = torch.sigmoid(x_t @ W_s.T + h @ U_s.T + b_s)
        z = torch.sigmoid(x_t @ W_z.T + h @ U_z.T + b_z)
        r = (1 - s) * z + s * n
        n = torch.tanh(x_t @ W_n.T + (r * h) @ U_n.T + b_n)
        h = z * n + (1 - z) * h
        outputs.append(h)
    return torch.stack(outputs, dim=1), BlendedState(h, n)


def random_state():
    return BlendedState(*torch.randn(2, B, H, requires_grad=True).unbind())


@pytest.mark.parametrize("bias", [True, False])
def test_the_cell_equals_the_written_out_loop(bias, assert_equal, gradients):
    cell = GRUBlendedReset(I, H, bias=bias)
    x = torch.randn(B, T, I, requires_grad=True)
    state = random_state()
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_final = blended_reset(cell, x, *state)

    assert_equal((y, *final), (expected_y, *expected_final))
    assert_equal(gradients([y, *final], leaves), gradients([expected_y, *expected_final], leaves))


def test_the_last_candidate_is_zero_at_first():
    assert not torch.cat(GRUBlendedReset(I, H).initial_state(B)).any()


def test_a_closed_blend_gate_makes_it_the_minimal_gated_unit(assert_equal):
    cell, mgu = GRUBlendedReset(I, H), MGU(I, H)
    with torch.no_grad():
        cell.bias_ih[:H] = -1000
        for ours, theirs in zip(cell.parameters(), mgu.parameters(), strict=True):
            theirs.copy_(ours[H:])
    x = torch.randn(B, T, I)
    assert_equal(cell(x)[0], mgu(x)[0])


def test_an_open_blend_gate_resets_by_the_last_candidate_and_its_sign():
    cell = GRUBlendedReset(I, H)
    with torch.no_grad():
        cell.bias_ih[:H] = 1000
    h, x = torch.randn(B, H), torch.randn(B, I)
    W_n, U_n = cell.weight_ih[2 * H :], cell.weight_hh[2 * H :]
    b_n = (cell.bias_ih + cell.bias_hh)[2 * H :]
    for n in (torch.ones(B, H), -torch.ones(B, H), torch.zeros(B, H)):
        _, state = cell.step(x, BlendedState(h, n))
        torch.testing.assert_close(state.n, torch.tanh(x @ W_n.T + (n * h) @ U_n.T + b_n))
