"""Installed packages work in another folder: a wheel of the checkout, and a plugin of others."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

PLUGIN_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "leaky-cells"
version = "1.2"

[project.entry-points."recurbench.cells"]
leaky = "leaky_cells:Leaky"

[tool.hatch.build.targets.wheel]
include = ["leaky_cells.py"]
"""

PLUGIN_CODE = '''
"""A leaky integrator."""
import torch
from torch import nn
from recurbench.cells.base import HiddenState, RecurrentCell


class Leaky(RecurrentCell[HiddenState]):
    """h' = (1 - leak) * h + leak * tanh(W x)."""

    name = "leaky"

    def __init__(self, input_size: int, hidden_size: int = 8, *, leak: float = 0.1):
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, hidden_size)
        self.leak = leak

    def initial_state(self, batch_size):
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        return torch.tanh(self.input(x))

    def recur(self, u, state):
        h = torch.lerp(state.h, u, self.leak)
        return h, HiddenState(h)
'''


def install(project: Path, site: Path, wheels: Path) -> None:
    """Builds a wheel of a project and installs it, alone, into a folder."""
    wheels.mkdir()
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, project]
    subprocess.run(build, check=True, timeout=120)
    (wheel,) = wheels.iterdir()
    target = [*PIP, "install", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(target, check=True, timeout=120)


@pytest.fixture
def run_with(workplace: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in an empty folder with one folder of packages before all others."""

    def run(site: Path, *command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=workplace,
            env={**os.environ, "PYTHONPATH": str(site), "RECURBENCH_PLUGINS": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_a_wheel_installed_elsewhere_runs_and_takes_a_cell_dropped_into_it(
    tmp_path_factory: pytest.TempPathFactory, workplace: Path, small: list, run_with: Callable
) -> None:
    site = tmp_path_factory.mktemp("site")
    install(ROOT, site, tmp_path_factory.mktemp("build") / "wheels")
    program = site / "bin" / "recurbench"
    result = run_with(site, program, "run", "cell=gru_cho", *small)
    assert result.returncode == 0, result.stderr
    (record,) = workplace.rglob("*.json")
    assert record.parent == workplace / "results/runs/copying/gru"
    code = "from recurbench import harness, conf; print(harness.__file__, conf.__file__)"
    where = run_with(site, sys.executable, "-c", code)
    assert all(file.startswith(str(site)) for file in where.stdout.split())

    (site / "recurbench" / "cells" / "leaky.py").write_text(PLUGIN_CODE)
    dropped = run_with(site, program, "run", "cell=leaky", *small)
    assert dropped.returncode == 0, dropped.stderr


def test_a_plugin_installed_as_a_package_is_usable_at_once(
    tmp_path_factory: pytest.TempPathFactory, workplace: Path, small: list, run_with: Callable
) -> None:
    project = tmp_path_factory.mktemp("project")
    (project / "pyproject.toml").write_text(PLUGIN_PROJECT)
    (project / "leaky_cells.py").write_text(PLUGIN_CODE)
    site = tmp_path_factory.mktemp("site")
    install(project, site, tmp_path_factory.mktemp("build") / "wheels")
    program = [sys.executable, "-m", "recurbench.harness.cli"]
    result = run_with(site, *program, "run", "cell=leaky", "cell.leak=0.5", *small)
    assert result.returncode == 0, result.stderr
    assert "leaky leak=0.5" in result.stdout
    assert "leaky-cells 1.2 (leaky_cells:Leaky)" in run_with(site, *program, "list").stdout
