"""The scan equals a plain loop, whatever the decays, the layout and the dtype."""

import pytest
import torch

from recurbench.cells.parts.scan import WIDE, linear_scan

M = 4
LAYOUTS = [[3] * 9, [2] * 8, [3], [5, 5, 4, 2, 2, 1, 1], [4, 1], [4, 4, 4, 3, 3, 3, 3, 1]]
DTYPES = [torch.float64, torch.complex128]


def loop(a, b, batch_sizes, start):
    """Step after step, rows that have ended left out."""
    h, outputs = start, []
    for a_t, b_t in zip(a.split(batch_sizes), b.split(batch_sizes), strict=True):
        h = a_t * h[: len(a_t)] + b_t
        outputs.append(h)
    last = [[h[i] for h in outputs if len(h) > i][-1] for i in range(batch_sizes[0])]
    return torch.cat(outputs), torch.stack(last)


def random(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_sizes", LAYOUTS, ids=str)
@pytest.mark.parametrize("used", ["states", "final", "both"])
def test_values_and_gradients_are_those_of_a_loop(batch_sizes, dtype, used, assert_equal):
    N, B = sum(batch_sizes), batch_sizes[0]
    given = [random(n, M, dtype=dtype) for n in (N, N, B)]
    weights = torch.randn(N, M, dtype=dtype) * (used != "final")
    final_weights = torch.randn(B, M, dtype=dtype) * (used != "states")

    def run(function):
        a, b, start = given
        h, final = function(a, b, batch_sizes, start)
        terms = {"states": (h * weights), "final": (final * final_weights)}
        chosen = terms.values() if used == "both" else [terms[used]]
        loss = sum(term.abs().square().sum() for term in chosen)
        return (h, final), torch.autograd.grad(loss, given)

    assert_equal(run(linear_scan), run(loop))


@pytest.mark.parametrize("width", [3, WIDE])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("batch_sizes", [[2] * 9, [3] * 5 + [2] * 4], ids=str)
def test_a_broken_step_breaks_none_before_it_and_no_other_row(batch_sizes, value, width):
    N, B = sum(batch_sizes), batch_sizes[0]
    a, b, start = torch.rand(N, width), torch.randn(N, width), torch.randn(B, width)
    h, final = linear_scan(a, b, batch_sizes, start)
    place = sum(batch_sizes[:4]) + 1
    b[place] = value
    broken, broken_final = linear_scan(a, b, batch_sizes, start)
    after = [sum(batch_sizes[:t]) + 1 for t in range(4, 9)]
    kept = [i for i in range(N) if i not in after]
    assert torch.equal(broken[kept], h[kept])
    assert not broken[after].isfinite().any()
    assert torch.equal(broken_final[[0]], final[[0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_decays_that_are_the_same_at_all_steps_may_be_expanded(dtype, assert_equal):
    a, b, start = random(M, dtype=dtype), random(6, M, dtype=dtype), random(2, M, dtype=dtype)
    expanded = a.expand(6, M)
    assert_equal(linear_scan(expanded, b, [2] * 3, start), loop(expanded, b, [2] * 3, start))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "batch_sizes", [[3] * 61, [1] * 5, [9] * 20 + [5] * 17 + [4, 2, 2, 1]], ids=lambda s: len(s)
)
@pytest.mark.parametrize("width", [WIDE - 1, WIDE + 3])
def test_steps_of_any_width_may_be_many(width, batch_sizes, dtype, assert_equal):
    N, columns = sum(batch_sizes), width * len(batch_sizes) // sum(batch_sizes) + 1
    given = [random(n, columns, dtype=dtype) for n in (N, N, batch_sizes[0])]
    given[0] = (0.5 * given[0]).detach().requires_grad_()

    def run(function):
        h, final = function(given[0], given[1], batch_sizes, given[2])
        loss = h.abs().square().sum() + final.abs().sum()
        return (h, final), torch.autograd.grad(loss, given)

    assert_equal(run(linear_scan), run(loop))


DECAYS = {
    "1e-6": torch.full((8,), 1e-6),
    "1 - 1e-6": torch.full((8,), 1 - 1e-6),
    "of all sizes": torch.tensor([1e-6, 1e-4, 0.01, 0.3, 0.7, 0.99, 1 - 1e-4, 1 - 1e-6]),
    "changing": torch.linspace(-13.8, 13.8, 4096 * 3).sigmoid().flip(0).reshape(-1, 1),
    "negative": torch.tensor([-1e-6, -0.5, -0.99, -1 + 1e-6, 0.0, 1.0, -1.0, 0.5]),
}


@pytest.mark.parametrize("phase", [0.0, 2.0], ids=["real", "complex"])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str
)
@pytest.mark.parametrize("decays", DECAYS.values(), ids=DECAYS)
def test_long_sequences_are_exact_for_all_decays(decays, dtype, tolerance, phase):
    rows, steps = 3, 4096
    a = decays.expand(rows * steps, 8).to(dtype)
    b = (1 - a.abs()).clamp(min=1e-6) * torch.randn(rows * steps, 8, dtype=dtype)  # h of order 1
    if phase:
        a = torch.polar(a.abs(), torch.full_like(a, phase))
    start = torch.randn(rows, 8, dtype=a.dtype)
    wide = torch.complex128 if phase else torch.float64
    expected, _ = loop(a.to(wide), b.to(wide), [rows] * steps, start.to(wide))
    found, _ = linear_scan(a, b.to(a.dtype), [rows] * steps, start)
    assert (found - expected).abs().max() <= tolerance * (1 + expected.abs().max())


def test_what_is_not_a_number_stays_in_its_row_and_after_its_step(assert_equal):
    batch_sizes = [3, 3, 3, 2, 1]
    a, b, start = torch.rand(12, M), torch.randn(12, M), torch.randn(3, M)
    expected, _ = linear_scan(a, b, batch_sizes, start)
    b = b.clone()
    b[4] = torch.nan  # step 1 of row 1
    found, final = linear_scan(a, b, batch_sizes, start)
    lost = [4, 7, 10]  # this row from here on
    kept = [i for i in range(12) if i not in lost]
    assert found[lost].isnan().all()
    assert final.isnan().all(1).tolist() == [False, True, False]
    assert_equal(found[kept], expected[kept])
