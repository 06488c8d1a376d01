"""Limits of options and knobs, read from their annotations.

`delay: Annotated[int, Ge(1)] = 15` in a section of the configuration, or in the constructor of a
cell or task, is all that there is to write: the same code reads both. So does it with
`alphabet: Annotated[int, GoesWith(rule="first_symbol")] = 8`, an option that some others need.
"""

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from operator import ge, gt, le, lt
from typing import Any, ParamSpec, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

P = ParamSpec("P")

RULES: dict[type, tuple[str, Callable[[Any, Any], bool], str]] = {
    Ge: ("ge", ge, "at least"),
    Gt: ("gt", gt, "above"),
    Le: ("le", le, "at most"),
    Lt: ("lt", lt, "below"),
}
"""Of each limit: the attribute that holds it, what must hold, and how a person says it."""


class GoesWith:
    """Values of other options with which an option has an effect; else it must be left alone.

    An option without effect would make a second run of what is one: another track, another trial.

    Args:
        others: for each other option a value, or a tuple of values, of which it must have one.
    """

    def __init__(self, **others: Any) -> None:
        self.others = {
            name: allowed if isinstance(allowed, tuple) else (allowed,)
            for name, allowed in others.items()
        }


def complaint(name: str, value: Any, annotation: Any) -> str | None:
    """What is wrong with a value, as in `delay must be at least 1, not 0`; None if nothing is.

    Args:
        name: of the option or knob, as the message has it.
        value: is to be of the annotated type already; only its limits are checked.
        annotation: the type, with `Annotated` limits, a `Literal`, or a list or optional of these.
    """
    arguments = get_args(annotation)
    match get_origin(annotation):
        case typing.Annotated:
            inner, *limits = arguments
            return complaint(name, value, inner) or _beyond(name, value, limits)
        case types.UnionType | typing.Union:
            (inner,) = (argument for argument in arguments if argument is not type(None))
            return None if value is None else complaint(name, value, inner)
        case typing.Literal:
            return None if value in arguments else _no_choice(name, value, arguments)
        case origin if origin is list:
            found = (complaint(name, item, arguments[0]) for item in value)
            return next(filter(None, found), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"{name} must be finite, not {value}"
    return None


def misplaced(
    values: Mapping[str, Any],
    annotations: Mapping[str, Any],
    defaults: Mapping[str, Any],
    prefix: str = "",
) -> dict[str, str]:
    """The options that are set and have no effect, each with what is to be said about it.

    Args:
        values: of all options, or of those that are given.
        annotations: of all options.
        defaults: of all options; one that has its default is not set.
        prefix: what messages put before each name.
    """
    found: dict[str, str] = {}
    everything = {**defaults, **values}
    for name, value in values.items():
        if name not in defaults or value == defaults[name]:
            continue
        for rule in getattr(annotations.get(name), "__metadata__", ()):
            for other, allowed in rule.others.items() if isinstance(rule, GoesWith) else ():
                if everything[other] not in allowed:
                    needed = " or ".join(map(_written, allowed))
                    found.setdefault(
                        name,
                        f"{prefix}{name}={_written(value)} has no effect with {prefix}{other}="
                        f"{_written(everything[other])}; it goes with {other}={needed}",
                    )
    return found


def limited(error: type[Exception]) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Makes a constructor check its arguments against the limits in its annotations.

    Args:
        error: what is raised about the first argument that is beyond a limit or has no effect.
    """

    def decorate(constructor: Callable[P, None]) -> Callable[P, None]:
        signature = inspect.signature(constructor)
        defaults = {
            parameter.name: parameter.default
            for parameter in signature.parameters.values()
            if parameter.default is not parameter.empty
        }

        @functools.cache  # at the first call, when all names in the annotations are there
        def hints() -> dict[str, Any]:
            return typing.get_type_hints(constructor, include_extras=True)

        @functools.wraps(constructor)
        def check_and_construct(*arguments: P.args, **keywords: P.kwargs) -> None:
            given = signature.bind(*arguments, **keywords).arguments
            for name, value in given.items():
                if name in hints() and (reason := complaint(name, value, hints()[name])):
                    raise error(reason)
            for reason in misplaced(given, hints(), defaults).values():
                raise error(reason)
            constructor(*arguments, **keywords)

        return check_and_construct

    return decorate


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Ends a message about an unknown name with the closest choice, if one is close."""
    close = get_close_matches(name, sorted(choices), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def limits_as_text(annotation: Any) -> str:
    """The limits of an annotation, as in `at least 0, below 1`; empty without any.

    What an option goes with stands last, as in `with dataset=file`.
    """
    metadata = getattr(annotation, "__metadata__", ())
    found = [
        f"{RULES[type(part)][2]} {getattr(part, RULES[type(part)][0]):g}"
        for part in metadata
        if type(part) in RULES
    ]
    inner = [limits_as_text(part) for part in get_args(annotation) if get_origin(part)]
    beside = [
        f"with {other}={' or '.join(map(_written, allowed))}"
        for part in metadata
        if isinstance(part, GoesWith)
        for other, allowed in part.others.items()
    ]
    return ", ".join(filter(None, [*found, *inner, *beside]))


def _beyond(name: str, value: Any, limits: list[Any]) -> str | None:
    if value is None:  # of an optional type: the annotated type has let it pass
        return None
    for limit in limits:
        if type(limit) not in RULES:
            continue
        attribute, holds, words = RULES[type(limit)]
        bound = getattr(limit, attribute)
        if not isinstance(value, int | float) or not holds(value, bound):
            return f"{name} must be {words} {bound:g}, not {value}"
    return None


def _written(value: Any) -> str:
    """A value as the command line takes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _no_choice(name: str, value: Any, choices: tuple[Any, ...]) -> str:
    words = [str(choice) for choice in choices]
    hint = did_you_mean(str(value), words)
    return f"{name} must be one of {', '.join(words)}, not {value}{hint}"
