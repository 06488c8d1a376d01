"""The mLSTM against the paper's equations without a stabiliser, in both kernels, and its limits."""

import math

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.mlstm import MLSTM, MLSTMState

I, H, B, T = 3, 6, 4, 7

both = pytest.mark.parametrize("kernel", ["fused", "reference"])


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr("recurbench.cells.parts.chunks.CHUNK", 3)


def generic(**knobs):
    """A cell whose gates depend on the input."""
    cell = MLSTM(I, H, **knobs)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter += torch.randn_like(parameter)
    return cell


def gate_biases(cell):
    """Views of b_i and b_f, `(heads,)` each."""
    return cell.bias.detach().unflatten(0, (cell.heads, -1))[:, -2:].unbind(1)


def random_state(heads):
    """With entries of both signs, also in m."""
    D = H // heads
    shapes = [(B, heads, D, D), (B, heads, D), (B, heads)]
    return MLSTMState(*(torch.randn(shape, requires_grad=True) for shape in shapes))


def unscaled(state):
    scale = state.m.exp().unsqueeze(-1)
    return scale.unsqueeze(-1) * state.C, scale * state.n


def without_stabiliser(cell, x, C, n):
    """Beck et al. 2024, head after head; C and n are the paper's own."""
    heads, D = cell.heads, H // cell.heads
    weights = cell.weight.unflatten(0, (heads, -1))
    biases = cell.bias.unflatten(0, (heads, -1))
    outputs = []
    Cs, ns = list(C.unbind(1)), list(n.unbind(1))
    for x_t in x.unbind(1):
        for head in range(heads):
            u = x_t @ weights[head].T + biases[head]
            q, k, v, o, i, f = u.split([D, D, D, D, 1, 1], dim=1)
            k = k / math.sqrt(D)
            i, f, o = torch.exp(i), torch.sigmoid(f), torch.sigmoid(o)
            Cs[head] = f[:, None] * Cs[head] + i[:, None] * torch.einsum("bv,bk->bvk", v, k)
            ns[head] = f * ns[head] + i * k
            read = torch.einsum("bvk,bk->bv", Cs[head], q)
            n_q = torch.einsum("bk,bk->b", ns[head], q)[:, None]
            outputs.append(o * read / n_q.abs().clamp(min=1))
    y = torch.cat(outputs, dim=1).unflatten(1, (len(x[0]), H))
    return y, torch.stack(Cs, dim=1), torch.stack(ns, dim=1)


@both
@pytest.mark.parametrize("heads", [1, 2, 6])
def test_the_cell_equals_the_written_out_loop(kernel, heads, assert_equal, gradients):
    cell = generic(heads=heads, kernel=kernel)
    x = torch.randn(B, T, I, requires_grad=True)
    state = random_state(heads)
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected = without_stabiliser(cell, x, *unscaled(state))

    actual = (y, *unscaled(final))
    assert_equal(actual, expected)
    smooth = [result.tanh() for result in actual]
    expected_smooth = [result.tanh() for result in expected]
    assert_equal(gradients(smooth, leaves), gradients(expected_smooth, leaves))


@both
@pytest.mark.parametrize("shift", [-3.0, 0.5, 20.0])
def test_outputs_and_memory_do_not_depend_on_the_stabiliser(kernel, shift, assert_equal):
    cell, x = generic(heads=2, kernel=kernel), torch.randn(B, T, I)
    state = random_state(2)
    shifted = MLSTMState(state.C * math.exp(-shift), state.n * math.exp(-shift), state.m + shift)
    y, final = cell(x, state)
    shifted_y, shifted_final = cell(x, shifted)
    assert_equal(shifted_y, y)
    assert_equal(unscaled(shifted_final), unscaled(final))


def test_both_kernels_give_the_same_stabiliser(assert_equal):
    fused, reference = generic(heads=2), MLSTM(I, H, heads=2, kernel="reference")
    reference.load_state_dict(fused.state_dict())
    x, state = 5 * torch.randn(B, T, I), random_state(2)
    assert_equal(fused(x, state)[1].m, reference(x, state)[1].m)


@both
def test_closed_gates_keep_the_memory(kernel, assert_equal):
    cell = MLSTM(I, H, heads=2, kernel=kernel)
    b_i, b_f = gate_biases(cell)
    b_i[:], b_f[:] = -1000.0, 1000.0
    state = random_state(2)
    _, final = cell(torch.randn(B, T, I), state)
    assert_equal(unscaled(final), unscaled(state))


@both
def test_an_open_input_and_a_closed_forget_gate_answer_with_the_newest_value(kernel, assert_equal):
    cell = MLSTM(I, H, heads=2, kernel=kernel)
    b_i, b_f = gate_biases(cell)
    b_i[:], b_f[:] = 1000.0, -1000.0
    x = torch.randn(B, T, I)
    y, _ = cell(x, random_state(2))
    u = (x @ cell.weight.T + cell.bias).unflatten(2, (2, -1))
    q, k, v, o, _, _ = u.split(cell.sizes, dim=3)
    sign = (q * k).sum(3, keepdim=True).sign()  # the quotient of C q and |n · q| with C = v kᵀ
    assert_equal(y, (torch.sigmoid(o) * v * sign).flatten(2))


@both
def test_gates_far_beyond_the_range_of_exp_stay_finite(kernel):
    cell = generic(heads=2, kernel=kernel).float()
    x = (1000 * torch.randn(B, 50, I)).float().requires_grad_()
    y, final = cell(x)
    for tensor in (y, *final):
        assert tensor.isfinite().all()


@both
def test_a_query_of_zeros_is_answered_with_zeros_however_full_the_memory(kernel):
    cell = MLSTM(I, H, heads=2, kernel=kernel).float()
    b_i, _ = gate_biases(cell)
    b_i[:] = 1000.0
    x = torch.zeros(B, T, I, dtype=torch.float32)
    y, _ = cell(x)
    y.sum().backward()
    assert not y.any()
    assert all(parameter.grad.isfinite().all() for parameter in cell.parameters())


def test_gates_start_as_published():
    cell = MLSTM(50, 1000, heads=500)
    weight, bias = (p.detach().unflatten(0, (500, -1)) for p in (cell.weight, cell.bias))
    assert not weight[:, -2:].any()
    assert weight[:, :-2].std().item() == pytest.approx(math.sqrt(2 / 5 / 50), rel=0.05)
    assert not bias[:, :-2].any()
    assert bias[:, -2].std().item() == pytest.approx(0.1, rel=0.1)
    torch.testing.assert_close(bias[:, -1], torch.linspace(3, 6, 500))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
@pytest.mark.parametrize("step", [0, 1, 4])
def test_both_kernels_break_at_the_same_steps(value, step, assert_equal):
    fused, reference = MLSTM(I, H, heads=2), MLSTM(I, H, heads=2, kernel="reference")
    reference.load_state_dict(fused.state_dict())
    x, state = torch.randn(B, T, I), random_state(2)
    x[1, step] = value
    results = [cell(x, state) for cell in (fused, reference)]
    whole = [(y[1].isfinite().all(1).tolist(), final) for y, final in results]
    assert whole[0][0] == whole[1][0]
    assert whole[0][0][:step] == [True] * step
    assert not all(whole[0][0]) or math.isfinite(value)
    others = [0, 2, 3]
    rest = [[y[others], *(leaf[others] for leaf in final)] for y, final in results]
    assert_equal(*rest)
    for leaf, expected in zip(*(final for _, final in whole), strict=True):
        assert leaf[1].isfinite().all() == expected[1].isfinite().all()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"heads": 4}, "hidden_size=6 is not a multiple of 4"),
        ({"kernel": "cuda"}, "kernel must be one of fused, reference, not cuda"),
    ],
)
def test_knobs_that_do_not_fit_are_refused(knobs, message):
    with pytest.raises(CellError, match=message):
        MLSTM(I, H, **knobs)
