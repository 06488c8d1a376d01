"""The minimal gated unit against its equations, and what its forget bias does."""

import pytest
import torch

from recurbench.cells.gru import GRU
from recurbench.cells.mgu import MGU

I, H, B, T = 3, 5, 4, 6


def mgu(cell, x, h):
    """Zhou et al. 2016 as printed, equation by equation, but with torch's two biases."""
    W_f, W_n = cell.weight_ih.chunk(2)
    U_f, U_n = cell.weight_hh.chunk(2)
    bias = torch.zeros(2 * H) if cell.bias_ih is None else cell.bias_ih + cell.bias_hh
    b_f, b_n = bias.chunk(2)
    outputs = []
    for x_t in x.unbind(1):
        f = torch.sigmoid(x_t @ W_f.T + h @ U_f.T + b_f)
        n = torch.tanh(x_t @ W_n.T + (f * h) @ U_n.T + b_n)
        h = (1 - f) * h + f * n
        outputs.append(h)
    return torch.stack(outputs, dim=1), h


@pytest.mark.parametrize("bias", [True, False])
def test_the_cell_equals_the_written_out_loop(bias, assert_equal, gradients):
    cell = MGU(I, H, bias=bias)
    x = torch.randn(B, T, I, requires_grad=True)
    state = cell.initial_state(B)._replace(h=torch.randn(B, H, requires_grad=True))
    leaves = [x, state.h, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_h = mgu(cell, x, state.h)

    assert_equal((y, final.h), (expected_y, expected_h))
    assert_equal(gradients([y, final.h], leaves), gradients([expected_y, expected_h], leaves))


def test_one_gate_is_a_gru_that_resets_by_what_it_does_not_keep(assert_equal):
    cell, gru = MGU(I, H), GRU(I, H, reset_after=False)
    with torch.no_grad():
        for ours, theirs in zip(cell.parameters(), gru.parameters(), strict=True):
            f, n = ours.chunk(2)
            theirs.copy_(torch.cat((f, -f, n)))  # 1 - σ(a) = σ(-a), and the GRU's z keeps
    x = torch.randn(B, T, I)
    assert_equal(cell(x), gru(x))


def test_forget_bias_moves_only_the_gates_bias(assert_equal):
    torch.manual_seed(3)
    plain = MGU(I, H).state_dict()
    torch.manual_seed(3)
    moved = MGU(I, H, forget_bias=-2).state_dict()
    plain["bias_ih"][:H] -= 2
    assert_equal(dict(moved), dict(plain))


def test_a_negative_forget_bias_remembers_for_longer():
    state = MGU(I, H).initial_state(B)._replace(h=torch.ones(B, H))
    silence = torch.zeros(B, T, I)
    _, kept = MGU(I, H, forget_bias=-5)(silence, state)
    _, replaced = MGU(I, H, forget_bias=5)(silence, state)
    assert (kept.h > 0.9).all()
    assert (replaced.h < 0.9).all()
