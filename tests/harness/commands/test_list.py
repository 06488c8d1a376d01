"""`recurbench list` shows what a person needs to choose a cell or task, and what is broken."""

import re
from pathlib import Path

import pytest

from recurbench.harness.cli import main

BARE = '''
from recurbench.tasks.copying import Copying


class Bare(Copying):
    """Says nothing of itself."""

    name = "bare"
    measures = ""
    default_references = {}
    seconds = None
'''


def entry(shown: str, name: str) -> str:
    """The lines about a task, up to its first knob."""
    return re.search(rf"^{name}  .*?(?=^    task\.)", shown, re.DOTALL | re.MULTILINE).group()


def test_a_task_is_shown_with_what_it_measures_its_references_and_its_time(capsys):
    assert main(["list", "tasks"]) == 0
    lines = entry(capsys.readouterr().out, "language").splitlines()
    assert lines[1] == "    tasks/language/"
    assert lines[2].startswith("    measures ")
    assert re.fullmatch(r"    references \w+ [\d.]+, .*", lines[3])
    assert re.fullmatch(r"    a GRU trains \d+(\.\d+)? s on one core", lines[4])


def test_what_a_task_does_not_say_is_left_out(plugin_folder, capsys):
    (plugin_folder / "bare.py").write_text(BARE)
    assert main(["list", "tasks"]) == 0
    lines = entry(capsys.readouterr().out, "bare").splitlines()
    assert lines == ["bare  Says nothing of itself.", f"    {plugin_folder / 'bare.py'}"]


def test_list_shows_cells_tasks_and_loggers_with_knobs_and_what_is_broken(
    plugin_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    (plugin_folder / "crooked.py").write_text("import nothing_of_that_name\n")
    assert main(["list"]) == 0
    output = capsys.readouterr().out
    for words in (
        "cell.reset_after=true",
        "task.dataset=stdlib",
        "cells/lstm.py",
        "additive|dot",
        "logger.wandb.",
    ):
        assert words in output
    assert re.search(r"not usable .*crooked\.py.*crooked\.py:1.*nothing_of_that_name", output)
