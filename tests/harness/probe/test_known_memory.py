"""Measures of cells whose memory is known agree with what theory says."""

import math
from dataclasses import replace

import pytest
import torch
from known_memory import BackwardOnly, DelayLine, Forgetful, Leaky, Square

from recurbench.harness.errors import UserError
from recurbench.harness.probe import capacity, reach, spectrum
from recurbench.harness.probe.capacity import capacities, measure_capacity
from recurbench.harness.probe.card import probe
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.lyapunov import measure_lyapunov
from recurbench.harness.probe.reach import crossing, measure_reach
from recurbench.harness.probe.sensitivity import measure_sensitivity
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spectrum import measure_spectrum
from recurbench.harness.probe.units import measure_units

USUAL = Settings()
RATES = pytest.mark.parametrize("a", [0.3, 0.9, 0.99])


def rotation(size: int) -> Leaky:
    """h' = Q h + x, with Q orthogonal."""
    cell = Leaky(size, size)
    with torch.no_grad():
        cell.A.copy_(torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0])
    return cell


@RATES
def test_a_leaky_unit_has_the_reach_of_its_rate(a: float) -> None:
    found = measure_reach(Leaky(1, a=a), Drive(1, 0), USUAL)
    assert found.norms == pytest.approx([a**k for k in range(USUAL.lags + 1)], rel=1e-10)
    assert found.half_life == pytest.approx(math.log(0.5) / math.log(a), rel=1e-9)


@RATES
def test_a_leaky_unit_has_its_rate_as_eigenvalue_and_exponent(a: float) -> None:
    eigenvalues = measure_spectrum(Leaky(1, a=a), Drive(1, 0), USUAL)
    assert eigenvalues.moduli == pytest.approx([a])
    assert eigenvalues.radius.median == pytest.approx(a)
    assert eigenvalues.timescales.median == pytest.approx(-1 / math.log(a))
    found = measure_lyapunov(Leaky(1, a=a), Drive(1, 0), USUAL)
    assert found.exponents == pytest.approx([math.log(a)])
    assert found.standard_error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("a", [0.3, 0.9])
def test_a_leaky_unit_has_a_capacity_of_one_that_its_rate_spreads_over_delays(a: float) -> None:
    found = measure_capacity(Leaky(1, a=a), Drive(1, 0), USUAL).state
    expected = [a ** (2 * k) * (1 - a**2) for k in range(USUAL.delays + 1)]
    assert found.profile == pytest.approx(expected, abs=0.03)
    assert found.linear == pytest.approx(1, abs=0.05)
    assert found.quadratic == pytest.approx(0, abs=0.03)
    assert found.features == 1


@pytest.mark.parametrize("a", [0.5, 0.9])
def test_a_leaky_units_output_is_correlated_as_long_as_its_rate_says(a: float) -> None:
    found = measure_units(Leaky(1, a=a), Drive(1, 0), USUAL)
    assert found.timescales.median == pytest.approx(-1 / math.log(a), rel=0.1)
    assert found.autocorrelation[:3] == pytest.approx([1, a, a**2], abs=0.05)
    assert found.saturated is None, "it has no bound"


def test_a_linear_cell_passes_noise_on_as_it_is() -> None:
    found = measure_sensitivity(Leaky(1, a=0.9), Drive(1, 0), USUAL)
    assert found.inputs == pytest.approx(1, rel=0.1)
    assert found.weights > 0


def test_a_cell_that_knows_backward_mode_alone_has_the_same_exponents(small: Settings) -> None:
    found = measure_lyapunov(BackwardOnly(2, 2, a=0.7), Drive(2, 0), small)
    assert found == measure_lyapunov(Leaky(2, 2, a=0.7), Drive(2, 0), small)
    assert found.exponents == pytest.approx([math.log(0.7)] * 2)


def test_a_large_state_has_neither_spectrum_nor_capacity_and_few_sums_for_its_reach(
    small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (capacity, reach, spectrum):
        monkeypatch.setattr(module, "LARGEST", 2)
    monkeypatch.setattr(reach, "FEW", 2)
    found = measure_capacity(Leaky(3, 3), Drive(3, 0), small)
    assert found.state is None
    assert found.output.features == 3
    norms = measure_reach(Leaky(3, 3, a=0.5), Drive(3, 0), small).norms
    assert norms == pytest.approx([norms[0] * 0.5**k for k in range(small.lags + 1)])
    assert norms[0] != pytest.approx(math.sqrt(3))
    assert measure_spectrum(Leaky(3, 3), Drive(3, 0), small) == spectrum.Spectrum(too_large=True)
    assert measure_spectrum(Leaky(2, 2), Drive(2, 0), small).points == 2


def test_a_rotation_neither_loses_nor_magnifies() -> None:
    cell = rotation(5)
    found = measure_reach(cell, Drive(5, 0), USUAL)
    assert found.norms == pytest.approx([math.sqrt(5)] * (USUAL.lags + 1))
    assert found.half_life is None
    assert measure_spectrum(cell, Drive(5, 0), USUAL).moduli == pytest.approx([1] * 5)
    exponents = measure_lyapunov(cell, Drive(5, 0), USUAL).exponents
    assert exponents == pytest.approx([0] * 4, abs=1e-12)


def test_several_exponents_are_the_logarithms_of_several_rates() -> None:
    cell = Leaky(3, 3)
    with torch.no_grad():
        cell.A.copy_(torch.diag(torch.tensor([0.5, 0.9, 0.7])))
    found = measure_lyapunov(cell, Drive(3, 0), USUAL)
    assert found.exponents == pytest.approx([math.log(a) for a in (0.9, 0.7, 0.5)], abs=1e-3)
    assert measure_spectrum(cell, Drive(3, 0), USUAL).moduli == pytest.approx([0.9, 0.7, 0.5])


def test_a_delay_line_holds_its_last_inputs_and_nothing_else() -> None:
    cell = DelayLine(1, 8)
    norms = measure_reach(cell, Drive(1, 0), USUAL).norms
    assert norms == [1.0] * 8 + [0.0] * (USUAL.lags - 7)
    found = measure_capacity(cell, Drive(1, 0), USUAL).output
    assert found.profile[:8] == pytest.approx([1] * 8, abs=1e-9)
    assert found.profile[8:] == pytest.approx([0] * (USUAL.delays - 7), abs=0.01)
    assert found.linear == pytest.approx(8, abs=0.05)
    assert found.quadratic == pytest.approx(0, abs=0.05)
    assert measure_lyapunov(cell, Drive(1, 0), USUAL).exponents == [None] * 4


def test_a_square_is_found_among_the_quadratic_capacities() -> None:
    found = measure_capacity(Square(1), Drive(1, 0), USUAL).output
    assert found.squares == pytest.approx(1, abs=0.01)
    assert found.quadratic == pytest.approx(1, abs=0.03)
    assert found.linear == pytest.approx(0, abs=0.03)


def test_features_that_know_nothing_have_no_capacity() -> None:
    features, targets = (torch.randn(30, 40, size, dtype=torch.float64) for size in (100, 300))
    found = capacities(features, targets)
    assert -1 < found.sum() < 0.3, "100 features of 720 positions would fit 14 % of each by chance"
    assert found.abs().max() < 0.15


def test_constant_features_say_nothing() -> None:
    targets = torch.randn(5, 9, 2, dtype=torch.float64)
    assert capacities(torch.ones(5, 9, 3, dtype=torch.float64), targets).abs().max() < 0.2


def test_a_cell_that_says_nothing_has_a_card(small: Settings) -> None:
    found = probe(Forgetful(1).float(), lambda size: Forgetful(1, size), small)
    assert set(found.reach.norms) == {0.0}
    assert found.reach.half_life is None
    assert found.spectrum.moduli == [0.0]
    assert found.lyapunov.exponents == [None]
    assert found.units.silent == 1
    assert found.units.timescales is None
    assert found.sensitivity.inputs is None
    assert found.capacity.output.linear == pytest.approx(0, abs=0.2)


def test_a_cell_that_explodes_is_refused(small: Settings) -> None:
    longer = replace(small, exponent_steps=500)
    with pytest.raises(UserError, match=r"cell=leaky: its state grows beyond 1e\+60 within"):
        probe(Leaky(1, a=1.5).float(), lambda size: Leaky(1, size), longer)


def test_many_outputs_are_measured_by_random_sums(small: Settings) -> None:
    found = measure_reach(Leaky(200, 200, a=0.5), Drive(200, 0), small).norms
    assert found == pytest.approx([found[0] * 0.5**k for k in range(small.lags + 1)])
    assert found[0] == pytest.approx(math.sqrt(200), rel=0.05)


def test_the_memory_that_a_gradient_may_take_changes_no_result(
    small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure_reach(rotation(3), Drive(3, 0), small)
    monkeypatch.setattr(reach, "NUMBERS", 1)
    assert measure_reach(rotation(3), Drive(3, 0), small).norms == pytest.approx(whole.norms)


@pytest.mark.parametrize(
    ("curve", "place"),
    [
        ([1, 0.5], 1),
        ([2, 1.5, 1.2, 0.6], 2 + math.log(1.2) / math.log(2)),
        ([1, 0], 0.5),
        ([1, 0.9, 0.8], None),
        ([0, 0], None),
    ],
)
def test_where_a_curve_falls_to_half(curve: list, place: float | None) -> None:
    assert crossing(curve, 0.5) == pytest.approx(place)
