"""What is done to a packed batch is what would be done to each of its sequences alone."""

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

from recurbench.harness.model.packing import (
    first_steps,
    in_caller_order,
    last_steps,
    layout,
    mean_steps,
    reverse,
)

LENGTHS = [[4, 2, 5, 1, 3], [1], [7], [3, 3], [1, 1, 1], [1, 6], [6, 1], [2, 9, 2, 9, 1]]
READOUTS = {
    last_steps: lambda sequence: sequence[-1],
    first_steps: lambda sequence: sequence[0],
    mean_steps: lambda sequence: sequence.mean(0),
}

every_length = pytest.mark.parametrize("lengths", LENGTHS, ids=str)
every_readout = pytest.mark.parametrize("readout", READOUTS, ids=lambda f: f.__name__)


def sequences(lengths: list[int], features: int = 3) -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    return [torch.randn(t, features, dtype=torch.float64, generator=source) for t in lengths]


def pack(lengths: list[int]) -> PackedSequence:
    return pack_sequence(sequences(lengths), enforce_sorted=False)


@every_length
@every_readout
def test_a_readout_of_a_packed_batch_is_that_of_each_sequence(readout, lengths):
    expected = torch.stack([READOUTS[readout](sequence) for sequence in sequences(lengths)])
    torch.testing.assert_close(readout(pack(lengths)), expected)


@every_readout
def test_a_readout_of_a_dense_batch_is_that_of_each_row(readout):
    batch = torch.stack(sequences([5, 5, 5]))
    expected = torch.stack([READOUTS[readout](row) for row in batch])
    torch.testing.assert_close(readout(batch), expected)


@every_length
def test_reversal_turns_each_sequence_around_in_itself(lengths):
    reversed_ = unpack_sequence(reverse(pack(lengths)))
    for found, sequence in zip(reversed_, sequences(lengths), strict=True):
        assert torch.equal(found, sequence.flip(0))


@every_length
def test_reversing_twice_gives_the_input(lengths):
    packed = pack(lengths)
    twice = reverse(reverse(packed))
    assert torch.equal(twice.data, packed.data)
    assert torch.equal(twice.batch_sizes, packed.batch_sizes)
    batch = torch.stack(sequences([4, 4]))
    assert torch.equal(reverse(reverse(batch)), batch)
    assert not torch.equal(reverse(batch), batch)


@every_length
def test_a_layout_says_where_every_step_of_every_row_lies(lengths):
    packed = pack(lengths)
    offsets, rows, time, row = layout(packed)
    assert rows.tolist() == sorted(lengths, reverse=True)
    for position in range(len(packed.data)):
        assert offsets[time[position]] + row[position] == position
        assert time[position] < rows[row[position]]


@every_length
def test_rows_come_back_in_the_order_in_which_they_were_packed(lengths):
    packed = pack(lengths)
    sorted_lengths = layout(packed).lengths
    assert in_caller_order(packed, sorted_lengths).tolist() == lengths


def test_a_batch_that_was_packed_sorted_keeps_its_order():
    packed = pack_sequence(sequences([5, 3, 1]), enforce_sorted=True)
    assert packed.unsorted_indices is None
    expected = torch.stack([sequence[-1] for sequence in sequences([5, 3, 1])])
    assert torch.equal(last_steps(packed), expected)


@pytest.mark.parametrize("function", [reverse, *READOUTS], ids=lambda f: f.__name__)
def test_gradients_flow_to_the_positions_that_were_read(function):
    packed = pack([3, 1, 2])

    def of_data(data: Tensor) -> Tensor:
        found = function(PackedSequence(data, *packed[1:]))
        return found.data if isinstance(found, PackedSequence) else found

    assert torch.autograd.gradcheck(of_data, packed.data.clone().requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.int64], ids=str)
def test_reversal_and_selection_keep_the_type_of_the_data(dtype):
    packed = pack_sequence([s.to(dtype) for s in sequences([2, 3])], enforce_sorted=False)
    assert reverse(packed).data.dtype == dtype
    assert last_steps(packed).dtype == first_steps(packed).dtype == dtype
