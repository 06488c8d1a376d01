"""What `nn.LSTM` cannot check of the LSTM: peepholes, coupled gates and no forget gate."""

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.lstm import LSTM, LSTMState

I, H, B, T = 3, 5, 4, 6

FORMS = pytest.mark.parametrize(
    "form", [{}, {"coupled": True}, {"forget": False}], ids=["full", "coupled", "no_forget"]
)


def written_out(cell, x, h, c):
    """Gers & Schmidhuber 2000 with tanh, gate by gate, less the gate that is taken away."""
    names = "fgo" if cell.coupled else "ifgo" if cell.forget else "igo"
    rows = len(names)
    bias = torch.zeros(rows * H) if cell.bias_ih is None else cell.bias_ih + cell.bias_hh
    W = dict(zip(names, cell.weight_ih.chunk(rows), strict=True))
    U = dict(zip(names, cell.weight_hh.chunk(rows), strict=True))
    b = dict(zip(names, bias.chunk(rows), strict=True))
    P = {}
    if cell.weight_peephole is not None:
        P = dict(zip(names.replace("g", ""), map(torch.diag, cell.weight_peephole), strict=True))

    def gate(name, x_t, h, c):
        seen = c @ P[name] if name in P else 0
        return torch.sigmoid(x_t @ W[name].T + h @ U[name].T + seen + b[name])

    outputs = []
    for x_t in x.unbind(1):
        f = gate("f", x_t, h, c) if cell.forget else 1
        i = 1 - f if cell.coupled else gate("i", x_t, h, c)
        g = torch.tanh(x_t @ W["g"].T + h @ U["g"].T + b["g"])
        c = f * c + i * g
        h = gate("o", x_t, h, c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), LSTMState(h, c)


@FORMS
@pytest.mark.parametrize("peepholes", [True, False], ids=["peepholes", "no_peepholes"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_the_cell_equals_the_written_out_loop(form, peepholes, bias, assert_equal, gradients):
    cell = LSTM(I, H, peepholes=peepholes, bias=bias, **form)
    x = torch.randn(B, T, I, requires_grad=True)
    state = LSTMState(*torch.randn(2, B, H, requires_grad=True).unbind())
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_final = written_out(cell, x, *state)

    assert_equal((y, *final), (expected_y, *expected_final))
    assert_equal(gradients([y, *final], leaves), gradients([expected_y, *expected_final], leaves))


@FORMS
def test_zero_peepholes_are_no_peepholes(form, assert_equal):
    plain, peephole = LSTM(I, H, **form), LSTM(I, H, peepholes=True, **form)
    zeros = torch.zeros_like(peephole.weight_peephole)
    peephole.load_state_dict(plain.state_dict() | {"weight_peephole": zeros})
    x = torch.randn(B, T, I)
    assert_equal(peephole(x), plain(x))


@pytest.mark.parametrize("form", [{"coupled": True}, {"forget": False}])
def test_a_gate_that_is_taken_away_has_no_parameters(form):
    cell = LSTM(I, H, peepholes=True, **form)
    shapes = {name: tuple(value.shape) for name, value in cell.state_dict().items()}
    assert shapes == {
        "weight_ih": (3 * H, I),
        "weight_hh": (3 * H, H),
        "bias_ih": (3 * H,),
        "bias_hh": (3 * H,),
        "weight_peephole": (2, H),
    }


def test_coupled_gates_are_a_full_lstm_whose_input_gate_is_the_forget_gate_negated(assert_equal):
    coupled, full = LSTM(I, H, coupled=True), LSTM(I, H)
    with torch.no_grad():
        for ours, theirs in zip(coupled.parameters(), full.parameters(), strict=True):
            theirs.copy_(torch.cat((-ours[:H], ours)))  # 1 - σ(a) = σ(-a)
    x = torch.randn(B, T, I)
    assert_equal(coupled(x), full(x))


def test_forget_bias_moves_only_the_forget_gate_of_coupled_gates(assert_equal):
    torch.manual_seed(3)
    plain = LSTM(I, H, coupled=True, forget_bias=0).state_dict()
    torch.manual_seed(3)
    moved = LSTM(I, H, coupled=True).state_dict()
    plain["bias_ih"][:H] += 1
    assert_equal(dict(moved), dict(plain))


@pytest.mark.parametrize("without", ["forget", "bias"])
def test_forget_bias_is_refused_where_there_is_none(without):
    with pytest.raises(CellError, match=f"no effect with {without}=false; it goes with"):
        LSTM(I, H, forget_bias=7, **{without: False})


def test_coupled_gates_without_a_forget_gate_are_refused():
    with pytest.raises(CellError, match="coupled=True needs the forget gate"):
        LSTM(I, H, coupled=True, forget=False)
