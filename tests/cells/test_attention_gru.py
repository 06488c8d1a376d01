"""The attending GRU against a reference that keeps every hidden state it has ever had."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from recurbench.cells import attention_gru
from recurbench.cells.attention_gru import AttentionGRU, AttentionState
from recurbench.cells.base import CellError

I, H, B, T = 3, 6, 4, 9


def attend(cell, past, score):
    """The context of the newest of some states `(H,)`, head by head and state by state."""
    W_q, W_k = cell.query_key.weight.chunk(2)
    size = H // cell.heads
    contexts = []
    for head in range(cell.heads):
        part = slice(head * size, (head + 1) * size)
        query = (W_q @ past[-1])[part]
        scores = []
        for h in past:
            key = (W_k @ h)[part]
            if score == "additive":
                scores.append(cell.v[part] @ torch.tanh(query + key))
            else:
                scores.append(query @ key / math.sqrt(size))
        weights = torch.stack(scores).softmax(0)
        contexts.append(sum(weight * h[part] for weight, h in zip(weights, past, strict=True)))
    return torch.cat(contexts)


def unbounded_reference(cell, x, h, score):
    """`(T, I)` and `(H,)` to `(T, H)`: one sequence, its list of states growing with T."""
    gru = nn.GRUCell(I, H)
    weights = {name: getattr(cell.gru, name) for name, _ in gru.named_parameters()}
    states, outputs = [], []
    for x_t in x:
        h = torch.func.functional_call(gru, weights, (x_t, h))
        states.append(h)
        context = attend(cell, states[-cell.window :], score)
        outputs.append(cell.output(torch.cat((h, context))))
    return torch.stack(outputs)


@pytest.mark.parametrize("kernel", ["fused", "reference"])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("window", [1, 4, 2 * T])
@pytest.mark.parametrize("score", ["additive", "dot"])
def test_equals_the_reference_that_forgets_nothing(
    score, window, heads, kernel, assert_equal, gradients
):
    cell = AttentionGRU(I, H, window=window, heads=heads, score=score, kernel=kernel)
    x = torch.randn(B, T, I, requires_grad=True)
    h = torch.randn(B, H, requires_grad=True)
    leaves = [x, h, *cell.parameters()]

    y, _ = cell(x, cell.initial_state(B)._replace(h=h))
    alone = [unbounded_reference(cell, x[row], h[row], score) for row in range(B)]
    expected = torch.stack(alone)

    assert_equal(y, expected)
    assert_equal(gradients([y], leaves), gradients([expected], leaves))


@pytest.mark.parametrize("lengths", [[T] * B, [3, T, 1, 6]], ids=["dense", "packed"])
@pytest.mark.parametrize("window", [1, 4, 2 * T])
def test_the_fused_kernel_equals_stepping_from_rows_of_any_age(
    window, lengths, assert_equal, gradients, monkeypatch
):
    monkeypatch.setattr(attention_gru, "WINDOWS", 7)  # so that parts meet in the middle of a step
    fused = AttentionGRU(I, H, window=window, heads=2)
    stepping = AttentionGRU(I, H, window=window, heads=2, kernel="reference")
    stepping.load_state_dict(fused.state_dict())
    x = torch.randn(B, T, I, requires_grad=True)
    ages = [fused(torch.randn(1, 1 + 2 * age, I))[1] for age in range(B - 1)]
    ages.append(fused.initial_state(1))
    state = AttentionState(*(torch.cat(leaves).detach() for leaves in zip(*ages, strict=True)))
    floating = [leaf.requires_grad_() for leaf in state if leaf.is_floating_point()]

    found = []
    for cell in (fused, stepping):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, final = cell(packed, state)
        leaves = [x, *floating, *cell.parameters()]
        found.append((y.data, *final, *gradients([y.data, *final], leaves)))
    assert_equal(*found)


def test_rows_of_different_age_share_a_batch(assert_equal):
    """A row that starts afresh does not see what others remember."""
    cell = AttentionGRU(I, H, window=4)
    old = cell(torch.randn(1, 6, I))[1]
    fresh = cell.initial_state(1)
    x = torch.randn(2, T, I)

    mixed = type(fresh)(*(torch.cat(leaves) for leaves in zip(old, fresh, strict=True)))
    y, _ = cell(x, mixed)

    assert_equal(y[:1], cell(x[:1], old)[0])
    assert_equal(y[1:], cell(x[1:], fresh)[0])


def test_the_recurrence_is_the_grus(assert_equal):
    cell = AttentionGRU(I, H)
    x = torch.randn(B, T, I)
    assert_equal(cell(x)[1].h, cell.gru(x)[1].h)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"window": 0}, "window must be at least 1, not 0"),
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"heads": 4}, "hidden_size=6 is not a multiple of 4; try 4"),
        ({"score": "cosine"}, "score must be one of additive, dot, not cosine"),
        ({"kernel": "fast"}, "kernel must be one of auto, reference, fused, native, not fast"),
        ({"init": "xavier"}, "init must be one of torch, keras, not xavier"),
    ],
)
def test_impossible_knobs_are_refused(knobs, message):
    with pytest.raises(CellError, match=message):
        AttentionGRU(I, H, **knobs)
