"""A value of an option is written so that Hydra reads it back, with as few quotes as that takes."""

from dataclasses import make_dataclass
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from recurbench.harness.console import as_override

tried = settings(deadline=None, derandomize=True, database=None)
"""The same examples every time, however busy the machine is."""

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1),
    st.text("aeinftrulN01_-+.:/'\\ ", min_size=1),
)


def read_back(held: Any, written: str) -> Any:
    """What an option of a type comes to when the command line says it so."""
    (override,) = OverridesParser.create().parse_overrides([f"option={written}"])
    section = OmegaConf.structured(make_dataclass("Section", [("option", held, None)]))
    section.option = override.value()
    return OmegaConf.to_container(section)["option"]


@tried
@given(TEXTS)
@example("true")
@example("1e3")
@example("don't")
@example("ends in a backslash\\")
@example("a\\'b")
@example("für_ü")
@example("12:30")
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert read_back(str | None, as_override(text)) == text


@tried
@given(st.lists(TEXTS))
def test_any_list_of_texts_comes_back_as_it_was(texts: list[str]) -> None:
    assert read_back(list[str] | None, as_override(texts)) == texts


@tried
@given(st.floats(allow_nan=False))
def test_any_number_comes_back_as_it_was(number: float) -> None:
    assert read_back(float | None, as_override(number)) == number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (16, "16"),
        (0.5, "0.5"),
        ([1, 2], "[1,2]"),
        ([], "[]"),
        ("window", "window"),
        ("data/my-file.csv", "data/my-file.csv"),
        ("32", "32"),
        ("2.13.0", "2.13.0"),
        ("false", "'false'"),
        ("1e3", "'1e3'"),
        ("", "''"),
        ("two words", "'two words'"),
        (["a", "b c"], "[a,'b c']"),
    ],
)
def test_quotes_stand_where_they_are_needed_alone(value: Any, written: str) -> None:
    assert as_override(value) == written
