"""The packages in examples/ can be installed and used, without a change to what they extend."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "recurbench_cornn"
SMALL = ["train.max_steps=3", "train.eval_every=2", "task.eval_sequences=20", "logger=none"]
COMMANDS = [
    shlex.split(line)[1:]
    for line in (EXAMPLE / "README.md").read_text().splitlines()
    if line.startswith("recurbench ")
]


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
    """Runs a module with the example installed; what it prints."""

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=workplace,
            env={**os.environ, "PYTHONPATH": str(site), "RECURBENCH_PLUGINS": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    return run


def test_the_readmes_commands_work_as_they_are_written(python: Callable) -> None:
    shown = ""
    for command in COMMANDS:
        shown += python("harness.cli", *command, *(SMALL if command[0] == "run" else []))
    assert "✓ cornn: 14 of 14 properties hold" in shown
    assert "✓ flip_flop: 15 of 15 properties hold, 2 do not apply" in shown
    table = shown[shown.index("flip_flop: accuracy") :]
    for row in ("optimal", "cornn", "gru", "memoryless", "chance"):
        assert row in table


def test_the_list_shows_where_cell_and_task_come_from(python: Callable) -> None:
    shown = python("harness.cli", "list")
    assert "recurbench-cornn 0.1.0 (recurbench_cornn:CoRNN)" in shown
    assert "recurbench-cornn 0.1.0 (recurbench_flip_flop:FlipFlop)" in shown
    assert "not usable" not in shown


def test_its_own_tests_pass(python: Callable) -> None:
    summary = python("pytest", "-q", "-p", "no:cacheprovider", EXAMPLE).splitlines()[-1]
    assert re.fullmatch(r"\d+ passed in .*", summary)
