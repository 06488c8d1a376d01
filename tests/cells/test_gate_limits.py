"""Gates forced to 0 or 1 turn a gated cell into a simpler one, or into a plain memory."""

from functools import partial

import pytest
import torch

from recurbench.cells.gru import GRU
from recurbench.cells.gru_blended_reset import GRUBlendedReset
from recurbench.cells.lem import LEM
from recurbench.cells.ligru import LiGRU
from recurbench.cells.lstm import LSTM
from recurbench.cells.mgu import MGU
from recurbench.cells.rnn import RNN

I, H, B, T = 3, 5, 4, 6

GRUS = [
    pytest.param(GRU, id="reset_after"),
    pytest.param(partial(GRU, reset_after=False), id="reset_before"),
]


def force(cell, rows, **gates):
    """The cell, some of its gates 0 or 1 whatever it sees; `rows` is the order of its gates."""
    with torch.no_grad():
        bias = cell.b if isinstance(cell, LiGRU) else cell.bias_ih
        parts = dict(zip(rows, bias.split(H), strict=True))
        for gate, value in gates.items():
            parts[gate].fill_(1000 if value else -1000)
    return cell


def candidate(cell):
    """The RNN that has the weights of a cell's candidate, which are its last rows."""
    rnn = RNN(I, H)
    rnn.load_state_dict({name: value[-H:] for name, value in cell.state_dict().items()})
    return rnn


def random_state(cell):
    leaves = cell.initial_state(B)
    return type(leaves)(*(torch.randn_like(leaf) for leaf in leaves))


@pytest.mark.parametrize(
    ("make_cell", "rows", "gates", "kept"),
    [
        pytest.param(GRU, "rzn", {"z": 1}, "h", id="gru-reset_after"),
        pytest.param(partial(GRU, reset_after=False), "rzn", {"z": 1}, "h", id="gru-reset_before"),
        pytest.param(GRUBlendedReset, "szn", {"z": 0}, "h", id="gru_blended_reset"),
        pytest.param(MGU, "fn", {"f": 0}, "h", id="mgu"),
        pytest.param(LiGRU, "zn", {"z": 1}, "h", id="ligru"),
        pytest.param(LEM, "dezy", {"d": 0, "e": 0}, "yz", id="lem"),
        pytest.param(LSTM, "ifgo", {"i": 0, "f": 1}, "c", id="lstm"),
        pytest.param(
            partial(LSTM, peepholes=True), "ifgo", {"i": 0, "f": 1}, "c", id="lstm-peepholes"
        ),
        pytest.param(partial(LSTM, coupled=True), "fgo", {"f": 1}, "c", id="lstm-coupled"),
        pytest.param(partial(LSTM, forget=False), "igo", {"i": 0}, "c", id="lstm-no_forget"),
    ],
)
def test_gates_that_keep_leave_the_memory_as_it_is(make_cell, rows, gates, kept, assert_equal):
    cell = force(make_cell(I, H), rows, **gates)
    state = random_state(cell)
    _, final = cell(torch.randn(B, T, I), state)
    for leaf in kept:
        assert_equal(getattr(final, leaf), getattr(state, leaf))


@pytest.mark.parametrize(
    ("make_cell", "rows", "gates"),
    [
        pytest.param(GRU, "rzn", {"r": 1, "z": 0}, id="gru-reset_after"),
        pytest.param(
            partial(GRU, reset_after=False), "rzn", {"r": 1, "z": 0}, id="gru-reset_before"
        ),
        pytest.param(GRUBlendedReset, "szn", {"s": 0, "z": 1}, id="gru_blended_reset"),
        pytest.param(MGU, "fn", {"f": 1}, id="mgu"),
    ],
)
def test_gates_that_replace_and_do_not_reset_leave_the_candidate_a_plain_rnn(
    make_cell, rows, gates, assert_equal, gradients
):
    cell = force(make_cell(I, H), rows, **gates)
    rnn = candidate(cell)
    x = torch.randn(B, T, I, requires_grad=True)
    state = random_state(cell)
    y, _ = cell(x, state)
    expected, _ = rnn(x, rnn.initial_state(B)._replace(h=state.h))
    assert_equal(y, expected)
    assert_equal(gradients([y], [x]), gradients([expected], [x]))


def test_a_light_gru_that_replaces_is_a_rectified_rnn(assert_equal):
    cell = force(LiGRU(I, H, normalise=False), "zn", z=0)
    rnn = RNN(I, H, nonlinearity="relu", bias=False)
    with torch.no_grad():
        rnn.weight_ih.copy_(cell.W[H:])
        rnn.weight_hh.copy_(cell.U[H:])
    x = torch.randn(B, T, I)
    state = random_state(cell)
    assert_equal(cell(x, state), rnn(x, state))


@pytest.mark.parametrize("make_cell", GRUS)
def test_a_gru_that_replaces_and_resets_sees_the_input_alone(make_cell, assert_equal):
    cell = force(make_cell(I, H), "rzn", r=0, z=0)
    x = torch.randn(B, T, I)
    b_n = cell.bias_ih[-H:] if cell.reset_after else (cell.bias_ih + cell.bias_hh)[-H:]
    y, _ = cell(x, random_state(cell))
    assert_equal(y, torch.tanh(x @ cell.weight_ih[-H:].T + b_n))


def test_an_lstm_without_a_forget_gate_adds_up_what_it_lets_in(assert_equal):
    cell = force(LSTM(I, H, forget=False), "igo", i=1, g=1)
    state = random_state(cell)
    _, final = cell(torch.randn(B, T, I), state)
    assert_equal(final.c, state.c + T)
