"""Imports run one way, from the command to the cells, and what reads records stays light."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import records

ROOT = Path(__file__).parents[2]
PACKAGES = ("cells", "conf", "harness", "tasks")
HEAVY = ("torch", "pytorch_lightning", "torchmetrics", "hydra", "omegaconf", "wandb", "numpy")
ALLOWED = {
    "cells": {"torch", "cells"},
    "tasks": {
        "torch",
        "torchmetrics",
        "pytorch_lightning",
        "pooch",
        "tqdm",
        "numpy",
        "scipy",
        "sklearn",
        "babel",
        "matplotlib",
        "tasks",
    },
    "conf": set(),
}
DISTRIBUTIONS = {
    "hydra": "hydra-core",
    "pytorch_lightning": "pytorch-lightning",
    "sklearn": "scikit-learn",
}


def modules_of(package: str) -> dict[str, Path]:
    """The package's modules by their dotted names."""
    found = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = {name: file for package in PACKAGES for name, file in modules_of(package).items()}


def imports(file: Path) -> set[str]:
    """All that a file imports, anywhere in it; `from a import b` is a.b if that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return found


def third_party(file: Path) -> set[str]:
    """The distributions' packages that a file imports."""
    tops = {name.partition(".")[0] for name in imports(file)}
    return tops - sys.stdlib_module_names - set(PACKAGES)


def parametrize(*packages: str):
    names = [name for name in MODULES if name.partition(".")[0] in packages]
    return pytest.mark.parametrize("module", names)


def test_the_walk_sees_every_kind_of_import(tmp_path):
    file = tmp_path / "sample.py"
    file.write_text(
        "import a, b.c as d\n"
        "from harness import records, errors as e\n"
        "from harness.plugins import registry\n"
        "def f():\n    from cells import gru\n"
        "class C:\n    import inner\n"
        "if False:\n    import never\n"
    )
    assert imports(file) == {
        "a", "b.c", "harness.records", "harness.errors", "harness.plugins", "cells.gru", "inner",
        "never",
    }  # fmt: skip


@parametrize("cells", "conf", "tasks")
def test_a_part_imports_only_what_lies_below_it(module):
    tops = {name.partition(".")[0] for name in imports(MODULES[module])}
    assert tops - sys.stdlib_module_names <= ALLOWED[module.partition(".")[0]]


def test_the_configuration_imports_nothing():
    assert all(not imports(file) for file in modules_of("conf").values())


@parametrize("harness")
def test_the_harness_reaches_plugins_through_their_contract_alone(module):
    inner = {n for n in imports(MODULES[module]) if n.partition(".")[0] in ("cells", "tasks")}
    allowed = {"cells.base", "tasks.base"}
    if module == "harness.discovery":
        allowed |= {"cells", "tasks"}
    if module == "harness.generate":
        allowed |= {"tasks.generation"}
    assert inner <= allowed


@parametrize("cells", "harness", "tasks")
def test_what_is_imported_is_a_declared_dependency(module):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["plot"]]
    declared = {requirement.partition(">")[0] for requirement in requirements}
    for package in third_party(MODULES[module]):
        assert DISTRIBUTIONS.get(package, package) in declared


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """A circle through every node from which one can be reached."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> Iterator[list[str]]:
        if node in path:
            yield [*path[path.index(node) :], node]
        elif node not in done:
            for following in sorted(graph.get(node, ())):
                yield from visit(following, [*path, node])
            done.add(node)

    for node in sorted(graph):
        yield from visit(node, [])


def test_circles_are_found():
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == [["b", "c", "b"]]
    assert list(circles({"a": {"b", "c"}, "b": {"c"}})) == []


@pytest.mark.parametrize("package", ["cells", "harness", "tasks"])
def test_no_imports_run_in_a_circle(package):
    modules = modules_of(package)
    graph = {name: imports(file) & set(modules) - {package} for name, file in modules.items()}
    assert list(circles(graph)) == []


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("records", "leaderboard"), ("leaderboard", "report"), ("report", "cli"),
        ("plugins", "config"), ("config", "run"), ("model", "module"), ("module", "run"),
        ("budget", "run"), ("run", "sweep"), ("sweep", "cli"),
    ],
)  # fmt: skip
def test_the_parts_of_the_harness_build_on_each_other_as_designed(lower, higher):
    graph = {name: imports(file) & set(MODULES) for name, file in modules_of("harness").items()}

    def below(module: str) -> set[str]:
        direct = graph.get(module, set())
        return direct.union(*(below(inner) for inner in direct))

    assert f"harness.{lower}" in below(f"harness.{higher}")
    assert f"harness.{higher}" not in below(f"harness.{lower}")


def loaded_heavies(code: str) -> list[str]:
    """The heavy packages that are loaded after a fresh interpreter has run some code."""
    report = f"import json, sys; print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def command(arguments: list[str]) -> str:
    """Code that runs the command and goes on when it exits with 0."""
    return (
        "from harness.cli import main\n"
        f"try: code = main({arguments})\n"
        "except SystemExit as end: code = end.code or 0\n"
        "assert code == 0, code"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A results folder with one completed and one failed run."""
    folder = tmp_path_factory.mktemp("results")
    completed = {
        "schema_version": records.SCHEMA_VERSION,
        "run_id": "ab12",
        "status": "completed",
        "seed": 0,
        "track": {
            "id": "t", "task": {"name": "copying"}, "data": "d", "model": {}, "train": {},
            "budget": {}, "precision": "32",
        },
        "entry": {"id": "e", "label": "gru", "version": "1"},
        "cell": {"name": "gru"},
        "task": {"name": "copying"},
        "model": {},
        "optimizer": {"name": "adam"},
        "train": {},
        "budget": {},
        "primary": {"name": "accuracy", "higher_is_better": True},
        "references": {"chance": 0.1},
        "metrics": {"val": {"accuracy": 0.5}, "test": {"accuracy": 0.4}},
        "curve": [],
        "cost": {
            "parameters": 3, "state_size": 3, "train_seconds": 1.0, "tokens_per_second": 2.0,
            "peak_memory_bytes": 4,
        },
        "environment": {"hardware": "h", "threads": 1, "device": "cpu"},
        "logger": [],
        "started_at": "then",
        "finished_at": "now",
        "error": None,
    }  # fmt: skip
    error = {"type": "E", "message": "m", "traceback": "t"}
    failed = completed | {
        "run_id": "cd34", "status": "failed", "error": error, "primary": None, "references": {},
        "metrics": {}, "cost": {},
    }  # fmt: skip
    for record in (completed, failed):
        path = records.record_path(folder, "copying", "gru", record["run_id"])
        records.write(path, record)
    return folder


def test_the_check_notices_what_is_loaded():
    assert loaded_heavies("import numpy") == ["numpy"]


def test_what_reads_records_loads_nothing_heavy():
    light = ("cli", "console", "errors", "leaderboard", "records", "report", "show")
    assert loaded_heavies("\n".join(f"import harness.{module}" for module in light)) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["leaderboard", "--help"],
        ["list", "--help"],
        ["generate", "--help"],
    ],
    ids=" ".join,
)
def test_asking_for_help_loads_nothing_heavy(arguments):
    assert loaded_heavies(command(arguments)) == []


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json"])
def test_a_leaderboard_loads_nothing_heavy(results, form):
    arguments = ["leaderboard", "--results", str(results), "--format", form]
    assert loaded_heavies(command(arguments)) == []


@pytest.mark.parametrize("run_id", ["ab12", "cd"])
def test_showing_a_run_loads_nothing_heavy(results, run_id):
    assert loaded_heavies(command(["show", run_id, "--results", str(results)])) == []
