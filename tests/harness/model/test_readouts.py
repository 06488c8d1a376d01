"""Attention reads a sequence's own steps, and its final output asks for them."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

from recurbench.harness.model.packing import softmax_steps, spread, sum_steps, with_data
from recurbench.harness.model.readouts import Attention, Last

WIDTH = 4
LENGTHS = [[4, 2, 5, 1, 3], [1], [3, 3], [1, 6], [2, 9, 2]]

every_length = pytest.mark.parametrize("lengths", LENGTHS, ids=str)
both_directions = pytest.mark.parametrize("bidirectional", [False, True])


def sequences(lengths: list[int]) -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    return [torch.randn(t, WIDTH, dtype=torch.float64, generator=source) for t in lengths]


def pack(rows: list[Tensor]) -> PackedSequence:
    return pack_sequence(rows, enforce_sorted=False)


def attention(bidirectional: bool = False) -> Attention:
    torch.manual_seed(0)
    return Attention(WIDTH, bidirectional).double()


@every_length
@both_directions
def test_attention_is_its_formula_for_each_sequence_alone(lengths, bidirectional):
    made = attention(bidirectional)
    for sequence, found in zip(sequences(lengths), made(pack(sequences(lengths))), strict=True):
        final = Last(WIDTH, bidirectional)(sequence[None])[0]
        scores = sequence @ (made.query.weight @ final) / math.sqrt(WIDTH)
        summary = scores.softmax(0) @ sequence
        torch.testing.assert_close(found, torch.cat([final, summary]))


@both_directions
def test_a_dense_batch_is_read_as_a_packed_one(bidirectional):
    made, rows = attention(bidirectional), sequences([5, 5, 5])
    assert made.size == 2 * WIDTH
    torch.testing.assert_close(made(torch.stack(rows)), made(pack(rows)))
    weights = made.weights(torch.stack(rows))
    torch.testing.assert_close(torch.stack(unpack_sequence(made.weights(pack(rows)))), weights)


@every_length
def test_the_weights_of_a_sequence_are_positive_and_sum_to_one(lengths):
    weights = attention().weights(pack(sequences(lengths)))
    assert (weights.data > 0).all()
    torch.testing.assert_close(sum_steps(weights), torch.ones_like(sum_steps(weights)))


def test_a_sequence_is_read_the_same_whatever_stands_beside_it():
    made, rows = attention(), sequences([4, 2, 5])
    others = [row if index == 1 else 1e6 * row for index, row in enumerate(rows)]
    assert torch.equal(made(pack(rows))[1], made(pack(others))[1])


def test_the_gradient_reaches_every_step_and_the_query():
    made, packed = attention(), pack(sequences([4, 2, 5]))
    x = packed.data.clone().requires_grad_()
    made(with_data(packed, x)).square().sum().backward()
    assert x.grad.any(-1).all()
    assert made.query.weight.grad.any()


def test_the_gradient_of_a_packed_softmax_is_right():
    packed = pack(sequences([4, 2, 5]))
    x = packed.data.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda data: softmax_steps(with_data(packed, data)).data, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_softmax_over_steps_stays_finite_at_large_scores(dtype):
    packed = pack([torch.tensor([[1e4], [1e4 - 64]]), torch.tensor([[-1e4]])])
    found = unpack_sequence(softmax_steps(with_data(packed, packed.data.to(dtype))))
    assert found[0].flatten().tolist() == [1.0, pytest.approx(0.0, abs=1e-20)]
    assert found[1].flatten().tolist() == [1.0]


@every_length
def test_rows_are_spread_over_their_own_steps(lengths):
    rows = torch.arange(len(lengths))[:, None]
    for row, found in enumerate(unpack_sequence(spread(rows, pack(sequences(lengths))))):
        assert found.tolist() == [[row]] * lengths[row]
