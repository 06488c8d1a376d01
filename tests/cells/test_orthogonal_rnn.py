"""The orthogonal network: its matrix, its initial values, and what it keeps."""

import itertools
import math

import pytest
import torch

from recurbench.cells.base import CellError, HiddenState
from recurbench.cells.orthogonal_rnn import OrthogonalRNN, SkewExponential

I, H, B, T = 3, 5, 4, 6

both = pytest.mark.parametrize("parametrisation", ["exp", "cayley"])


def skew_matrix(cell):
    """A, entry by entry."""
    A = torch.zeros(cell.hidden_size, cell.hidden_size)
    pairs = itertools.combinations(range(cell.hidden_size), 2)
    for entry, (row, column) in zip(cell.skew, pairs, strict=True):
        A[row, column] = entry
        A[column, row] = -entry
    return A


def written_out(cell, x, h):
    """Lezcano-Casado & Martínez-Rubio 2019, and modReLU case by case."""
    A, identity = skew_matrix(cell), torch.eye(H)
    if cell.parametrisation == "exp":
        Q = torch.linalg.matrix_exp(A)
    else:
        Q = torch.linalg.inv(identity + A) @ (identity - A)
    outputs = []
    for x_t in x.unbind(1):
        a = x_t @ cell.weight_ih.T + h @ Q.T
        shifted = torch.where(a > 0, a + cell.bias, a - cell.bias)
        h = torch.where(a.abs() + cell.bias > 0, shifted, 0.0)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h


@both
def test_the_cell_equals_the_written_out_loop(parametrisation, assert_equal, gradients):
    cell = OrthogonalRNN(I, H, parametrisation=parametrisation)
    with torch.no_grad():
        cell.bias.copy_(torch.linspace(-0.5, 0.5, H))  # some units are switched off at times
    x = torch.randn(B, T, I, requires_grad=True)
    state = HiddenState(torch.randn(B, H, requires_grad=True))
    leaves = [x, state.h, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_h = written_out(cell, x, state.h)

    assert_equal((y, final.h), (expected_y, expected_h))
    actual = gradients([y.tanh(), final.h.tanh()], leaves)
    assert_equal(actual, gradients([expected_y.tanh(), expected_h.tanh()], leaves))


@both
@pytest.mark.parametrize("size", [1, 4, 7, 20])
def test_the_matrix_is_a_rotation_and_training_keeps_it_one(parametrisation, size):
    cell = OrthogonalRNN(I, size, parametrisation=parametrisation)
    optimizer = torch.optim.Adam(cell.parameters(), lr=0.1)
    for _ in range(4):
        Q = cell.recurrent_matrix()
        torch.testing.assert_close(Q @ Q.T, torch.eye(size), rtol=0, atol=1e-12)
        assert torch.linalg.det(Q).item() == pytest.approx(1)
        optimizer.zero_grad()
        cell(torch.randn(B, T, I))[0].square().sum().backward()
        optimizer.step()


@both
def test_without_inputs_and_biases_the_norm_is_kept(parametrisation, assert_equal):
    cell = OrthogonalRNN(I, H, parametrisation=parametrisation)
    torch.nn.init.zeros_(cell.bias)
    start = HiddenState(torch.randn(B, H))
    y, _ = cell(torch.zeros(B, 500, I), start)
    assert_equal(y.norm(dim=2), start.h.norm(dim=1, keepdim=True).expand(B, 500))


def test_a_preactivation_of_exactly_zero_has_finite_gradients():
    cell = OrthogonalRNN(I, H)
    state = HiddenState(torch.zeros(B, H, requires_grad=True))
    x = torch.zeros(B, T, I, requires_grad=True)
    y, _ = cell(x, state)
    assert not y.any()
    y.sum().backward()
    for leaf in (x, state.h, *cell.parameters()):
        assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("size", [6, 7])
def test_henaff_rotates_planes_by_up_to_half_a_turn(size, assert_equal):
    cell = OrthogonalRNN(I, size)
    A, Q = skew_matrix(cell), cell.recurrent_matrix()
    angles = A.diagonal(1)[::2]
    assert (A.diagonal(1)[1::2] == 0).all()
    assert not A.triu(2).any()
    assert len(set(angles.tolist())) == 3
    for plane, angle in enumerate(angles.tolist()):
        block = slice(2 * plane, 2 * plane + 2)
        c, s = math.cos(angle), math.sin(angle)
        assert_equal(Q[block, block], torch.tensor([[c, s], [-s, c]]))
    if size == 7:
        assert_equal(Q[6], torch.eye(7)[6])


def test_henaff_angles_are_uniform():
    angles = skew_matrix(OrthogonalRNN(I, 200)).diagonal(1)[::2]
    assert angles.abs().max().item() == pytest.approx(math.pi, rel=0.05)
    assert angles.std().item() == pytest.approx(math.pi / math.sqrt(3), rel=0.15)


def test_cayleys_rotates_planes_by_up_to_a_quarter_turn():
    Q = OrthogonalRNN(I, 200, parametrisation="cayley", init="cayley").recurrent_matrix()
    angles = torch.atan2(Q.diagonal(1)[::2], Q.diagonal()[::2])
    assert 0 <= angles.min() < 0.1
    assert math.pi / 2 - 0.1 < angles.max() <= math.pi / 2
    assert angles.mean().item() == pytest.approx(math.pi / 4, rel=0.15)


def test_input_weights_are_kaiming_normal_and_biases_tiny():
    cell = OrthogonalRNN(50, 200)
    assert cell.weight_ih.std().item() == pytest.approx(math.sqrt(2 / 50), rel=0.05)
    assert cell.bias.abs().max().item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_the_gradient_of_the_exponential_is_precise_at_any_size(size):
    A = torch.randn(H, H)
    A, G = A - A.T, torch.randn(H, H)

    def gradient(A, G):
        A = A.clone().requires_grad_()
        return torch.autograd.grad(SkewExponential.apply(A), A, G)[0]

    single = gradient(A.float(), size * G.float()).double() / size
    torch.testing.assert_close(single, gradient(A, G), rtol=0, atol=1e-5)


def test_the_exponential_has_second_derivatives():
    def exponential(X):
        return SkewExponential.apply(X - X.T)

    assert torch.autograd.gradgradcheck(exponential, torch.randn(3, 3, requires_grad=True))


@pytest.mark.parametrize("knob", ["parametrisation", "init"])
def test_an_unknown_choice_is_refused(knob):
    with pytest.raises(CellError, match=f"{knob} must be one of .*, not qr"):
        OrthogonalRNN(I, H, **{knob: "qr"})
