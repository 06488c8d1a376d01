"""The cells that scan: their equations as plain loops, and where they start."""

import math

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.lru import LRU
from recurbench.cells.min_gru import MinGRU
from recurbench.cells.min_lstm import MinLSTM
from recurbench.cells.rg_lru import RGLRU
from recurbench.cells.s5 import S5, hippo_normal

I, H, B, T = 3, 6, 2, 4096


def positive(v):
    return torch.where(v >= 0, v + 0.5, torch.sigmoid(v))


def min_gru(cell, x, h):
    W_z, W_n = cell.input.weight.chunk(2)
    b_z, b_n = cell.input.bias.chunk(2)
    squash = positive if cell.candidate == "positive" else lambda v: v
    outputs = []
    for x_t in x.unbind(1):
        z = torch.sigmoid(x_t @ W_z.T + b_z)
        h = (1 - z) * h + z * squash(x_t @ W_n.T + b_n)
        outputs.append(h)
    return torch.stack(outputs, 1)


def min_lstm(cell, x, h):
    W_f, W_i, W_n = cell.input.weight.chunk(3)
    b_f, b_i, b_n = cell.input.bias.chunk(3)
    squash = positive if cell.candidate == "positive" else lambda v: v
    outputs = []
    for x_t in x.unbind(1):
        f = torch.sigmoid(x_t @ W_f.T + b_f)
        i = torch.sigmoid(x_t @ W_i.T + b_i)
        h = f / (f + i) * h + i / (f + i) * squash(x_t @ W_n.T + b_n)
        outputs.append(h)
    return torch.stack(outputs, 1)


def rg_lru(cell, x, h):
    W_v, W_r, W_i = cell.input.weight.chunk(3)
    b_v, b_r, b_i = cell.input.bias.chunk(3)
    outputs = []
    for x_t in x.unbind(1):
        r = torch.sigmoid(x_t @ W_r.T + b_r)
        i = torch.sigmoid(x_t @ W_i.T + b_i)
        a = torch.sigmoid(cell.decay) ** (8 * r)
        h = a * h + torch.sqrt(1 - a**2) * (i * (x_t @ W_v.T + b_v))
        outputs.append(h)
    return torch.stack(outputs, 1)


def lru(cell, x, h):
    B_re, B_im, D = cell.input.weight.chunk(3)
    C_re, C_im_negative = cell.output.weight[:, ::2], cell.output.weight[:, 1::2]
    B_, C = torch.complex(B_re, B_im), torch.complex(C_re, -C_im_negative)
    lam = torch.exp(torch.complex(-cell.log_decay.exp(), cell.log_phase.exp()))
    outputs = []
    for x_t in x.unbind(1):
        h = lam * h + cell.log_scale.exp() * (x_t.to(B_.dtype) @ B_.T)
        outputs.append((h @ C.T).real + x_t @ D.T)
    return torch.stack(outputs, 1)


def s5(cell, x, h):
    P = cell.hidden_size // 2
    B_re, B_im, D = cell.input.weight.split([P, P, cell.hidden_size])
    C_re, C_im_negative = cell.output.weight[:, ::2], cell.output.weight[:, 1::2]
    B_, C = torch.complex(B_re, B_im), torch.complex(C_re, -C_im_negative) / 2
    lam = torch.complex(-cell.log_decay.exp(), cell.frequency)
    a = torch.exp(lam * cell.log_step.exp())
    outputs = []
    for x_t in x.unbind(1):
        h = a * h + (a - 1) / lam * (x_t.to(B_.dtype) @ B_.T)
        outputs.append(2 * (h @ C.T).real + x_t @ D.T)
    return torch.stack(outputs, 1)


def extreme(cell):
    """Forces decays over the whole range from 1e-6 to 1 - 1e-6 where a cell's parameters can."""
    rates = torch.tensor([1e-6, 1e-3, 0.1, 0.5, 0.999, 1 - 1e-6])
    with torch.no_grad():
        if isinstance(cell, MinGRU | MinLSTM):
            cell.input.bias[:H] = torch.logit(rates) * (-1 if isinstance(cell, MinGRU) else 1)
            cell.input.weight[: 2 * H].mul_(0.1)
        elif isinstance(cell, RGLRU):
            cell.decay.copy_(torch.logit(rates ** (1 / 8)))
        elif isinstance(cell, LRU):
            cell.log_decay.copy_(torch.log(-torch.log(rates)))
        else:
            decays = torch.tensor([1e-6, 0.3, 1 - 1e-6])
            cell.log_decay.copy_(torch.log(-torch.log(decays)))
            cell.log_step.zero_()
    return cell


CASES = [
    pytest.param(MinGRU, {}, min_gru, id="min_gru"),
    pytest.param(MinGRU, {"candidate": "positive"}, min_gru, id="min_gru-positive"),
    pytest.param(MinLSTM, {}, min_lstm, id="min_lstm"),
    pytest.param(MinLSTM, {"candidate": "positive"}, min_lstm, id="min_lstm-positive"),
    pytest.param(RGLRU, {}, rg_lru, id="rg_lru"),
    pytest.param(LRU, {}, lru, id="lru"),
    pytest.param(S5, {}, s5, id="s5"),
]


def started(cell):
    state = type(cell.initial_state(B))(*(torch.randn_like(leaf) for leaf in cell.initial_state(B)))
    h = torch.complex(*state) if len(state) == 2 else state.h
    return state, h


@pytest.mark.parametrize(("cls", "knobs", "reference"), CASES)
def test_the_scan_is_the_written_out_loop(cls, knobs, reference, assert_equal, gradients):
    cell, x = cls(I, H, **knobs), torch.randn(B, 9, I, requires_grad=True)
    state, h = started(cell)
    leaves = [x, *cell.parameters()]
    y, _ = cell(x, state)
    expected = reference(cell, x, h)
    assert_equal(y, expected)
    assert_equal(gradients([y], leaves), gradients([expected], leaves))


@pytest.mark.parametrize(("cls", "knobs", "reference"), CASES)
@torch.no_grad()
def test_it_stays_so_over_long_sequences_with_extreme_decays(cls, knobs, reference):
    cell, x = extreme(cls(I, H, **knobs)), torch.randn(B, T, I)
    state, h = started(cell)
    expected = reference(cell, x, h)
    y, _ = cell(x, state)
    assert (y - expected).abs().max() <= 1e-6 * (1 + expected.abs().max())


def test_the_lru_starts_on_its_ring():
    cell = LRU(I, 2000, r_min=0.5, r_max=0.9, max_phase=1.0)
    radius = torch.exp(-cell.log_decay.exp())
    assert 0.5 <= radius.min() < 0.51
    assert 0.89 < radius.max() <= 0.9
    # Uniform on the ring's area: the square of the radius is uniform.
    assert radius.square().mean().item() == pytest.approx((0.25 + 0.81) / 2, rel=0.03)
    assert cell.log_phase.exp().min() >= 0
    assert 0.99 < cell.log_phase.exp().max() <= 1
    torch.testing.assert_close(cell.log_scale.exp(), torch.sqrt(1 - radius**2))
    assert cell.input.weight[:4000].std().item() == pytest.approx(1 / math.sqrt(2 * I), rel=0.05)
    assert cell.output.weight.std().item() == pytest.approx(1 / math.sqrt(2000), rel=0.05)


@pytest.mark.parametrize("knobs", [{"r_min": 0.0, "r_max": 1.0}, {"r_min": 0.999, "r_max": 1.0}])
def test_the_whole_disc_is_a_ring_too(knobs):
    assert all(p.isfinite().all() for p in LRU(I, 500, **knobs).parameters())


def test_the_rg_lru_starts_with_the_papers_decays():
    cell = RGLRU(I, 2000)
    decay = torch.sigmoid(cell.decay) ** 8
    assert 0.9 <= decay.min() < 0.901
    assert 0.998 < decay.max() <= 0.999
    assert decay.mean().item() == pytest.approx(0.9495, abs=0.002)


def test_the_rg_lru_has_a_gradient_where_it_keeps_everything():
    cell = RGLRU(I, H)
    with torch.no_grad():
        cell.input.bias[H : 2 * H] = -1000.0  # r = 0, so a = 1
    y, _ = cell(torch.randn(B, 5, I))
    y.sum().backward()
    assert all(p.grad.isfinite().all() for p in cell.parameters())


def test_hippo_is_diagonalised(assert_equal):
    size = 8
    frequency, vectors = hippo_normal(size)
    p = torch.sqrt(2 * torch.arange(size) + 1.0)
    A = -torch.outer(p, p).tril(-1) - torch.diag(torch.arange(size) + 1.0)  # HiPPO-LegS
    normal = (A + torch.outer(p, p) / 2).to(vectors.dtype)  # its low-rank part taken away
    assert (frequency > 0).all()
    assert_equal(normal @ vectors, vectors * torch.complex(torch.full((4,), -0.5), frequency))


def test_the_s5_starts_as_hippo_with_time_steps_in_their_range():
    cell = S5(I, 400)
    assert (cell.log_decay.exp() - 0.5).abs().max() < 1e-12
    assert 0.001 <= cell.log_step.exp().min() < 0.0012
    assert 0.09 < cell.log_step.exp().max() <= 0.1


def test_the_forget_bias_of_the_min_lstm_moves_its_gate():
    torch.manual_seed(0)
    plain = MinLSTM(I, H)
    torch.manual_seed(0)
    moved = MinLSTM(I, H, forget_bias=2.0)
    difference = moved.input.bias - plain.input.bias
    assert difference.tolist() == pytest.approx([2.0] * H + [0.0] * 2 * H)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LRU(I, H, r_min=0.9, r_max=0.5), "r_min=0.9 must be below r_max=0.5"),
        (lambda: LRU(I, H, max_phase=0.0), "max_phase must be above 0"),
        (lambda: S5(I, H, dt_min=0.0), "dt_min must be above 0"),
        (lambda: S5(I, 5), "not a multiple of 2"),
        (
            lambda: MinGRU(I, H, candidate="log"),
            "candidate must be one of linear, positive, not log",
        ),
        (
            lambda: MinLSTM(I, H, kernel="slow"),
            "kernel must be one of auto, reference, fused, native, not slow",
        ),
    ],
)
def test_a_knob_out_of_range_is_refused(make, message):
    with pytest.raises(CellError, match=message):
        make()
