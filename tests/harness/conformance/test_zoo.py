"""Every built-in cell, with every interesting knob, keeps what every cell promises."""

import pytest
from variants import CELLS as VARIANTS

from recurbench.harness.conformance import PROPERTIES, examine
from recurbench.harness.plugins.registry import registry

CASES = [
    pytest.param(plugin.cls, knobs, id="-".join([name, *(f"{k}={v}" for k, v in knobs.items())]))
    for name, plugin in registry().plugins["cell"].items()
    for knobs in [{}, *VARIANTS.get(name, [])]
]


def test_the_zoo_is_large_and_whole():
    assert not registry().broken
    assert len(registry().plugins["cell"]) >= 20


def test_every_variant_is_of_a_cell_that_there_is():
    assert set(VARIANTS) <= set(registry().plugins["cell"])


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(("cls", "knobs"), CASES)
def test_conformance(cls, knobs, name):
    (finding,) = examine(cls, knobs, [name])
    assert finding.status != "fails", finding.report
    if finding.status == "does not apply":
        assert name == "fast_path"


@pytest.mark.parametrize(("cls", "knobs"), CASES)
def test_every_cell_says_what_the_list_shows(cls, knobs):
    assert 1950 < cls.year < 2100
    assert cls.family in {
        "control", "simple", "gated", "orthogonal", "linear", "memory", "attention",
    }  # fmt: skip
    assert cls.gates >= 0
