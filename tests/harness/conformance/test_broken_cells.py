"""Each property catches a cell that breaks it and nothing else."""

import importlib.util
import sys
from pathlib import Path

import pytest

from recurbench.harness.conformance import PROPERTIES, ConformanceError, check_cell, examine

spec = importlib.util.spec_from_file_location(
    "conformance_broken_cells", Path(__file__).with_name("broken.py")
)
broken = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = broken  # pickle looks classes up there
spec.loader.exec_module(broken)


def failing(cls):
    return {finding.name for finding in examine(cls, {}) if finding.status == "fails"}


def test_the_cell_that_the_others_break_is_sound():
    check_cell(broken.Sound)


@pytest.mark.parametrize(
    ("cls", "expected"), broken.BROKEN.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_broken_cell_fails_just_the_properties_that_it_breaks(cls, expected):
    assert failing(cls) == expected


@pytest.mark.parametrize("name", PROPERTIES)
def test_each_property_alone_catches_some_cell(name):
    assert {name} in broken.BROKEN.values()


def test_the_report_says_what_was_seen_what_was_expected_and_why():
    with pytest.raises(ConformanceError, match=r"seen: the gradient of gain is zero") as error:
        check_cell(broken.UnusedParameter)
    assert "expected: every parameter takes part" in str(error.value)
    assert "usual cause: a parameter that is not used" in str(error.value)
