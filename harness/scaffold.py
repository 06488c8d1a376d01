"""`recurbench new cell`: a cell that runs and passes the conformance suite, and its test."""

import inspect
import keyword
import os
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from cells.base import RecurrentCell
from harness.config import register
from harness.console import say
from harness.errors import UserError
from harness.overrides import options_of

TEMPLATES = Path(__file__).parent / "templates"
HOME = Path(inspect.getfile(RecurrentCell)).resolve().parents[1]
"""What `cells` is imported from: a checkout, or the folder of all that is installed."""
NOT_TEXT = {"true", "false", "null", "nan", "inf"}
"""What an override such as `cell=true` would not take for a name."""


def new_cell(name: str, out_of_tree: Path | None) -> None:
    """Writes a cell and its test, and says what to do next.

    Args:
        name: what the cell is to be called.
        out_of_tree: the folder that becomes a package with the cell; None writes into the checkout
            that is imported.

    Raises:
        UserError: the name cannot be a cell's, a file is there already, or there is no checkout.
    """
    _check_name(name)
    files = _package(name, out_of_tree) if out_of_tree else _in_tree(name)
    install = [f"pip install -e {shlex.quote(_shown(out_of_tree))}"] if out_of_tree else []
    _write(files)
    for path in files:
        say(f"wrote {_shown(path)}")
    cell, test, *_ = map(_shown, files)
    say(f"put your equations where {cell} says TODO, then")
    for command in (
        *install,
        f"recurbench check cell {name}",
        f"python -m pytest {shlex.quote(test)}",
        f"recurbench run -m cell={name},gru task=copying budget.parameters=20000",
        "recurbench leaderboard --task copying",
    ):
        say(f"  {command}")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise UserError(f"{name}: a cell's name is of a-z, 0-9 and single _, as in my_cell")
    if keyword.iskeyword(name) or name in NOT_TEXT or name.startswith("test"):
        raise UserError(f"{name}: this means something to Python, Hydra or pytest; choose another")
    register()
    if name in options_of("cell"):
        raise UserError(f"{name}: there is such a cell or preset already; choose another")


def _in_tree(name: str) -> dict[Path, str]:
    """The files of a cell that joins the built-in ones."""
    if not (HOME / "pyproject.toml").is_file():
        raise UserError(
            f"recurbench is not a checkout but installed in {HOME}; make a package of your own by "
            "--out-of-tree DIR, or put one file into a folder that RECURBENCH_PLUGINS names"
        )
    cell, test = _cell_and_test(name, f"cells.{name}")
    return {
        HOME / "cells" / f"{name}.py": cell,
        HOME / "tests" / "cells" / f"test_{name}.py": test,
    }


def _package(name: str, folder: Path) -> dict[Path, str]:
    """The files of a distribution with one cell; its module has a prefix, so that none clashes."""
    module = f"recurbench_{name}"
    cell, test = _cell_and_test(name, module)
    values = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "module": module,
        "class_name": _class_name(name),
    }
    return {
        folder / f"{module}.py": cell,
        folder / "tests" / f"test_{name}.py": test,
        folder / "pyproject.toml": _fill("pyproject.toml", **values),
        folder / "README.md": _fill("readme.md", **values),
    }


def _cell_and_test(name: str, module: str) -> tuple[str, str]:
    """The source of a cell and, given the module that it will be in, of its test."""
    class_name = _class_name(name)
    year = str(datetime.now(UTC).year)
    imports = f"from {module} import {class_name}", "from harness.conformance import CellTests"
    test = _fill("test_cell.py", class_name=class_name, imports="\n".join(sorted(imports)))
    return _fill("cell.py", name=name, class_name=class_name, year=year), test


def _class_name(name: str) -> str:
    """`MyCell` of my_cell, `GruCell` of gru; never a name that the template imports."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    camel = camel if camel.endswith("Cell") else f"{camel}Cell"
    return f"My{camel}" if camel == RecurrentCell.__name__ else camel


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
