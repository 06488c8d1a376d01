"""The sLSTM against the paper's equations without a stabiliser, its initial values and limits."""

import math

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.slstm import SLSTM, SLSTMState

I, H, B, T = 3, 6, 4, 7


def without_stabiliser(cell, x, h, c, n):
    """Beck et al. 2024, gate by gate and with one large R; c and n are the paper's own."""
    heads, D = cell.heads, H // cell.heads
    blocks = cell.weight_hh.unflatten(2, (4, D)).unbind(2)
    R_z, R_i, R_f, R_o = (torch.block_diag(*gate.transpose(1, 2)) for gate in blocks)
    W_z, W_i, W_f, W_o = (
        W.flatten(0, 1) for W in cell.weight_ih.unflatten(0, (heads, 4, D)).unbind(1)
    )
    b_z, b_i, b_f, b_o = (b.flatten() for b in cell.bias.unflatten(0, (heads, 4, D)).unbind(1))
    outputs = []
    for x_t in x.unbind(1):
        z = torch.tanh(x_t @ W_z.T + h @ R_z.T + b_z)
        i = torch.exp(x_t @ W_i.T + h @ R_i.T + b_i)
        f = x_t @ W_f.T + h @ R_f.T + b_f
        f = torch.exp(f) if cell.forget == "exp" else torch.sigmoid(f)
        o = torch.sigmoid(x_t @ W_o.T + h @ R_o.T + b_o)
        c = f * c + i * z
        n = f * n + i
        h = o * c / n
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c, n


def generic(**knobs):
    """A cell whose recurrent matrices are not zero."""
    cell = SLSTM(I, H, **knobs)
    torch.nn.init.normal_(cell.weight_hh, std=0.5)
    return cell


def unscaled(state):
    scale = state.m.exp()
    return state.h, state.c * scale, state.n * scale


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_the_cell_equals_the_written_out_loop(heads, forget, assert_equal, gradients):
    cell = generic(heads=heads, forget=forget)
    x = torch.randn(B, T, I, requires_grad=True)
    _, start = cell(torch.randn(B, 3, I))
    state = SLSTMState(*(leaf.detach().requires_grad_() for leaf in start))
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected = without_stabiliser(cell, x, *unscaled(state))

    actual = (y, *unscaled(final))
    assert_equal(actual, expected)
    smooth = [result.tanh() for result in actual]
    expected_smooth = [result.tanh() for result in expected]
    assert_equal(gradients(smooth, leaves), gradients(expected_smooth, leaves))


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_a_fresh_cell_equals_the_written_out_loop_from_zeros(forget, assert_equal):
    cell = generic(heads=2, forget=forget)
    x, zeros = torch.randn(B, T, I), torch.zeros(B, H)
    y, final = cell(x)
    assert_equal((y, *unscaled(final)), without_stabiliser(cell, x, zeros, zeros, zeros))


@pytest.mark.parametrize("b_i", [-2000.0, 0.0, 2000.0])
def test_the_first_output_does_not_depend_on_the_input_gate(b_i, assert_equal):
    cell = SLSTM(I, H, heads=1)
    x = torch.randn(B, I)
    expected, _ = cell.step(x, cell.initial_state(B))
    with torch.no_grad():
        cell.bias[H : 2 * H] = b_i
    assert_equal(cell.step(x, cell.initial_state(B))[0], expected)


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_gates_far_beyond_the_range_of_exp_stay_finite(forget):
    cell = generic(heads=2, forget=forget)
    x = (1000 * torch.randn(B, 50, I)).requires_grad_()
    y, final = cell(x)
    y.sum().backward()
    for tensor in (y, *final, x.grad, *(parameter.grad for parameter in cell.parameters())):
        assert tensor.isfinite().all()
    assert (final.n >= 1).all()


def test_outputs_are_averages_of_cell_inputs():
    y, _ = generic(heads=2)(10 * torch.randn(B, 50, I))
    assert y.abs().max() <= 1


def test_a_head_reads_its_own_outputs_alone():
    cell = generic(heads=2)
    state = cell.initial_state(B)._replace(h=torch.randn(B, H, requires_grad=True))
    y, _ = cell.step(torch.randn(B, I), state)
    (gradient,) = torch.autograd.grad(y[:, : H // 2].sum(), state.h)
    assert gradient[:, : H // 2].all()
    assert not gradient[:, H // 2 :].any()


def test_forget_biases_fall_from_5_to_minus_7_in_each_head(assert_equal):
    cell = SLSTM(I, 32, heads=4)
    b_z, b_i, b_f, b_o = cell.bias.unflatten(0, (4, 4, 8)).unbind(1)
    assert not torch.cat((b_z, b_i, b_o)).any()
    expected = torch.tensor([5 - 12 * (d / 7) ** 0.3 for d in range(8)])
    assert_equal(b_f.detach(), expected.expand(4, 8))


def test_both_forget_gates_start_with_the_same_values(assert_equal):
    x = torch.zeros(B, T, I)
    assert_equal(SLSTM(I, H, heads=2, forget="exp")(x), SLSTM(I, H, heads=2)(x))


def test_recurrent_weights_start_at_zero_and_input_weights_small():
    cell = SLSTM(50, 100)
    assert not cell.weight_hh.any()
    assert cell.weight_ih.std().item() == pytest.approx(math.sqrt(2 / 5 / 50), rel=0.05)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"heads": 4}, "hidden_size=6 is not a multiple of 4"),
        ({"forget": "relu"}, "forget must be one of sigmoid, exp, not relu"),
    ],
)
def test_knobs_that_do_not_fit_are_refused(knobs, message):
    with pytest.raises(CellError, match=message):
        SLSTM(I, H, **knobs)
