"""The version of a plugin: a hash of all code of its own that it reaches by imports.

Docstrings, comments and layout do not count, nor does what only describes a plugin. A knob that is
off by default does not count either, so that adding one leaves earlier runs what they are.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import recurbench

CONTRACTS = ("recurbench.cells", "recurbench.tasks")
"""Packages whose modules are followed into, whoever imports them: a base class is code too."""

DESCRIBING = {
    "default_references",
    "family",
    "gates",
    "measures",
    "parallel",
    "same_results_as",
    "seconds",
    "year",
}
"""Attributes of a plugin's class that change no result."""

OFF = (None, False, 0, "")
"""Defaults of knobs that may be added without a change of version."""


def version_of(cls: type) -> str:
    """The version of a cell's or task's code.

    A class may say that its code gives the results of earlier code, `same_results_as = {NEW: OLD}`
    with the two versions: then OLD stays its version, until the code changes again.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_reached(cls.__module__).items()):
        digest.update(f"{name} {_hash_of(path)}\n".encode())
    version = digest.hexdigest()[:12]
    same: dict[str, str] = vars(cls).get("same_results_as", {})
    return same.get(version, version)


def _reached(module: str) -> dict[str, Path]:
    """The files of a module and of all modules of its own that it reaches, by name."""
    start = _file_of(module)
    if start is None:
        return {}
    own = (*CONTRACTS, *([module.partition(".")[0]] if not module.startswith(CONTRACTS) else []))
    # A file in a folder of plugins has a made-up module name, which says where that folder lies.
    found = {start.stem if "." not in module else module: start}
    left = [(module, start)]
    while left:
        importer, path = left.pop()
        for name in _imports(path, importer):
            if not any(name == package or name.startswith(f"{package}.") for package in own):
                continue
            file = None if name in found else _file_of(name)
            if file is not None:
                found[name] = file
                left.append((name, file))
    return found


def _file_of(module: str) -> Path | None:
    """The source of a module; None if it has none or there is no such module."""
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
    else:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec else None
    return Path(file) if file and file.endswith(".py") else None


@cache
def _parsed(path: Path, changed: int) -> ast.Module:
    """The syntax tree of a file; parsed again only when it has changed."""
    return ast.parse(path.read_bytes())


def _imports(path: Path, module: str) -> tuple[str, ...]:
    """The modules that a file imports anywhere in it; of `from a import b` both a and a.b."""
    return _imported(path, path.stat().st_mtime_ns, module)


@cache
def _imported(path: Path, changed: int, module: str) -> tuple[str, ...]:
    """The same; looked for again only when the file has changed."""
    return tuple(_names_in(_parsed(path, changed), path, module))


def _names_in(tree: ast.Module, path: Path, module: str) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            yield base
            for alias in node.names:
                public = recurbench.HOMES.get(alias.name) if base == "recurbench" else None
                yield public or f"{base}.{alias.name}"


def _hash_of(path: Path) -> str:
    return _hashed(path, path.stat().st_mtime_ns)


@cache
def _hashed(path: Path, changed: int) -> str:
    """A hash of a file's code; made again only when it has changed."""
    return hashlib.sha256(repr(_canonical(_parsed(path, changed))).encode()).hexdigest()


def _canonical(node: Any) -> Any:
    """A syntax tree as plain values, equal in all versions of Python, without what does not count.

    Empty fields are left out, since newer versions of Python add some.
    """
    if isinstance(node, list):
        return [_canonical(item) for item in node if not _is_text(item)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name != "kind"}
    if isinstance(node, ast.ClassDef):
        fields["body"] = [statement for statement in node.body if not _describes(statement)]
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        fields["args"] = _without_knobs_that_are_off(node.args)
    kept = [(name, _canonical(value)) for name, value in fields.items() if value not in (None, [])]
    return type(node).__name__, kept


def _is_text(node: Any) -> bool:
    """Whether a statement is a text by itself: a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _describes(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in DESCRIBING
    return False


def _without_knobs_that_are_off(arguments: ast.arguments) -> ast.arguments:
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    kept = [
        (argument, default)
        for argument, default in pairs
        if not (isinstance(default, ast.Constant) and default.value in OFF)
    ]
    fields = dict(ast.iter_fields(arguments))
    fields["kwonlyargs"] = [argument for argument, _ in kept]
    fields["kw_defaults"] = [default for _, default in kept]
    return ast.arguments(**fields)
