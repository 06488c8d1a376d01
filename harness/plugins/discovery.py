"""Where plugins may lie, and how they are imported."""

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from recurbench.cells.base import RecurrentCell
from recurbench.harness.errors import PLUGIN_ERRORS, PluginError
from recurbench.harness.plugins.logger import Logger
from recurbench.tasks.base import Task

CONTRACTS: dict[str, type] = {"cell": RecurrentCell, "task": Task, "logger": Logger}

BUILT_IN = {
    "cell": "recurbench.cells",
    "task": "recurbench.tasks",
    "logger": "recurbench.harness.run.loggers",
}
"""The package of each kind, every module and folder of which may hold some."""


@dataclass(frozen=True)
class Source:
    """A place to look.

    Attributes:
        kinds: what it may hold.
        origin: the place, as a person knows it.
        classes: imports it and gives the plugins' classes in it; raises whatever a plugin raises.
    """

    kinds: tuple[str, ...]
    origin: str
    classes: Callable[[], list[type]]

    def load(self) -> list[type]:
        """Imports it.

        Returns:
            The concrete or named plugin classes that it defines.

        Raises:
            PluginError: it cannot be imported; the message names the place in the plugin's code.
        """
        try:
            return self.classes()
        except PLUGIN_ERRORS as error:  # while it is imported
            raise PluginError(_import_error(error)) from error


def sources() -> Iterator[Source]:
    """Every place to look; built-ins come first."""
    yield from built_in()
    kinds = tuple(CONTRACTS)
    for folder in filter(None, os.environ.get("RECURBENCH_PLUGINS", "").split(os.pathsep)):
        if not Path(folder).expanduser().is_dir():
            yield Source(kinds, folder, _refuse_missing_folder)
        for file in sorted(Path(folder).expanduser().glob("*.py")):
            yield Source(kinds, str(file), partial(_import_file, file))
    for kind in CONTRACTS:
        for point in entry_points(group=f"recurbench.{kind}s"):
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            where = f"{origin} ({point.value})"
            yield Source((kind,), where, partial(_load, point))


def built_in() -> Iterator[Source]:
    """The modules and folders of our own packages."""
    for kind, package in BUILT_IN.items():
        found = importlib.util.find_spec(package)
        assert found is not None
        for info in pkgutil.iter_modules(found.submodule_search_locations):
            if info.name == "base":
                continue
            module = f"{package}.{info.name}"
            place = package.removeprefix("recurbench.").replace(".", "/")
            origin = f"{place}/{info.name}{'/' if info.ispkg else '.py'}"
            yield Source((kind,), origin, partial(_import_module, module))


def _load(point: EntryPoint) -> list[type]:
    """The classes of an entry point, which names a class or a module."""
    target = point.load()
    return [target] if isinstance(target, type) else _classes(target)


def _classes(module: types.ModuleType) -> list[type]:
    """The concrete or named plugin classes of a module or package, not those it imports."""
    own = re.compile(rf"{re.escape(module.__name__)}(\..+)?")
    return [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and own.fullmatch(cls.__module__)
        and issubclass(cls, tuple(CONTRACTS.values()))
        and (not inspect.isabstract(cls) or "name" in vars(cls))
        and not cls.__name__.startswith("_")
    ]


def _import_module(name: str) -> list[type]:
    return _classes(importlib.import_module(name))


def _refuse_missing_folder() -> list[type]:
    raise NotADirectoryError("no such folder; correct RECURBENCH_PLUGINS")


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
