"""The gated delta rule, in both kernels, against the paper's product of matrices; its limits."""

import math

import pytest
import torch

from recurbench.cells.base import CellError
from recurbench.cells.gated_delta_net import GatedDeltaNet, GatedDeltaNetState

I, H, B, T = 3, 6, 4, 7

both = pytest.mark.parametrize("kernel", ["fused", "reference"])


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr("recurbench.cells.parts.chunks.CHUNK", 3)


def normalised(a):
    return a / torch.sqrt((a * a).sum(-1, keepdim=True) + 1e-6)


def projections(cell, x, head):
    """q, k, v, the argument of the softplus and β of a head."""
    D = H // cell.heads
    weight = cell.weight.unflatten(0, (cell.heads, -1))[head]
    q, k, v, a, b = (x @ weight.T).split([D, D, D, 1, 1], dim=-1)
    q, k, v = (e * torch.sigmoid(e) for e in (q, k, v))
    return normalised(q), normalised(k), v, a + cell.bias[head], torch.sigmoid(b)


def written_out(cell, x, S):
    """Yang et al. 2024, head after head."""
    heads, D = cell.heads, H // cell.heads
    outputs = []
    S = list(S.unbind(1))
    for x_t in x.unbind(1):
        for head in range(heads):
            q, k, v, a, beta = projections(cell, x_t, head)
            alpha = torch.exp(-torch.exp(cell.log_rate[head]) * torch.log1p(torch.exp(a)))
            kk, vk = torch.einsum("bi,bj->bij", k, k), torch.einsum("bi,bj->bij", v, k)
            kept = torch.eye(D) - beta[..., None] * kk
            S[head] = alpha[..., None] * S[head] @ kept + beta[..., None] * vk
            outputs.append(torch.einsum("bvk,bk->bv", S[head], q))
    return torch.cat(outputs, dim=1).unflatten(1, (x.shape[1], H)), torch.stack(S, dim=1)


def random_state(heads):
    return GatedDeltaNetState(torch.randn(B, heads, H // heads, H // heads, requires_grad=True))


@both
@pytest.mark.parametrize("heads", [1, 2, 6])
def test_the_cell_equals_the_written_out_loop(kernel, heads, assert_equal, gradients):
    cell = GatedDeltaNet(I, H, heads=heads, kernel=kernel)
    x = torch.randn(B, T, I, requires_grad=True)
    state = random_state(heads)
    leaves = [x, *state, *cell.parameters()]

    y, final = cell(x, state)
    expected_y, expected_S = written_out(cell, x, state.S)

    assert_equal((y, final.S), (expected_y, expected_S))
    assert_equal(gradients([y, *final], leaves), gradients([expected_y, expected_S], leaves))


def remember_all(cell, strength):
    """No decay, and a writing strength σ(strength · x₁)."""
    with torch.no_grad():
        cell.log_rate.fill_(-1000.0)
        cell.weight.unflatten(0, (cell.heads, -1))[:, -1] = torch.tensor([strength, 0.0, 0.0])


@both
def test_a_write_at_full_strength_replaces_the_answer_to_its_key_alone(kernel):
    cell = GatedDeltaNet(I, H, heads=1, kernel=kernel)
    remember_all(cell, 1000.0)
    x = torch.randn(B, 1, I)
    x[..., 0] = 1.0
    state = random_state(1)
    _, final = cell(x, state)

    _, k, v, _, _ = projections(cell, x[:, 0], head=0)
    answer = torch.einsum("bvk,bk->bv", final.S[:, 0], k)
    torch.testing.assert_close(answer, v, rtol=0, atol=1e-3)  # k · k is short of 1 by about 1e-6
    other = torch.randn(B, H)
    other = other - (other * k).sum(1, keepdim=True) / (k * k).sum(1, keepdim=True) * k
    difference = (final.S - state.S)[:, 0] @ other.unsqueeze(2)
    torch.testing.assert_close(difference, torch.zeros(B, H, 1), rtol=0, atol=1e-10)


@both
def test_without_decay_and_writing_the_memory_is_kept(kernel, assert_equal):
    cell = GatedDeltaNet(I, H, heads=2, kernel=kernel)
    remember_all(cell, -1000.0)
    x = torch.randn(B, T, I)
    x[..., 0] = 1.0
    state = random_state(2)
    assert_equal(cell(x, state)[1], state)


@both
def test_the_difference_between_two_memories_never_grows(kernel):
    cell = GatedDeltaNet(I, H, heads=2, kernel=kernel)
    remember_all(cell, 1.0)
    one, other = random_state(2), random_state(2)
    distances = [(one.S - other.S).norm(dim=(2, 3))]
    for x in torch.randn(5, B, T, I):
        (_, one), (_, other) = cell(x, one), cell(x, other)
        distances.append((one.S - other.S).norm(dim=(2, 3)))
    assert (torch.stack(distances).diff(dim=0) < 0).all()


@both
def test_inputs_of_zeros_have_finite_gradients(kernel):
    cell = GatedDeltaNet(I, H, heads=2, kernel=kernel)
    x = torch.zeros(B, T, I, requires_grad=True)
    y, _ = cell(x)
    assert not y.any()
    y.sum().backward()
    assert x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in cell.parameters())


def test_decay_starts_as_in_mamba2():
    cell = GatedDeltaNet(50, 1000, heads=500)
    rate, step = cell.log_rate.exp(), torch.nn.functional.softplus(cell.bias)
    for values, least, most in ((rate, 1, 16), (step, 0.001, 0.1)):
        assert values.min().item() == pytest.approx(least, rel=0.1)
        assert values.max().item() == pytest.approx(most, rel=0.1)
    assert rate.mean().item() == pytest.approx(8.5, rel=0.1)
    assert step.log().mean().item() == pytest.approx(math.log(0.01), rel=0.05)
    assert cell.weight.abs().max().item() == pytest.approx(1 / math.sqrt(50), rel=0.01)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
@pytest.mark.parametrize("step", [0, 1, 4])
def test_both_kernels_break_at_the_same_steps(value, step, assert_equal):
    fused, reference = (
        GatedDeltaNet(I, H, heads=2),
        GatedDeltaNet(I, H, heads=2, kernel="reference"),
    )
    reference.load_state_dict(fused.state_dict())
    x, state = torch.randn(B, T, I), random_state(2)
    x[1, step] = value
    results = [cell(x, state) for cell in (fused, reference)]
    whole = [(y[1].isfinite().all(1).tolist(), final) for y, final in results]
    assert whole[0][0] == whole[1][0]
    assert whole[0][0][:step] == [True] * step
    assert not all(whole[0][0]) or math.isfinite(value)
    others = [0, 2, 3]
    rest = [[y[others], *(leaf[others] for leaf in final)] for y, final in results]
    assert_equal(*rest)
    for leaf, expected in zip(*(final for _, final in whole), strict=True):
        assert leaf[1].isfinite().all() == expected[1].isfinite().all()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"heads": 4}, "hidden_size=6 is not a multiple of 4"),
        ({"kernel": "cuda"}, "kernel must be one of fused, reference, not cuda"),
    ],
)
def test_knobs_that_do_not_fit_are_refused(knobs, message):
    with pytest.raises(CellError, match=message):
        GatedDeltaNet(I, H, **knobs)
