"""Each property catches a cell that breaks it and nothing else."""

import broken_cells
import broken_numbers  # noqa: F401 - its cells register themselves
import pytest
import sound_cells

from recurbench.harness.conformance import PROPERTIES, ConformanceError, check_cell, examine


def failing(cls):
    return {finding.name for finding in examine(cls, {}) if finding.status == "fails"}


def test_the_cell_that_the_others_break_is_sound():
    check_cell(sound_cells.Sound)


@pytest.mark.parametrize(
    ("cls", "expected"),
    sound_cells.BROKEN.items(),
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_cell_fails_just_the_properties_that_it_breaks(cls, expected):
    assert failing(cls) == expected


@pytest.mark.parametrize("name", PROPERTIES)
def test_each_property_alone_catches_some_cell(name):
    assert {name} in sound_cells.BROKEN.values()


def test_the_report_says_what_was_seen_what_was_expected_and_why():
    with pytest.raises(ConformanceError, match=r"seen: the gradient of gain is zero") as error:
        check_cell(broken_cells.UnusedParameter)
    assert "expected: every parameter takes part" in str(error.value)
    assert "usual cause: a parameter that is not used" in str(error.value)
