"""The cells that torch has too compute what torch's do; all are used as torch's modules are."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from recurbench.cells.base import CellError, HiddenState
from recurbench.cells.gru import GRU
from recurbench.cells.lstm import LSTM
from recurbench.cells.rnn import RNN
from recurbench.cells.torch_layers import TorchGRU, TorchLSTM, TorchRNN
from recurbench.harness.plugins.registry import registry

I, H, B, T = 3, 5, 4, 7
LENGTHS = [3, 7, 1, 5]


@pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize(
    ("make_cell", "make_layer", "knobs"),
    [
        pytest.param(GRU, nn.GRU, {}, id="gru"),
        pytest.param(LSTM, nn.LSTM, {}, id="lstm"),
        pytest.param(RNN, nn.RNN, {"nonlinearity": "tanh"}, id="rnn-tanh"),
        pytest.param(RNN, nn.RNN, {"nonlinearity": "relu"}, id="rnn-relu"),
        pytest.param(TorchGRU, nn.GRU, {}, id="torch_gru"),
        pytest.param(TorchLSTM, nn.LSTM, {}, id="torch_lstm"),
        pytest.param(TorchRNN, nn.RNN, {"nonlinearity": "tanh"}, id="torch_rnn-tanh"),
        pytest.param(TorchRNN, nn.RNN, {"nonlinearity": "relu"}, id="torch_rnn-relu"),
    ],
)
def test_values_and_gradients_are_torchs(
    make_cell, make_layer, knobs, bias, packed, assert_equal, gradients
):
    layer = make_layer(I, H, bias=bias, batch_first=True, **knobs)
    cell = make_cell(I, H, bias=bias, **knobs)
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in layer.state_dict().items()}
    )
    x = torch.randn(B, T, I, requires_grad=True)
    leaves = [torch.randn(B, H, requires_grad=True) for _ in cell.initial_state(B)]

    def inputs():
        return pack_padded_sequence(x, LENGTHS, True, enforce_sorted=False) if packed else x

    y, final = cell(inputs(), type(cell.initial_state(B))(*leaves))
    layers = tuple(leaf.unsqueeze(0) for leaf in leaves)
    expected_y, expected_final = layer(inputs(), layers if make_layer is nn.LSTM else layers[0])
    if make_layer is not nn.LSTM:
        expected_final = (expected_final,)
    if packed:
        assert isinstance(y, PackedSequence)
        assert_equal(y.sorted_indices, expected_y.sorted_indices)
        y, expected_y = y.data, expected_y.data

    assert_equal(y, expected_y)
    assert_equal(tuple(final), tuple(leaf.squeeze(0) for leaf in expected_final))
    assert_equal(
        gradients([y, *final], [x, *leaves, *cell.parameters()]),
        gradients([expected_y, *expected_final], [x, *leaves, *layer.parameters()]),
    )


CELLS = pytest.mark.parametrize(
    "cls", [plugin.cls for plugin in registry().plugins["cell"].values()]
)
BFLOAT16, HALF = torch.bfloat16, torch.float16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, h: (x, h[None]),
            r"expected a state HiddenState of h \(4, 5\) torch.float64 on cpu, "
            r"as initial_state\(4\) gives, not a tensor \(1, 4, 5\)",
        ),
        (lambda x, h: (x, h), r"not a tensor \(4, 5\)"),
        (lambda x, h: (x, (h[None],)), r"state h: expected \(4, 5\) .*not a tensor \(1, 4, 5\)"),
        (lambda x, h: (x, (h, h)), "not a tuple of 2"),
        (lambda x, h: (x, {"h": h}), "not a dict"),
        (lambda x, h: (x, HiddenState(h[:, :4])), r"state h: .*not a tensor \(4, 4\)"),
        (lambda x, h: (x, HiddenState(h[:1])), r"state h: .*not a tensor \(1, 5\)"),
        (lambda x, h: (x, HiddenState(h[0])), r"state h: .*not a tensor \(5,\)"),
        (lambda x, h: (x, HiddenState(h.float())), "state h: .*not a tensor .*torch.float32"),
        (lambda x, h: (x, HiddenState(h.long())), "state h: .*not a tensor .*torch.int64"),
        (lambda x, h: (x, HiddenState(h.to("meta"))), "state h: .*not a tensor .* on meta"),
        (lambda x, h: (x, HiddenState(h.numpy())), "state h: .*not a ndarray"),
        (lambda x, h: (x.float(), HiddenState(h)), "inputs of torch.float64, .* not torch.float32"),
        (lambda x, h: (x.long(), HiddenState(h)), "inputs of torch.float64, .* not torch.int64"),
        (lambda x, h: (x.bool(), HiddenState(h)), "inputs of torch.float64, .* not torch.bool"),
        (lambda x, h: (x.to("meta"), HiddenState(h)), "inputs on cpu, .* not meta"),
        (lambda x, h: (x.tolist(), HiddenState(h)), r"expected a tensor \(B, .*, not a list of 4"),
        (lambda x, h: (x.numpy(), HiddenState(h)), r"expected a tensor \(B, .*, not a ndarray"),
        (lambda x, h: (x[..., :2], HiddenState(h)), "expected inputs of 3 features, not 2"),
        (lambda x, h: (x[0], HiddenState(h)), r"expected a non-empty input \(B, "),
    ],
)
@pytest.mark.parametrize("call", ["forward", "step"])
def test_what_does_not_fit_is_refused_by_what_would(change, message, call):
    cell, x = GRU(I, H), torch.randn(B, T, I)
    given, state = change(x if call == "forward" else x[:, 0], torch.zeros(B, H))
    with pytest.raises(CellError, match=message):
        getattr(cell, call)(given, state)


def test_the_state_of_torchs_lstm_is_refused_and_that_of_another_cell():
    h = torch.zeros(B, H)
    with pytest.raises(CellError, match=r"state h: expected \(4, 5\) .*not a tensor \(1, 4, 5\)"):
        LSTM(I, H)(torch.randn(B, T, I), (h[None], h[None]))
    with pytest.raises(
        CellError, match=r"expected a state LSTMState of h .*, c .*HiddenState of h"
    ):
        LSTM(I, H)(torch.randn(B, T, I), HiddenState(h))
    with pytest.raises(CellError, match="not a NoneType"):
        LSTM(I, H).step(torch.randn(B, I), None)


@pytest.mark.parametrize("width", [2, 4])
def test_a_packed_batch_of_another_width_or_dtype_is_refused(width):
    cell = GRU(I, H)
    x = pack_padded_sequence(torch.randn(B, T, width), LENGTHS, True, enforce_sorted=False)
    with pytest.raises(CellError, match=f"expected inputs of 3 features, not {width}"):
        cell(x)
    x = pack_padded_sequence(torch.randn(B, T, I), LENGTHS, True, enforce_sorted=False)
    with pytest.raises(CellError, match=r"inputs of torch\.float64"):
        cell(x.to(torch.float32))


@CELLS
def test_a_plain_tuple_or_list_of_the_right_tensors_is_a_state(cls, assert_equal):
    cell, x = cls(I, 8), torch.randn(B, T, I)
    _, state = cell(x)
    expected = cell(x, state)
    for given in (tuple(state), list(state)):
        assert_equal(cell(x, given), expected)
        assert_equal(cell.step(x[:, 0], given), cell.step(x[:, 0], state))
    assert type(cell(x, tuple(state))[1]) is type(state)


@CELLS
@pytest.mark.parametrize("dtype", [BFLOAT16, HALF], ids=str)
def test_a_used_cell_can_be_copied_pickled_and_brought_into_another_dtype(cls, dtype, assert_equal):
    cell, x = cls(I, 8), torch.randn(B, T, I)
    _, state = cell(x)
    cell(x, state)
    for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert_equal(twin(x, state), cell(x, state))

    cell.to(dtype)
    stack = [cell, cls(8, 8).to(dtype)]
    narrow = x.to(dtype)
    for layer in stack:
        narrow, final = layer(narrow)
        narrow, again = layer(narrow if layer is stack[1] else x.to(dtype), final)
        assert narrow.dtype == dtype
        assert narrow.isfinite().all()
        assert [leaf.dtype for leaf in again] == [leaf.dtype for leaf in layer.initial_state(1)]
    if state[0].numel():
        with pytest.raises(
            CellError, match=f"expected .* {dtype} .*, not a tensor .*torch.float64"
        ):
            cell(x.to(dtype), state)


def test_other_weights_may_be_called_with_in_another_dtype():
    cell, x = GRU(I, H), torch.randn(B, T, I)
    _, state = cell(x)
    cell(x, state)
    single = {name: value.float() for name, value in cell.named_parameters()}
    given = x.float(), HiddenState(state.h.float())
    y, _ = torch.func.functional_call(cell, single, given)
    torch.testing.assert_close(y.double(), cell(x, state)[0], rtol=0, atol=1e-5)
    alone = torch.func.vmap(lambda row, h: cell(row[None], HiddenState(h[None]))[0][0])
    torch.testing.assert_close(alone(x, state.h), cell(x, state)[0])


@pytest.mark.parametrize("make_cell", [GRU, RNN, LSTM])
def test_an_exported_cell_takes_states_and_leaves_nothing_in_the_cell(make_cell, assert_equal):
    cell, x = make_cell(I, H), torch.randn(B, T, I)
    state = cell.initial_state(B)
    expected = cell(x, state)[0]
    exported = torch.export.export(cell, (x, state)).module()
    assert_equal(exported(x, state)[0], expected)
    assert_equal(cell(x, state)[0], expected)
