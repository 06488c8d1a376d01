"""The layer without memory: what it computes, and that nothing is carried over."""

import math

import pytest
import torch

from recurbench.cells.feedforward import Feedforward

I, H, B, T = 3, 5, 4, 6


def test_every_step_is_one_dense_layer(assert_equal, gradients):
    cell = Feedforward(I, H)
    x = torch.randn(B, T, I, requires_grad=True)
    leaves = [x, *cell.parameters()]
    y, _ = cell(x)
    W, b = cell.parameters()
    expected = torch.stack([torch.tanh(x_t @ W.T + b) for x_t in x.unbind(1)], dim=1)
    assert_equal(y, expected)
    assert_equal(gradients([y], leaves), gradients([expected], leaves))


def test_a_step_does_not_depend_on_the_steps_before(assert_equal):
    cell = Feedforward(I, H)
    x = torch.randn(B, T, I)
    order = torch.randperm(T)
    assert_equal(cell(x[:, order])[0], cell(x)[0][:, order])


def test_the_state_has_rows_but_no_features():
    cell = Feedforward(I, H)
    _, final = cell(torch.randn(B, T, I))
    assert [leaf.shape for leaf in final] == [(B, 0)]


def test_the_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs():
    W, b = Feedforward(400, H).parameters()
    for parameter in (W, b):
        assert parameter.abs().max() <= 1 / math.sqrt(400)
    assert W.std().item() == pytest.approx(1 / math.sqrt(3 * 400), rel=0.05)
