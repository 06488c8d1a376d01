"""Knobs: what a configuration may set of a plugin, as its constructor's signature says it."""

import functools
import inspect
import operator
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from recurbench.harness.errors import PluginError
from recurbench.limits import complaint, limits_as_text

PROVIDED = "input_size"  # the constructor argument that the harness gives, not the user
SCALARS = (int, float, bool, str)


@dataclass(frozen=True)
class Knob:
    """A constructor argument that a configuration may set."""

    name: str
    type: Any
    """What OmegaConf checks: without limits, and `str` for a `Literal` of strings."""
    default: Any
    annotation: Any = None
    """As it is written: with limits and with the choices of a `Literal`."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The choices of a `Literal`; none for others."""
        return typing.get_args(self.annotation) if is_choice(self.annotation) else ()

    @property
    def type_name(self) -> str:
        """The type as a person writes it, with its limits."""
        if self.choices:
            return "|".join(self.choices)
        name = self.type.__name__ if isinstance(self.type, type) else str(self.type)
        return ", ".join(filter(None, [name, limits_as_text(self.annotation)]))

    def complaint(self, option: str, value: Any) -> str | None:
        """What is wrong with a value of it, if anything; `option` is what the message calls it."""
        return complaint(option, value, self.annotation)


def read_knobs(cls: type, reserved: tuple[str, ...] = ()) -> Iterator[Knob]:
    """The constructor's arguments but for `PROVIDED`.

    Args:
        cls: the plugin.
        reserved: names that no knob may have.

    Raises:
        PluginError: one has no type or default, or another one than a configuration can hold.
    """
    try:
        constructor = inspect.getattr_static(cls, "__init__")
        plain = typing.get_type_hints(constructor)
        annotated = typing.get_type_hints(constructor, include_extras=True)
        for parameter in inspect.signature(cls).parameters.values():
            if parameter.name in reserved:
                raise PluginError(f"{parameter.name!r}: rename it, it is the plugin's own")
            if parameter.name != PROVIDED:
                yield _read_knob(parameter, plain, annotated)
    except NameError as error:
        raise PluginError(f"{where(cls)}: a knob's type: {error}; import it") from error
    except PluginError as error:  # finding the place takes long, so that only errors have it
        raise PluginError(f"{where(cls)}: constructor argument {error}") from error


def _read_knob(
    parameter: inspect.Parameter, plain: dict[str, Any], annotated: dict[str, Any]
) -> Knob:
    name = repr(parameter.name)
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise PluginError(f"{name}: name each knob instead of using * or **")
    if parameter.name not in plain:
        raise PluginError(f"{name} has no type; annotate it, as in `window: int = 16`")
    if parameter.default is parameter.empty:
        raise PluginError(f"{name} has no default; give it one, as in `window: int = 16`")
    annotation, held = plain[parameter.name], _held(plain[parameter.name])
    if not _supported(held):
        raise PluginError(
            f"{name}: a configuration cannot hold {annotation}; use int, float, bool, str, "
            "a Literal of strings, a list of these, or one of these | None"
        )
    knob = Knob(parameter.name, held, parameter.default, annotated[parameter.name])
    fits = knob.default in knob.choices if knob.choices else _fits(knob.default, knob.type)
    if not fits:
        raise PluginError(
            f"{name}: its default {knob.default!r} is not of its type {knob.type_name}; "
            f"change one, as in `{knob.name}: int | None = None`"
        )
    if beyond := knob.complaint("its default", knob.default):
        raise PluginError(f"{name}: {beyond}")
    return knob


def is_choice(annotation: Any) -> bool:
    """Whether it is a Literal of strings, which OmegaConf holds as a `str`."""
    strings = all(isinstance(choice, str) for choice in typing.get_args(annotation))
    return typing.get_origin(annotation) is Literal and strings


def _held(annotation: Any) -> Any:
    """A type as OmegaConf holds it: with `str` for a Literal of strings, in lists too."""
    arguments = typing.get_args(annotation)
    if is_choice(annotation):
        return str
    if typing.get_origin(annotation) is list:
        return list[_held(arguments[0])]  # type: ignore[misc] # a type made while running
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return functools.reduce(operator.or_, map(_held, arguments))
    return annotation


def _supported(annotation: Any) -> bool:
    if annotation in SCALARS:
        return True
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        others = [argument for argument in arguments if argument is not type(None)]
        return len(others) == 1 and len(arguments) == 2 and _supported(others[0])
    return typing.get_origin(annotation) is list and arguments[0] in SCALARS


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a default has its annotated type, which is a supported one."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is list:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if arguments:
        return any(_fits(value, argument) for argument in arguments)
    return type(value) in ((int, float) if annotation is float else (annotation,))


def where(cls: type) -> str:
    """`file:line (Class)` of a class."""
    try:
        line = inspect.getsourcelines(cls)[1]
        return f"{inspect.getfile(cls)}:{line} ({cls.__name__})"
    except (OSError, TypeError):
        return cls.__qualname__
