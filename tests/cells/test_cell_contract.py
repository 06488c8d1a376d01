"""What every cell promises, whatever its equations."""

import copy
import pickle
from functools import partial

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cells.attention_gru import AttentionGRU
from cells.base import CellError, map_state
from cells.gru import GRU
from cells.lstm import LSTM
from cells.rnn import RNN
from cells.torch_layers import TorchGRU, TorchLSTM, TorchRNN

I, H, B, T = 3, 6, 5, 7
LENGTHS = [3, 7, 1, 7, 4]

CELLS = {
    "gru": GRU,
    "gru-reset_before": partial(GRU, reset_after=False),
    "gru-no_bias": partial(GRU, bias=False),
    "gru-reset_before-no_bias-keras": partial(GRU, reset_after=False, bias=False, init="keras"),
    "lstm": LSTM,
    "lstm-peepholes": partial(LSTM, peepholes=True, forget_bias=1.0),
    "lstm-no_bias-keras": partial(LSTM, bias=False, init="keras"),
    "rnn": RNN,
    "rnn-relu-identity": partial(RNN, nonlinearity="relu", init="identity"),
    "rnn-no_bias": partial(RNN, bias=False),
    "attention_gru": partial(AttentionGRU, window=3),
    "attention_gru-dot-2_heads": partial(AttentionGRU, window=4, score="dot", heads=2),
    "attention_gru-window_1": partial(AttentionGRU, window=1, reset_after=False, bias=False),
    "torch_gru": TorchGRU,
    "torch_lstm": TorchLSTM,
    "torch_rnn": partial(TorchRNN, nonlinearity="relu", bias=False),
}


@pytest.fixture(params=CELLS.values(), ids=CELLS.keys())
def make_cell(request):
    return request.param


@pytest.fixture
def cell(make_cell):
    return make_cell(I, H)


@pytest.fixture
def state(cell):
    """A state that the cell has been in, its rows of different age."""
    _, state = cell(pack(torch.randn(B, 5, I), [2, 5, 1, 3, 4]))
    return map_state(torch.Tensor.detach, state)


@pytest.fixture
def x():
    return torch.randn(B, T, I)


def pack(x, lengths):
    return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def rows(state, index):
    return map_state(lambda leaf: leaf[index], state)


def test_forward_is_the_step_folded_over_time(cell, x, state, assert_equal):
    y, final = cell(x, state)
    assert y.shape == (B, T, cell.output_size)
    for t in range(T):
        y_t, state = cell.step(x[:, t], state)
        assert_equal(y_t, y[:, t])
    assert_equal(final, state)


@pytest.mark.parametrize("sizes", [[1, 6], [4, 3], [2, 2, 3]])
def test_chunks_are_the_whole(cell, x, state, sizes, assert_equal):
    y, final = cell(x, state)
    chunks = []
    for chunk in x.split(sizes, dim=1):
        y_chunk, state = cell(chunk, state)
        chunks.append(y_chunk)
    assert_equal(torch.cat(chunks, dim=1), y)
    assert_equal(state, final)


def test_packed_is_one_by_one(cell, x, state, assert_equal, gradients):
    x.requires_grad_()
    floating = [leaf.requires_grad_() for leaf in state if leaf.is_floating_point()]
    packed_y, final = cell(pack(x, LENGTHS), state)
    y, lengths = pad_packed_sequence(packed_y, batch_first=True)
    assert lengths.tolist() == LENGTHS

    alone = [cell(x[i : i + 1, :n], rows(state, [i])) for i, n in enumerate(LENGTHS)]
    for i, (y_alone, final_alone) in enumerate(alone):
        assert_equal(y[i : i + 1, : LENGTHS[i]], y_alone)
        assert_equal(rows(final, [i]), final_alone)

    leaves = [x, *floating, *cell.parameters()]
    results = [packed_y.data, *final]
    results_alone = [tensor for y_alone, final_alone in alone for tensor in (y_alone, *final_alone)]
    assert_equal(gradients(results, leaves), gradients(results_alone, leaves))


def test_the_state_passed_in_is_not_modified(cell, x, state):
    before = map_state(torch.clone, state)
    cell(x, state)
    cell(pack(x, LENGTHS), state)
    cell.step(x[:, 0], state)
    torch.testing.assert_close(state, before, rtol=0, atol=0)


def test_rows_do_not_see_each_other(cell, x, state):
    x.requires_grad_()
    y, _ = cell(x, state)
    (gradient,) = torch.autograd.grad(y[1:].sum(), x)
    assert not gradient[0].any()
    assert gradient[1:].any()


def test_the_future_does_not_change_the_past(cell, x):
    x.requires_grad_()
    y, _ = cell(x)
    (gradient,) = torch.autograd.grad(y[:, :3].sum(), x)
    assert not gradient[:, 3:].any()


def test_no_leaf_of_the_state_grows_with_time(cell):
    def shapes(state):
        return [(leaf.shape, leaf.dtype) for leaf in state]

    start = cell.initial_state(B)
    assert all(len(leaf) == B for leaf in start)
    for steps in (1, 2, 23):
        _, final = cell(torch.randn(B, steps, I))
        assert type(final) is type(start)
        assert shapes(final) == shapes(start)


def test_no_state_means_the_initial_state(cell, x, assert_equal):
    assert_equal(cell(x), cell(x, cell.initial_state(B)))


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))]
)
def test_a_copy_computes_the_same_and_shares_nothing(cell, x, duplicate, assert_equal):
    twin = duplicate(cell)
    expected = cell(x)
    assert_equal(twin(x), expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert_equal(cell(x), expected)


def test_the_state_dict_holds_all_there_is(make_cell, cell, x, assert_equal):
    other = make_cell(I, H)
    other.load_state_dict(cell.state_dict())
    assert_equal(other(x), cell(x))


def test_builds_on_the_meta_device(make_cell, cell):
    with torch.device("meta"):
        meta = make_cell(I, H)
    assert all(tensor.is_meta for tensor in (*meta.parameters(), *meta.initial_state(B)))
    assert [p.shape for p in meta.parameters()] == [p.shape for p in cell.parameters()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_have_the_parameters_dtype(cell, x, dtype):
    cell.to(dtype)
    y, final = cell(x.to(dtype))
    assert y.dtype == dtype
    assert {leaf.dtype for leaf in final if leaf.is_floating_point()} == {dtype}


def test_autocast_stays_close_and_trains(cell, x):
    cell.float()
    x = x.float()
    expected, _ = cell(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first, state = cell(x[:, :3])
        second, _ = cell(x[:, 3:], state)
    y = torch.cat((first, second), dim=1).float()
    torch.testing.assert_close(y, expected, rtol=0, atol=0.05)
    y.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in cell.parameters())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((B, T, I + 1), "inputs of 3 features, not 4"),
        ((T, I), r"non-empty input \(B, T, I\), not \(7, 3\)"),
        ((B, 0, I), r"non-empty input \(B, T, I\), not \(5, 0, 3\)"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(cell, shape, message):
    with pytest.raises(CellError, match=message):
        cell(torch.randn(shape))


@pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
def test_a_state_of_another_batch_size_is_refused(cell, x, packed):
    with pytest.raises(CellError, match="the batch has 5 rows"):
        cell(pack(x, LENGTHS) if packed else x, cell.initial_state(B - 1))


def test_a_packed_input_of_another_width_is_refused(cell):
    with pytest.raises(CellError, match="inputs of 3 features, not 4"):
        cell(pack(torch.randn(B, T, I + 1), LENGTHS))


@pytest.mark.parametrize("sizes", [(0, H), (I, 0)])
def test_sizes_below_one_are_refused(make_cell, sizes):
    with pytest.raises(CellError, match="must be at least 1, not 0"):
        make_cell(*sizes)
