"""torch's layers as cells: their weights can be exchanged with torch's cells and with ours."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from recurbench.cells.gru import GRU
from recurbench.cells.lstm import LSTM, LSTMState
from recurbench.cells.rnn import RNN
from recurbench.cells.torch_layers import TorchGRU, TorchLSTM, TorchRNN

I, H = 3, 5

TRIPLES = pytest.mark.parametrize(
    ("make_layer", "make_cell", "make_torch"),
    [
        pytest.param(TorchGRU, GRU, nn.GRUCell, id="gru"),
        pytest.param(TorchLSTM, LSTM, nn.LSTMCell, id="lstm"),
        pytest.param(TorchRNN, RNN, nn.RNNCell, id="rnn"),
    ],
)


@TRIPLES
@pytest.mark.parametrize("bias", [True, False])
def test_weights_go_round_torchs_cell_our_cell_and_the_layer(
    make_layer, make_cell, make_torch, bias, assert_equal
):
    original = make_torch(I, H, bias=bias)
    layer, cell, back = (m(I, H, bias=bias) for m in (make_layer, make_cell, make_torch))
    layer.load_state_dict(original.state_dict())
    cell.load_state_dict(layer.state_dict())
    back.load_state_dict(cell.state_dict())
    layer.load_state_dict(cell.state_dict())

    assert_equal(dict(back.state_dict()), dict(original.state_dict()))
    assert list(layer.state_dict()) == list(original.state_dict())
    x = torch.randn(2, 4, I)
    assert_equal(layer(x), cell(x))


@TRIPLES
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))]
)
def test_a_copy_exchanges_weights_too(make_layer, make_cell, make_torch, duplicate, assert_equal):
    original = make_layer(I, H)
    layer, cell = duplicate(original), make_cell(I, H)
    layer.load_state_dict(cell.state_dict())
    assert_equal(dict(layer.state_dict()), dict(cell.state_dict()))
    assert not torch.equal(original.state_dict()["weight_ih"], cell.weight_ih)


@TRIPLES
def test_names_hold_inside_a_larger_module(make_layer, make_cell, make_torch, assert_equal):
    ours = nn.ModuleDict({"first": make_cell(I, H), "second": make_cell(H, H)})
    torchs = nn.ModuleDict({"first": make_layer(I, H), "second": make_layer(H, H)})
    torchs.load_state_dict(ours.state_dict())
    assert_equal(dict(torchs.state_dict()), dict(ours.state_dict()))
    assert list(torchs.state_dict()) == list(ours.state_dict())


@TRIPLES
def test_loading_leaves_the_given_weights_alone_and_refuses_strangers(
    make_layer, make_cell, make_torch
):
    weights = make_cell(I, H).state_dict()
    names = list(weights)
    layer = make_layer(I, H)
    layer.load_state_dict(weights)
    assert list(weights) == names
    with pytest.raises(RuntimeError, match="weight_peephole"):
        layer.load_state_dict(weights | {"weight_peephole": torch.zeros(3, H)})


@TRIPLES
@pytest.mark.parametrize(
    "lengths",
    [[7, 40, 7, 19], [3, 1, 4, 2], [50, 48, 47, 47, 45, 20, 19, 60], [80, 1, 79]],
    ids=["stretches", "packed", "padded", "long"],
)
def test_packed_sequences_give_what_torchs_own_packed_call_gives(
    make_layer, make_cell, make_torch, lengths, assert_equal
):
    cell = make_layer(I, H).double()
    x = torch.randn(len(lengths), max(lengths), I, dtype=torch.double)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    results = []
    for outputs, final in (cell(packed), cell.layer(packed)):
        states = final if isinstance(final, tuple) else (final,)
        states = [state.squeeze(0) for state in states]
        score = outputs.data.square().sum() + sum(state.sum() for state in states)
        results.append([outputs.data, *states, *torch.autograd.grad(score, cell.parameters())])
    for ours, torchs in zip(*results, strict=True):
        assert_equal(ours, torchs)


@pytest.mark.parametrize("bias", [True, False])
def test_a_row_that_ends_in_a_padded_stretch_keeps_its_memory(bias, assert_equal):
    cell = TorchLSTM(I, H, bias=bias)
    lengths = [9, 5, 8, 2, 9]
    x = torch.randn(len(lengths), max(lengths), I, requires_grad=True)
    leaves = [torch.randn(len(lengths), H, requires_grad=True) for _ in range(2)]
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, final = cell(packed, LSTMState(*leaves))
    of = [x, *leaves, *cell.parameters()]
    found = torch.autograd.grad(final.c.exp().sum(), of)

    alone = [
        cell(x[[i], :steps], LSTMState(*(leaf[[i]] for leaf in leaves)))[1].c
        for i, steps in enumerate(lengths)
    ]
    assert_equal(final.c, torch.cat(alone))
    assert_equal(found, torch.autograd.grad(torch.cat(alone).exp().sum(), of))
