"""Finds cells and tasks: in this distribution, in `RECURBENCH_PLUGINS`, and by entry point."""

import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import cells
import tasks
from cells.base import RecurrentCell
from tasks.base import Task

CONTRACTS: dict[str, type] = {"cell": RecurrentCell, "task": Task}
PROVIDED = "input_size"  # the constructor argument that the harness gives, not the user
SCALARS = (int, float, bool, str)


class PluginError(Exception):
    """A plugin does not keep the contract; the message says where and how to mend it."""


@dataclass(frozen=True)
class Knob:
    """A constructor argument that a configuration may set."""

    name: str
    type: Any
    """What OmegaConf checks; a `Literal` of strings is `str` here and has `choices`."""
    default: Any
    choices: tuple[str, ...] | None = None

    @property
    def type_name(self) -> str:
        """The type as a person writes it."""
        if self.choices:
            return "|".join(self.choices)
        return self.type.__name__ if isinstance(self.type, type) else str(self.type)


@dataclass(frozen=True)
class Plugin:
    """A cell or task that a configuration can name."""

    kind: str
    name: str
    cls: Any
    origin: str
    version: str
    knobs: tuple[Knob, ...]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    def config_class(self) -> type:
        """A dataclass with the plugin's name and knobs, for Hydra's ConfigStore."""
        fields: list[tuple[str, Any, Any]] = [("name", str, field(default=self.name))]
        for knob in self.knobs:
            default = knob.default
            if isinstance(default, list):
                fields.append((knob.name, knob.type, field(default_factory=default.copy)))
            else:
                fields.append((knob.name, knob.type, field(default=default)))
        return make_dataclass(f"{self.cls.__name__}Config", fields)


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be used, and why."""

    kind: str
    origin: str
    error: str


@dataclass
class Registry:
    """All plugins by kind and name, and those that are broken."""

    plugins: dict[str, dict[str, Plugin]] = field(
        default_factory=lambda: {k: {} for k in CONTRACTS}
    )
    broken: list[Broken] = field(default_factory=list)

    def add(self, kind: str, cls: type, origin: str, release: str) -> None:
        """Adds a class; one that breaks the contract or whose name is taken is listed as broken."""
        try:
            plugin = describe(kind, cls, origin, release)
            taken = self.plugins[kind].get(plugin.name)
            if taken is not None:
                raise PluginError(
                    f"the name {plugin.name!r} is taken by {taken.origin}; "
                    f"give {_where(cls)} another"
                )
        except PluginError as error:
            self.broken.append(Broken(kind, origin, str(error)))
        else:
            self.plugins[kind][plugin.name] = plugin


@cache
def registry() -> Registry:
    """Discovers all plugins once; built-ins come first and so win a name."""
    found = Registry()
    for kinds, origin, release, load in _sources():
        try:
            candidates = load()
        except (Exception, SystemExit) as error:  # a plugin may do anything while it is imported
            found.broken.append(Broken("/".join(kinds), origin, _import_error(error)))
            continue
        for cls in candidates:
            for kind in kinds:
                if issubclass(cls, CONTRACTS[kind]):
                    found.add(kind, cls, origin, release)
    return found


def describe(kind: str, cls: type, origin: str, release: str) -> Plugin:
    """Reads a class's name and knobs.

    Raises:
        PluginError: it has no name that can be used or lacks methods, or a knob without a type or
            default, or of another type.
    """
    name = cls.__dict__.get("name")
    if not isinstance(name, str) or not name:
        raise PluginError(f'{_where(cls)}: add the class attribute name = "..."')
    if not re.fullmatch(r"\w+([.-]\w+)*", name):  # Hydra splits at others, and it names a folder
        raise PluginError(f"{_where(cls)}: name {name!r}: use letters, digits and _ alone")
    preset = files("conf") / kind / f"{name}.yaml"
    if preset.is_file():
        raise PluginError(f"the name {name!r} is taken by {preset}; give {_where(cls)} another")
    missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
    if missing:
        raise PluginError(f"{_where(cls)}: add what it lacks of the contract: {missing}")
    if kind == "cell" and PROVIDED not in inspect.signature(cls).parameters:
        raise PluginError(f"{_where(cls)}: add the constructor argument `{PROVIDED}: int`")
    knobs = tuple(_knobs(cls))
    if kind == "cell" and "hidden_size" not in {knob.name for knob in knobs}:
        raise PluginError(f"{_where(cls)}: add the constructor argument `hidden_size: int = 64`")
    source = Path(inspect.getfile(cls)).read_bytes()
    digest = hashlib.sha256(source).hexdigest()[:12]
    return Plugin(kind, name, cls, origin, f"{release}+{digest}", knobs)


def _knobs(cls: type) -> Iterator[Knob]:
    try:
        hints = typing.get_type_hints(inspect.getattr_static(cls, "__init__"))
    except NameError as error:
        raise PluginError(f"{_where(cls)}: a knob's type: {error}; import it") from error
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.name == PROVIDED:
            continue
        where = f"{_where(cls)}: constructor argument {parameter.name!r}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"{where}: name each knob instead of using * or **")
        if parameter.name == "name":
            raise PluginError(f"{where}: rename it, `name` is the plugin's own")
        if parameter.name not in hints:
            raise PluginError(f"{where} has no type; annotate it, as in `window: int = 16`")
        if parameter.default is parameter.empty:
            raise PluginError(f"{where} has no default; give it one, as in `window: int = 16`")
        annotation = hints[parameter.name]
        if _is_choice(annotation):
            knob = Knob(parameter.name, str, parameter.default, typing.get_args(annotation))
        elif _supported(annotation):
            knob = Knob(parameter.name, annotation, parameter.default)
        else:
            raise PluginError(
                f"{where}: a configuration cannot hold {annotation}; use int, float, bool, str, "
                "a Literal of strings, a list of these, or one of these | None"
            )
        fits = knob.default in knob.choices if knob.choices else _fits(knob.default, knob.type)
        if not fits:
            raise PluginError(
                f"{where}: its default {knob.default!r} is not of its type {knob.type_name}; "
                f"change one, as in `{knob.name}: int | None = None`"
            )
        yield knob


def _is_choice(annotation: Any) -> bool:
    """Whether it is a Literal of strings."""
    strings = all(isinstance(choice, str) for choice in typing.get_args(annotation))
    return typing.get_origin(annotation) is Literal and strings


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


Source = tuple[tuple[str, ...], str, str, Callable[[], list[type]]]


def _sources() -> Iterator[Source]:
    """Every place to look: kinds it may hold, origin, release, and how to load its classes."""
    release = version("recurbench")
    for kind, package in (("cell", cells), ("task", tasks)):
        for info in pkgutil.iter_modules(package.__path__):
            if info.name == "base":
                continue
            module = f"{package.__name__}.{info.name}"
            origin = f"{package.__name__}/{info.name}.py"
            yield (kind,), origin, release, partial(_import_module, module)
    for folder in filter(None, os.environ.get("RECURBENCH_PLUGINS", "").split(os.pathsep)):
        if not Path(folder).expanduser().is_dir():
            yield tuple(CONTRACTS), folder, "file", _refuse_missing_folder
        for file in sorted(Path(folder).expanduser().glob("*.py")):
            yield tuple(CONTRACTS), str(file), "file", partial(_import_file, file)
    for kind in CONTRACTS:
        for point in entry_points(group=f"recurbench.{kind}s"):
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            yield (kind,), f"{origin} ({point.value})", origin, partial(_load, point)


def _load(point: EntryPoint) -> list[type]:
    """The classes of an entry point, which names a class or a module."""
    target = point.load()
    return [target] if isinstance(target, type) else _classes(target)


def _classes(module: types.ModuleType) -> list[type]:
    """The concrete or named plugin classes that a module defines, not those it imports."""
    return [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and cls.__module__ == module.__name__
        and issubclass(cls, tuple(CONTRACTS.values()))
        and (not inspect.isabstract(cls) or "name" in vars(cls))
        and not cls.__name__.startswith("_")
    ]


def _import_module(name: str) -> list[type]:
    return _classes(importlib.import_module(name))


def _refuse_missing_folder() -> list[type]:
    raise PluginError("no such folder; correct RECURBENCH_PLUGINS")


def _import_file(file: Path) -> list[type]:
    folder = hashlib.sha256(str(file.parent.resolve()).encode()).hexdigest()[:8]
    name = f"recurbench_plugin_{folder}_{file.stem}"  # two folders may hold files of one name
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickling and type hints look it up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return _classes(module)


def _where(cls: type) -> str:
    """`file:line (Class)` of a class."""
    try:
        line = inspect.getsourcelines(cls)[1]
        return f"{inspect.getfile(cls)}:{line} ({cls.__name__})"
    except (OSError, TypeError):
        return cls.__qualname__


def _import_error(error: BaseException) -> str:
    """What went wrong while importing, with the innermost place in the plugin's own code."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in (__file__, importlib.__file__)
        and not frame.filename.startswith("<frozen")
    ]
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
    return f"{place}{type(error).__name__}: {error}"
