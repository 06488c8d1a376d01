"""What is installed works in any folder, and nothing but `recurbench` is installed."""

import os
import shlex
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
Run = Callable[..., subprocess.CompletedProcess[str]]

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
from recurbench import RecurrentCell
from recurbench.cells.base import HiddenState


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


DRIVER = """
import shlex, sys
from recurbench.harness.cli import main

for line in sys.stdin:
    assert main(shlex.split(line)) == 0, line
"""
"""Runs the commands that it is given, in one process because torch is slow to start."""


def build_wheel(project: Path, wheels: Path) -> Path:
    """A wheel of a project, in an empty folder."""
    wheels.mkdir()
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, project]
    subprocess.run(build, check=True, timeout=120)
    (wheel,) = wheels.iterdir()
    return wheel


def checksums(wheel: zipfile.ZipFile) -> dict[str, int]:
    """Of each file of a wheel."""
    return {file.filename: file.CRC for file in wheel.infolist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("build") / "wheels")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An environment with the wheel and all that it needs, but not the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    # Path entries only: the .pth files in these folders would bring the checkout.
    (site / "ours.pth").write_text("".join(f"{path}\n" for path in ours))
    install = [*PIP, "install", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(install, check=True, timeout=120)
    return folder


@pytest.fixture
def hostile(workplace: Path) -> Path:
    """A current folder with packages of our rooms' names, which do not bear being imported."""
    for name in ("cells", "tasks", "conf", "harness"):
        (workplace / name).mkdir()
        (workplace / name / "__init__.py").write_text(f"raise RuntimeError('their own {name}')\n")
    return workplace


@pytest.fixture
def run(workplace: Path) -> Run:
    """Runs a program in the current folder."""

    def in_folder(
        *command: object, path: str = ".", given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            input=given,
            cwd=workplace,
            env={**os.environ, "PYTHONPATH": path, "RECURBENCH_PLUGINS": ""},
            capture_output=True,
            text=True,
            timeout=200,
        )

    return in_folder


def test_the_wheel_holds_recurbench_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"recurbench"}
    for name in ("py.typed", "conf/config.yaml", "cells/gru.py", "tasks/music/task.py",
                "cells/parts/native/loops.cpp", "cells/parts/native/products.h",
                "harness/commands/templates/cell.py.txt", "harness/results/page/page.html",
                "harness/results/page/uPlot.iife.min.js", "harness/results/page/uPlot.LICENSE",
                ):  # fmt: skip
        assert f"recurbench/{name}" in names
    assert not [name for name in names if "__pycache__" in name]


def test_a_wheel_from_the_sdist_holds_the_same(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, timeout=120, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    again = build_wheel(unpacked, tmp_path / "wheels")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert checksums(one) == checksums(other)


@pytest.fixture(params=["installed", "checkout"])
def layout(request: pytest.FixtureRequest) -> tuple[Path, str, Path]:
    """A Python, the path that it is given, and where it is to find recurbench."""
    if request.param == "checkout":
        source = ROOT / "src"
        return Path(sys.executable), os.pathsep.join([".", str(source)]), source
    environment = request.getfixturevalue("environment")
    return environment / "bin" / "python", ".", environment


def test_every_command_works_in_a_hostile_folder(
    layout: tuple[Path, str, Path], hostile: Path, small: list[str], run: Run
) -> None:
    python, path, home = layout
    where = run(python, "-c", "import recurbench; print(recurbench.__file__)", path=path)
    assert where.stdout.startswith(str(home)), where.stderr
    commands = [
        shlex.join(["run", "cell=gru_cho", *small]),
        "list cells",
        "check cell rnn --property shapes",
        "new cell mine --out-of-tree package",
    ]
    done = run(python, "-c", DRIVER, path=path, given="\n".join(commands))
    assert done.returncode == 0, (done.stdout, done.stderr)
    ranked = run(python, "-m", "recurbench", "leaderboard", path=path)
    assert ranked.returncode == 0, ranked.stderr
    assert "reset_after=false" in ranked.stdout
    assert "their own" not in done.stdout + done.stderr + ranked.stdout + ranked.stderr
    assert (hostile / "package" / "recurbench_mine.py").is_file()
    (record,) = (hostile / "results/runs").rglob("*.json")
    assert record.parent == hostile / "results/runs/copying/gru"


def test_a_plugin_installed_as_a_package_is_usable_at_once(
    tmp_path_factory: pytest.TempPathFactory, small: list[str], run: Run
) -> None:
    project = tmp_path_factory.mktemp("project")
    (project / "pyproject.toml").write_text(PLUGIN_PROJECT)
    (project / "leaky_cells.py").write_text(PLUGIN_CODE)
    site = tmp_path_factory.mktemp("site")
    wheel = build_wheel(project, tmp_path_factory.mktemp("build") / "wheels")
    install = [*PIP, "install", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(install, check=True, timeout=120)
    path = os.pathsep.join([str(site), str(ROOT / "src")])
    program = [sys.executable, "-m", "recurbench"]
    result = run(*program, "run", "cell=leaky", "cell.leak=0.5", *small, path=path)
    assert result.returncode == 0, result.stderr
    assert "leaky leak=0.5" in result.stdout
    listed = run(*program, "list", path=path).stdout
    assert "leaky-cells 1.2 (leaky_cells:Leaky)" in listed
