"""A limit in an annotation holds, and the message says what would be right."""

import math
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt

from recurbench.limits import complaint, limited, limits_as_text

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
