"""The independently recurrent network against its equation, and the range that u starts in."""

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.indrnn import IndRNN
from recurbench.cells.rnn import RNN

I, H, B, T = 3, 5, 4, 6


@pytest.mark.parametrize(
    ("nonlinearity", "phi"), [("relu", lambda a: a.clamp(min=0)), ("tanh", torch.tanh)]
)
def test_the_cell_equals_the_written_out_loop(nonlinearity, phi, assert_equal, gradients):
    cell = IndRNN(I, H, nonlinearity=nonlinearity)
    x = torch.randn(B, T, I, requires_grad=True)
    state = cell.initial_state(B)._replace(h=torch.randn(B, H, requires_grad=True))
    leaves = [x, state.h, *cell.parameters()]

    y, final = cell(x, state)
    h, outputs = state.h, []
    for x_t in x.unbind(1):
        h = phi(x_t @ cell.input.weight.T + cell.u * h + cell.input.bias)
        outputs.append(h)
    expected_y = torch.stack(outputs, dim=1)

    assert_equal((y, final.h), (expected_y, h))
    assert_equal(gradients([y, final.h], leaves), gradients([expected_y, h], leaves))


def test_it_is_an_rnn_whose_recurrent_matrix_is_diagonal(assert_equal):
    cell, rnn = IndRNN(I, H), RNN(I, H, nonlinearity="relu")
    with torch.no_grad():
        rnn.weight_ih.copy_(cell.input.weight)
        rnn.weight_hh.copy_(torch.diag(cell.u))
        rnn.bias_ih.copy_(cell.input.bias)
        rnn.bias_hh.zero_()
    x = torch.randn(B, T, I)
    assert_equal(cell(x), rnn(x))


def test_units_do_not_see_each_other():
    cell = IndRNN(I, H)
    h = torch.rand(B, H, requires_grad=True)
    y, _ = cell(torch.rand(B, T, I), cell.initial_state(B)._replace(h=h))
    (gradient,) = torch.autograd.grad(y[..., 0].sum(), h)
    assert not gradient[:, 1:].any()


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("long_memory", [True, False])
def test_recurrent_weights_fill_the_papers_range(steps, long_memory):
    u = IndRNN(I, 1000, steps=steps, long_memory=long_memory).u
    lowest, highest = (2 ** (-1 / steps) if long_memory else 0), 2 ** (1 / steps)
    margin = (highest - lowest) / 100
    assert lowest <= u.min() < lowest + margin
    assert highest - margin < u.max() <= highest


def test_what_is_held_changes_by_no_more_than_a_factor_of_two_over_the_steps():
    cell = IndRNN(I, 1000, steps=T)
    state = cell.initial_state(B)._replace(h=torch.rand(B, 1000))
    _, final = cell(torch.zeros(B, T, I), state)
    assert (final.h <= 2 * state.h + 1e-10).all()
    assert (final.h >= state.h / 2 - 1e-10).all()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"nonlinearity": "sine"}, "nonlinearity must be one of relu, tanh, not sine"),
    ],
)
def test_a_knob_that_does_not_fit_is_refused(knobs, message):
    with pytest.raises(CellError, match=message):
        IndRNN(I, H, **knobs)
