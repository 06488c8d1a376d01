"""What the README shows works as it is written."""

import re
import shlex
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from recurbench.harness.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    shlex.split(line.partition("#")[0])
    for block in re.findall(r"```\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("recurbench")
]


@pytest.fixture
def shown_cell(plugin_folder: Path) -> None:
    """The README's cell, in a folder of plugins."""
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(source.splitlines()) <= 60
    (plugin_folder / "ugrnn.py").write_text(source)


@pytest.mark.parametrize(
    ("task", "option"),
    [
        ("copying", "model.depth=2"),
        ("language", "cell.gate_bias=-1.5"),
        ("forecasting", "model.depth=2"),
        ("variable_length", "cell.gate_bias=-1.5"),
    ],
)
def test_the_shown_cell_runs_on_every_task(
    task: str, option: str, shown_cell: None, small: list, workplace: Path
) -> None:
    assert main(["run", "cell=ugrnn", f"task={task}", option, *small]) == 0


def test_the_shown_cell_learns(shown_cell: None, workplace: Path, read_records: Callable) -> None:
    short = ["task.delay=3", "task.symbols=2", "train.max_steps=300", "logger=none"]
    assert main(["run", "cell=ugrnn", *short]) == 0
    (record,) = read_records()
    assert record["metrics"]["test"]["accuracy"] > 0.5


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[1] == "run"], ids=lambda command: " ".join(command[1:])
)
def test_the_shown_runs_run(command: list, shown_cell: None, small: list, workplace: Path) -> None:
    (workplace / "my.txt").write_text("to be, or not to be, that is the question. " * 200)
    days = (f"{date(2024, 1, 1) + timedelta(i)},{i % 7}" for i in range(400))
    (workplace / "my.csv").write_text("\n".join(["time,load", *days]) + "\n")
    chosen = {argument.partition("=")[0] for argument in command}
    sized = "budget.parameters" in chosen
    kept = [s for s in small if s.partition("=")[0] not in chosen and not (sized and "size" in s)]
    assert main([*command[1:], *kept]) == 0


def test_the_shown_questions_are_answered(shown_cell: None, workplace: Path, small: list) -> None:
    assert main(["run", *small]) == 0
    assert main(["run", "task=language", "train.keep_checkpoint=true", *small]) == 0
    records = (workplace / "results/runs").rglob("*.json")
    runs = {path.parent.parent.name: path.stem for path in records}
    for command in COMMANDS:
        if command[1] in ("show", "generate"):
            run = runs["copying" if command[1] == "show" else "language"]
            command = [*command[:2], run, *command[3:]]
        serves = "--serve" in command  # until Ctrl-C; it has tests of its own
        quick = ["--shape", "5,3,4,8"] if command[1] == "speed" else []
        if command[1] != "run" and not serves:
            assert main([*command[1:], *quick]) == 0


def test_the_shown_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_linked_file_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
