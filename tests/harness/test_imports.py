"""Imports run one way, from the command to the cells, and what reads records stays light."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import make_record

from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import write

ROOT = Path(__file__).parents[2]
PACKAGES = ("cells", "conf", "harness", "tasks")
HEAVY = ("torch", "pytorch_lightning", "torchmetrics", "hydra", "omegaconf", "wandb", "numpy")
ALLOWED = {
    "cells": {"torch", "annotated_types", "recurbench.cells", "recurbench.limits"},
    "tasks": {
        "torch",
        "torchmetrics",
        "pytorch_lightning",
        "pooch",
        "tqdm",
        "numpy",
        "scipy",
        "sklearn",
        "PIL",
        "babel",
        "matplotlib",
        "mido",
        "pandas",
        "regex",
        "annotated_types",
        "recurbench.tasks",
        "recurbench.limits",
    },
    "conf": set(),
}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "annotated_types": "annotated-types",
    "hydra": "hydra-core",
    "mlflow": "mlflow-skinny",
    "pytorch_lightning": "pytorch-lightning",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def modules_of(package: str) -> dict[str, Path]:
    """The package's modules by their dotted names."""
    found = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        inner = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(["recurbench", *inner])] = file
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


def top(name: str) -> str:
    """What a module belongs to: `recurbench.cells` or another of our parts, or `torch`."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "recurbench" else parts[0]


def third_party(file: Path) -> set[str]:
    """The distributions' packages that a file imports."""
    tops = {name.partition(".")[0] for name in imports(file)}
    return tops - sys.stdlib_module_names - {"recurbench"}


def parametrize(*packages: str):
    names = [name for name in MODULES if top(name).removeprefix("recurbench.") in packages]
    return pytest.mark.parametrize("module", names)


def test_the_walk_sees_every_kind_of_import(tmp_path):
    file = tmp_path / "sample.py"
    file.write_text(
        "import a, b.c as d\n"
        "from recurbench.harness import cli, errors as e\n"
        "from recurbench.harness.plugins.registry import registry\n"
        "def f():\n    from recurbench.cells import gru\n"
        "class C:\n    import inner\n"
        "if False:\n    import never\n"
    )
    assert imports(file) == {
        "a", "b.c", "inner", "never", "recurbench.harness.cli",
        "recurbench.harness.errors", "recurbench.harness.plugins.registry", "recurbench.cells.gru",
    }  # fmt: skip


@parametrize("cells", "conf", "tasks")
def test_a_part_imports_only_what_lies_below_it(module):
    tops = {top(name) for name in imports(MODULES[module])}
    allowed = ALLOWED[top(module).removeprefix("recurbench.")]
    assert tops - sys.stdlib_module_names <= allowed


def test_the_configuration_imports_nothing():
    assert all(not imports(file) for file in modules_of("conf").values())


@parametrize("harness")
def test_the_harness_reaches_plugins_through_their_contract_alone(module):
    plugins = ("recurbench.cells", "recurbench.tasks")
    inner = {name for name in imports(MODULES[module]) if top(name) in plugins}
    allowed = {"recurbench.cells.base", "recurbench.tasks.base"}
    if module == "recurbench.harness.commands.loaded.generate":
        allowed |= {"recurbench.tasks.generation"}
    assert inner <= allowed


@parametrize("cells", "harness", "tasks")
def test_what_is_imported_is_a_declared_dependency(module):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = ("mlflow", "optuna", "plot")
    requirements = [*project["dependencies"], *(line for name in optional for line in extras[name])]
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
    inner = set(modules) - {f"recurbench.{package}"}
    graph = {name: imports(file) & inner for name, file in modules.items()}
    assert list(circles(graph)) == []


ROOMS = (
    "cli", "commands", "speed", "sweep", "tuning", "run", "conformance", "probe", "model",
    "config",
    "results", "plugins",
    "console", "errors",
)  # fmt: skip
"""The harness's rooms and single files, from the door down."""


@parametrize("harness")
def test_a_room_imports_only_from_rooms_below_it(module):
    if module == "recurbench.harness":
        return
    own = module.split(".")[2]
    for name in imports(MODULES[module]):
        if name.startswith("recurbench.harness."):
            other = name.split(".")[2]
            assert ROOMS.index(other) >= ROOMS.index(own), name


def test_every_room_is_on_the_way_down():
    found = {name.split(".")[2] for name in MODULES if name.startswith("recurbench.harness.")}
    assert found == set(ROOMS)


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
        "from recurbench.harness.cli import main\n"
        f"try: code = main({arguments})\n"
        "except SystemExit as end: code = end.code or 0\n"
        "assert code == 0, code"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A results folder with one completed and one failed run."""
    folder = tmp_path_factory.mktemp("results")
    for run_id, status in (("ab12", "completed"), ("cd34", "failed")):
        record = make_record(run_id=run_id, status=status)
        write(ResultsFolder(folder).record("copying", "gru", run_id), record)
    return folder


def test_the_check_notices_what_is_loaded():
    assert loaded_heavies("import numpy") == ["numpy"]


def test_what_reads_records_loads_nothing_heavy():
    light = [name for name in MODULES if name.startswith("recurbench.harness.results")]
    light += ["recurbench", "recurbench.harness.cli"]
    assert loaded_heavies("\n".join(f"import {module}" for module in light)) == []


SUBCOMMANDS = [
    file.stem
    for file in sorted((ROOT / "harness" / "commands").glob("*.py"))
    if "def call(" in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([name, "--help"] for name in SUBCOMMANDS)],
    ids=" ".join,
)
def test_asking_for_help_loads_nothing_heavy(arguments):
    assert loaded_heavies(command(arguments)) == []


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json"])
def test_a_leaderboard_loads_nothing_heavy_but_what_its_tests_need(results, form):
    arguments = ["leaderboard", "--results", str(results), "--format", form]
    assert set(loaded_heavies(command(arguments))) <= {"numpy", "scipy"}  # Student's t


@pytest.mark.parametrize("form", ["terminal", "csv", "json"])
def test_a_list_of_runs_loads_nothing_heavy(results, form):
    assert loaded_heavies(command(["runs", "--results", str(results), "--format", form])) == []


@pytest.mark.parametrize("run_id", ["ab12", "cd"])
def test_showing_a_run_loads_nothing_heavy(results, run_id):
    assert loaded_heavies(command(["show", run_id, "--results", str(results)])) == []


def test_a_list_loads_nothing_heavy_once_the_plugins_were_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "torch" in loaded_heavies(command(["list"]))
    assert loaded_heavies(command(["list"])) == []
