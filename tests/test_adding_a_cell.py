"""What docs/adding-a-cell.md shows works as it is written, in a checkout of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from itertools import groupby
from pathlib import Path

import pytest

from recurbench.harness.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "adding-a-cell.md"
TEXT = DOCS.read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
CELL, TEST = (body for language, body in BLOCKS if language == "python")
FAILURE, LISTING = (body for language, body in BLOCKS if language == "text")
COMMANDS = [line for language, body in BLOCKS if not language for line in body.splitlines()]
SMALL = "train.max_steps=3 train.eval_every=2 train.batch_size=4 logger=none task.eval_sequences=20"

DRIVER = """
import shlex, sys
import recurbench
from recurbench.harness.cli import main
from recurbench.harness.plugins.registry import registry

assert recurbench.__file__.startswith(sys.argv[1]), recurbench.__file__
for line in sys.stdin:
    registry.cache_clear()
    assert main(shlex.split(line)[1:]) == 0, line
"""
"""Runs the `recurbench` lines that it is given, in one process because torch is slow to start."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("test_*.py"))
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("cells", "conf", "harness", "tasks"):
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copytree(ROOT / "src", folder / "src", symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment in which all of ours, and what is installed later, is."""
    venv.create(tmp_path / "environment", symlinks=True)
    (site,) = (tmp_path / "environment").glob("lib/*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in ours]
    (site / "ours.pth").write_text("".join(lines))
    return tmp_path / "environment" / "bin" / "python"


def test_from_equations_to_a_ranked_entry(checkout: Path, python: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout / "src"),
        "RECURBENCH_PLUGINS": "",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say yes to a --no-
    }

    def call(*command: object, given: str = "", **settings: str) -> str:
        done = subprocess.run(
            command,
            cwd=checkout,
            env=environment | settings,
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (command, given, done.stdout, done.stderr)
        return done.stdout

    def run(program: str, lines: list[str]) -> str:
        """Runs lines of the document that begin with the same word."""
        if program == "recurbench":
            given = "\n".join(f"{line} {SMALL}" if " run " in line else line for line in lines)
            return call(python, "-c", DRIVER, checkout, given=given)
        (line,) = lines
        _, *arguments = shlex.split(line)
        if program == "pip":
            return call(python, "-m", "pip", *arguments)
        if program == "python":
            return call(python, *arguments)
        setting, folder = program.split("=")
        given = line.removeprefix(program).strip()
        return call(python, "-c", DRIVER, checkout, given=given, **{setting: folder})

    written, *lines = COMMANDS
    assert written == "recurbench new cell cfn"
    shown = run("recurbench", [written])
    (checkout / "cells" / "cfn.py").write_text(CELL)
    (checkout / "tests" / "cells" / "test_cfn.py").write_text(TEST)
    for program, group in groupby(lines, key=lambda line: line.partition(" ")[0]):
        shown += run(program, list(group))

    assert "wrote cells/cfn.py\nwrote tests/cells/test_cfn.py\n" in shown
    assert shown.count("✓ cfn: ") == 2
    assert LISTING in shown
    table = shown[shown.index("copying: accuracy") :]
    assert "cfn" in table
    assert "gru" in table
    assert "✓ my_cell: " in shown


def test_the_shown_cell_has_60_lines_at_most() -> None:
    assert len(CELL.splitlines()) <= 60


def test_the_shown_failure_is_what_the_shown_mistake_gives(
    plugin_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert "`state.h.tanh_()` in place of `torch.tanh(state.h)`" in " ".join(TEXT.split())
    (plugin_folder / "cfn.py").write_text(
        CELL.replace("torch.tanh(state.h) +", "state.h.tanh_() +")
    )
    assert main(["check", "cell", "cfn"]) == 1
    shown = capsys.readouterr().out
    assert FAILURE in shown
    assert shown.count("  ✗ ") == 6


def test_every_linked_or_named_file_is_there() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (DOCS.parent / link).exists(), link
    for name in re.findall(r"`((?:cells|tasks)/\w+\.py)`", TEXT):
        assert name == "cells/cfn.py" or (ROOT / name).exists(), name
