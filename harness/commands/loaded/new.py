"""`recurbench new`: a cell or task that runs and passes the conformance suite, and its test."""

import inspect
import keyword
import os
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.compose import options_of
from recurbench.harness.config.schema import register
from recurbench.harness.console import say
from recurbench.harness.errors import UserError
from recurbench.tasks.base import Task

TEMPLATES = Path(__file__).parents[1] / "templates"
HOME = Path(inspect.getfile(RecurrentCell)).resolve().parents[1]
"""What `cells` is imported from: a checkout, or the folder of all that is installed."""
NOT_TEXT = {"true", "false", "null", "nan", "inf"}
"""What an override such as `cell=true` would not take for a name."""


@dataclass(frozen=True)
class Kind:
    """What differs between a new cell and a new task.

    Attributes:
        name: as in `cell=NAME`.
        contract: what a class of it derives from; no new class may have its name.
        words: what a distribution of it is said to hold.
        yours: what is to be written where TODO stands.
        run: the arguments that train it.
        leaderboard: those that show how it ranks.
        test_imports: what its test imports besides it and the suite.
    """

    name: str
    contract: type
    words: str
    yours: str
    run: str
    leaderboard: str
    test_imports: tuple[str, ...] = ()


KINDS = {
    "cell": Kind(
        "cell",
        RecurrentCell,
        "recurrent cell",
        "your equations",
        "cell={name},gru task=copying budget.parameters=20000",
        "--task copying",
    ),
    "task": Kind(
        "task",
        Task,
        "task",
        "your data",
        "cell=gru,lstm task={name}",
        "--task {name}",
        ("from recurbench.tasks.base import TaskError",),
    ),
}


def write_plugin(kind: str, name: str, out_of_tree: Path | None) -> None:
    """Writes a cell or task and its test, and says what to do next.

    Args:
        kind: `cell` or `task`.
        name: what it is to be called.
        out_of_tree: the folder that becomes a package with it; None writes into the checkout that
            is imported.

    Raises:
        UserError: the name cannot be one, a file is there already, or there is no checkout.
    """
    chosen = KINDS[kind]
    _require_free_name(chosen, name)
    files = _package(chosen, name, out_of_tree) if out_of_tree else _in_tree(chosen, name)
    install = [f"pip install -e {shlex.quote(_shown(out_of_tree))}"] if out_of_tree else []
    _write(files)
    for path in files:
        say(f"wrote {_shown(path)}")
    source, test, *_ = map(_shown, files)
    say(f"put {chosen.yours} where {source} says TODO, then")
    for command in (
        *install,
        f"recurbench check {kind} {name}",
        f"python -m pytest {shlex.quote(test)}",
        f"recurbench run -m {chosen.run.format(name=name)}",
        f"recurbench leaderboard {chosen.leaderboard.format(name=name)}",
    ):
        say(f"  {command}")


def _require_free_name(kind: Kind, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise UserError(
            f"{name}: a {kind.name}'s name is of a-z, 0-9 and single _, as in my_{kind.name}"
        )
    if keyword.iskeyword(name) or name in NOT_TEXT or name.startswith("test"):
        raise UserError(f"{name}: this means something to Python, Hydra or pytest; choose another")
    register()
    if name in options_of(kind.name):
        raise UserError(f"{name}: there is such a {kind.name} or preset already; choose another")
    if (HOME / f"{kind.name}s" / name).is_dir():  # such as tasks/common
        raise UserError(f"{name}: {kind.name}s/{name} is a package already; choose another")


def _in_tree(kind: Kind, name: str) -> dict[Path, str]:
    """The files of a cell or task that joins the built-in ones."""
    if not (HOME / "pyproject.toml").is_file():
        raise UserError(
            f"recurbench is not a checkout but installed in {HOME}; make a package of your own by "
            "--out-of-tree DIR, or put one file into a folder that RECURBENCH_PLUGINS names"
        )
    folder = f"{kind.name}s"
    source, test = _source_and_test(kind, name, f"recurbench.{folder}.{name}")
    return {
        HOME / folder / f"{name}.py": source,
        HOME / "tests" / folder / f"test_{name}.py": test,
    }


def _package(kind: Kind, name: str, folder: Path) -> dict[Path, str]:
    """The files of a distribution with one of a kind; its module's prefix lets none clash."""
    module = f"recurbench_{name}"
    source, test = _source_and_test(kind, name, module)
    values = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "module": module,
        "class_name": _class_name(kind, name),
        "kind": kind.name,
        "what": kind.words,
        "run": kind.run.format(name=name),
        "leaderboard": kind.leaderboard.format(name=name),
    }
    return {
        folder / f"{module}.py": source,
        folder / "tests" / f"test_{name}.py": test,
        folder / "pyproject.toml": _fill("pyproject.toml", **values),
        folder / "README.md": _fill("readme.md", **values),
    }


def _source_and_test(kind: Kind, name: str, module: str) -> tuple[str, str]:
    """The source and, given the module that it will be in, its test."""
    class_name = _class_name(kind, name)
    year = str(datetime.now(UTC).year)
    tests = f"{kind.name.capitalize()}Tests"
    imports = [
        f"from {module} import {class_name}",
        f"from recurbench.harness.conformance import {tests}",
        *kind.test_imports,
    ]
    test = _fill(f"test_{kind.name}.py", class_name=class_name, imports="\n".join(sorted(imports)))
    return _fill(f"{kind.name}.py", name=name, class_name=class_name, year=year), test


def _class_name(kind: Kind, name: str) -> str:
    """`MyCell` of my_cell, `GruCell` of gru; never a name that the template imports."""
    suffix = kind.name.capitalize()
    camel = "".join(part.capitalize() for part in name.split("_"))
    camel = camel if camel.endswith(suffix) else f"{camel}{suffix}"
    return f"My{camel}" if camel == kind.contract.__name__ else camel


def _fill(template: str, **values: str) -> str:
    text = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _write(files: dict[Path, str]) -> None:
    """Writes all files or, if one is there already, none."""
    for path in files:
        if path.exists():
            raise UserError(f"{_shown(path)}: there already; nothing is overwritten or written")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{_shown(path)}: {error.strerror}") from error


def _shown(path: Path) -> str:
    """A path as a person would type it from here."""
    path = path.absolute()
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
