"""Attention over a window against a reference that keeps every input it has ever had."""

import math

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from recurbench.cells import local_attention
from recurbench.cells.base import CellError
from recurbench.cells.local_attention import LocalAttention, LocalAttentionState

I, H, B, T = 3, 6, 4, 9


def generic(**knobs):
    """A cell whose position bias is not zero, as it is at first."""
    cell = LocalAttention(I, H, **knobs)
    torch.nn.init.normal_(cell.position_bias)
    return cell


def attend(cell, past):
    """The output `(H,)` at the newest of some inputs `(I,)`, head by head and input by input."""
    W_q, W_k, W_v = cell.query_key_value.weight.chunk(3)
    size = H // cell.heads
    contexts = []
    for head in range(cell.heads):
        part = slice(head * size, (head + 1) * size)
        query = (W_q @ past[-1])[part]
        scores, values = [], []
        for distance, x in enumerate(reversed(past)):
            key = (W_k @ x)[part]
            scores.append(query @ key / math.sqrt(size) + cell.position_bias[distance, head])
            values.append((W_v @ x)[part])
        weights = torch.stack(scores).softmax(0)
        contexts.append(sum(a * v for a, v in zip(weights, values, strict=True)))
    return cell.output(torch.cat(contexts))


def unbounded_reference(cell, x):
    """`(T, I)` to `(T, H)`: one sequence, the list of its inputs growing with T."""
    past = list(x)
    return torch.stack([attend(cell, past[: t + 1][-cell.window :]) for t in range(len(past))])


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize("kernel", ["fused", "reference"])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("window", [1, 4, 2 * T])
def test_equals_the_reference_that_forgets_nothing(
    window, heads, kernel, bias, assert_equal, gradients
):
    cell = generic(window=window, heads=heads, kernel=kernel, bias=bias)
    x = torch.randn(B, T, I, requires_grad=True)
    leaves = [x, *cell.parameters()]

    y, _ = cell(x)
    expected = torch.stack([unbounded_reference(cell, row) for row in x])

    assert_equal(y, expected)
    assert_equal(gradients([y], leaves), gradients([expected], leaves))


@pytest.mark.parametrize("lengths", [[T] * B, [3, T, 1, 6]], ids=["dense", "packed"])
@pytest.mark.parametrize("window", [1, 4, 2 * T])
def test_the_fused_kernel_equals_stepping_from_rows_of_any_age(
    window, lengths, assert_equal, gradients, monkeypatch
):
    monkeypatch.setattr(local_attention, "WINDOWS", 7)  # so that parts meet in mid-step
    fused = generic(window=window, heads=2)
    stepping = generic(window=window, heads=2, kernel="reference")
    stepping.load_state_dict(fused.state_dict())
    x = torch.randn(B, T, I, requires_grad=True)
    ages = [fused(torch.randn(1, 1 + 2 * age, I))[1] for age in range(B - 1)]
    ages.append(fused.initial_state(1))
    state = LocalAttentionState(*(torch.cat(leaves).detach() for leaves in zip(*ages, strict=True)))
    floating = [leaf.requires_grad_() for leaf in state if leaf.is_floating_point()]

    found = []
    for cell in (fused, stepping):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, final = cell(packed, state)
        leaves = [x, *floating, *cell.parameters()]
        found.append((y.data, *final, *gradients([y.data, *final], leaves)))
    assert_equal(*found)


def test_an_input_is_gone_when_the_window_has_passed_it():
    cell = generic(window=4, heads=2)
    x = torch.randn(B, T, I)
    changed = x.clone()
    changed[:, 2] += 1
    moved = (cell(x)[0] - cell(changed)[0]).abs().amax((0, 2))
    assert (moved > 1e-6).tolist() == [False, False, True, True, True, True, False, False, False]


def test_at_first_a_window_is_a_bag_and_a_position_bias_makes_it_a_sequence(assert_equal):
    cell = LocalAttention(I, H, window=T, heads=2)
    x = torch.randn(B, T, I)
    swapped = x[:, [3, 1, 2, 0, 4, 5, 6, 7, 8]]
    assert_equal(cell(x)[0][:, -1], cell(swapped)[0][:, -1])
    torch.nn.init.normal_(cell.position_bias)
    assert not torch.allclose(cell(x)[0][:, -1], cell(swapped)[0][:, -1])


def test_a_strong_position_bias_is_a_delay(assert_equal):
    cell = LocalAttention(I, H, window=4, heads=2)
    with torch.no_grad():
        cell.position_bias[3] = 1e3
    x = torch.randn(B, T, I)
    W_v = cell.query_key_value.weight[2 * H :]
    delayed = cell.output(x[:, :-3] @ W_v.T)
    assert_equal(cell(x)[0][:, 3:], delayed)


def test_the_matrices_start_uniform_and_the_position_bias_at_zero():
    cell = LocalAttention(50, 40)
    bounds = {cell.query_key_value.weight: 1 / math.sqrt(50), cell.output.weight: 1 / math.sqrt(40)}
    for weight, bound in bounds.items():
        assert weight.abs().max().item() == pytest.approx(bound, rel=0.02)
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
    assert not cell.position_bias.any()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"window": 0}, "window must be at least 1, not 0"),
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"heads": 4}, "hidden_size=6 is not a multiple of 4; try 4"),
        ({"kernel": "fast"}, "kernel must be one of fused, reference, not fast"),
    ],
)
def test_impossible_knobs_are_refused(knobs, message):
    with pytest.raises(CellError, match=message):
        LocalAttention(I, H, **knobs)
