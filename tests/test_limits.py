"""A limit in an annotation holds, and the message says what would be right."""

import math
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt

from recurbench.limits import GoesWith, complaint, limited, limits_as_text, misplaced

SHARE = Annotated[float, Ge(0), Lt(1)]


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (Annotated[int, Ge(1)], 0, "x must be at least 1, not 0"),
        (Annotated[float, Gt(0)], 0.0, "x must be above 0, not 0.0"),
        (Annotated[int, Le(3)], 4, "x must be at most 3, not 4"),
        (SHARE, 1.0, "x must be below 1, not 1.0"),
        (SHARE, -0.5, "x must be at least 0, not -0.5"),
        (SHARE | None, 2.0, "x must be below 1, not 2.0"),
        (Annotated[int | None, Ge(1)], 0, "x must be at least 1, not 0"),
        (list[Annotated[int, Ge(1)]], [3, 0], "x must be at least 1, not 0"),
        (float, math.nan, "x must be finite, not nan"),
        (list[float], [1.0, math.inf], "x must be finite, not inf"),
        (Annotated[int, Ge(1)], "many", "x must be at least 1, not many"),
        (
            Literal["mean", "last"],
            "man",
            "x must be one of mean, last, not man; did you mean mean?",
        ),
        (Literal["mean", "last"], "qqq", "x must be one of mean, last, not qqq"),
    ],
)
def test_a_value_beyond_its_limit_is_complained_about(annotation, value, said):
    assert complaint("x", value, annotation) == said


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Annotated[int, Ge(1)], 1),
        (SHARE, 0.0),
        (SHARE | None, None),
        (Annotated[int | None, Ge(1)], None),
        (list[Annotated[int, Ge(1)]], []),
        (Literal["mean", "last"], "last"),
        (Annotated[int, "a note"], -1),
        (str, "any"),
    ],
)
def test_a_value_within_its_limits_passes(annotation, value):
    assert complaint("x", value, annotation) is None


class Walk:
    """A class whose constructor is limited."""

    @limited(KeyError)
    def __init__(self, steps: Annotated[int, Ge(1)], *, width: SHARE = 0.5) -> None:
        self.steps, self.width = steps, width


def test_a_limited_constructor_constructs():
    assert (Walk(3).steps, Walk(steps=1, width=0.25).width) == (3, 0.25)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"steps": 1, "width": 1.5}, "width must be below 1, not 1.5"),
    ],
)
def test_a_limited_constructor_refuses_by_the_given_error(arguments, said):
    with pytest.raises(KeyError, match=said):
        Walk(**arguments)


def test_a_limited_constructor_still_refuses_unknown_arguments():
    with pytest.raises(TypeError, match="height"):
        Walk(3, height=2)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, ""),
        (SHARE, "at least 0, below 1"),
        (Annotated[int, Ge(1)] | None, "at least 1"),
        (list[Annotated[float, Gt(0)]], "above 0"),
    ],
)
def test_limits_are_said_in_a_list_of_options(annotation, text):
    assert limits_as_text(annotation) == text


class Song:
    """A class some of whose options need others."""

    @limited(KeyError)
    def __init__(
        self,
        kind: str = "air",
        *,
        loud: bool = True,
        words: Annotated[int, Ge(1), GoesWith(kind=("air", "round"), loud=True)] = 3,
    ) -> None:
        self.words = words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"kind": "jig", "words": 4},
            "words=4 has no effect with kind=jig; it goes with kind=air or round",
        ),
        (
            {"loud": False, "words": 4},
            "words=4 has no effect with loud=false; it goes with loud=true",
        ),
        ({"kind": "jig", "words": 0}, "words must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_an_option_that_its_others_leave_without_effect_is_refused(options, said):
    with pytest.raises(KeyError, match=said):
        Song(**options)


@pytest.mark.parametrize(
    "options", [{}, {"words": 4}, {"kind": "round", "words": 4}, {"kind": "jig", "words": 3}]
)
def test_an_option_with_an_effect_or_at_its_default_passes(options):
    assert Song(**options).words == options.get("words", 3)


def test_what_an_option_goes_with_is_written_beside_its_limits():
    annotation = Annotated[int, Ge(2), GoesWith(kind="air", loud=True)]
    assert limits_as_text(annotation) == "at least 2, with kind=air, with loud=true"


def test_each_option_without_effect_is_named_once():
    rule = GoesWith(kind="air", loud=True)
    values = {"kind": "jig", "loud": False, "a": 1, "b": 2, "c": 0}
    annotations = dict.fromkeys("abc", Annotated[int, rule])
    defaults = {**dict.fromkeys("abc", 0), "kind": "air", "loud": True}
    found = misplaced(values, annotations, defaults, "x.")
    assert list(found) == ["a", "b"]
    assert found["a"] == "x.a=1 has no effect with x.kind=jig; it goes with kind=air"
