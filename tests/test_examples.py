"""The packages in examples/ can be installed and used, without a change to what they extend."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLE = Path(__file__).parents[1] / "examples" / "recurbench_cornn"
SMALL = " train.max_steps=3 train.eval_every=2 task.eval_sequences=20"
COMMANDS = [
    line + SMALL * (" run " in line)
    for line in (EXAMPLE / "README.md").read_text().splitlines()
    if line.startswith("recurbench ")
]

DRIVER = """
import shlex, sys
from recurbench.harness.cli import main

for line in sys.stdin:
    assert main(shlex.split(line)[1:]) == 0, line
"""
"""Runs the `recurbench` lines that it is given, in one process because torch is slow to start."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example alone is installed."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-index", "--no-build-isolation", "--target", folder, EXAMPLE),
        ],
        check=True,
        timeout=120,
    )
    return folder


@pytest.fixture
def python(site: Path, workplace: Path) -> Callable[..., str]:
    """Runs Python with the example installed; what it prints."""

    def run(*arguments: object, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            input=given,
            cwd=workplace,
            env={**os.environ, "PYTHONPATH": str(site), "RECURBENCH_PLUGINS": ""},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    return run


def test_the_readmes_commands_work_as_they_are_written(python: Callable, workplace: Path) -> None:
    shown = python("-c", DRIVER, given="\n".join([*COMMANDS, "recurbench list"]))
    assert "✓ cornn: 19 of 19 properties hold" in shown
    assert "✓ flip_flop: 15 of 15 properties hold, 2 do not apply" in shown
    table = shown[shown.index("flip_flop: accuracy") :]
    for row in ("optimal", "cornn", "gru", "memoryless", "chance"):
        assert row in table
    assert "recurbench-cornn 0.1.0 (recurbench_cornn:CoRNN)" in table
    assert "recurbench-cornn 0.1.0 (recurbench_flip_flop:FlipFlop)" in table
    assert "recurbench-cornn 0.1.0 (recurbench_finished:Finished)" in table
    assert "not usable" not in table
    ended = map(json.loads, (workplace / "results/finished.jsonl").read_text().splitlines())
    assert sorted(line["name"] for line in ended if line["status"] == "completed") == [
        f"{cell}/{seed}" for cell in ("cornn", "gru") for seed in range(3)
    ]


def test_its_own_tests_pass(python: Callable) -> None:
    summary = python("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE).splitlines()[-1]
    assert re.fullmatch(r"\d+ passed in .*", summary)


def test_the_notebook_runs_from_its_first_cell_to_its_last(workplace: Path) -> None:
    notebook = nbformat.read(EXAMPLE.parent / "sweep.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": workplace}}).execute()
    said = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in said)
    assert text.count("seed 0") >= 2
    assert "did you mean gru" in text
    assert len(list(workplace.rglob("runs/**/*.json"))) == 4
