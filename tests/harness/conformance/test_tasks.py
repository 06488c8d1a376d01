"""Every built-in task, with every interesting knob, keeps what every task promises."""

import ast
import json
import os
from functools import lru_cache
from pathlib import Path

import pytest
from variants import TASKS as VARIANTS

from recurbench.harness.conformance import SUITES, TASK_PROPERTIES
from recurbench.harness.plugins.registry import registry

SUITE = SUITES["task"]
TASKS = registry().plugins["task"]
ROOT = Path(__file__).parents[3]

RECORDED = {
    "forecasting": [{"dataset": "etth1"}],
    "language": [{"dataset": "shakespeare"}],
    "music": [{"dataset": "jsb"}],
    "sentiment": [{"dataset": "movie_snippets"}],
    "variable_length": [{"dataset": "japanese_vowels"}],
}
"""Variants that need files."""

needs_data = pytest.mark.skipif(
    "RECURBENCH_DATA" not in os.environ,
    reason="recorded data sets not tested: set RECURBENCH_DATA to a folder with their files",
)
CASES = [
    pytest.param(
        name,
        knobs,
        id="-".join([name, *(f"{k}={v}" for k, v in knobs.items())]),
        marks=[needs_data] if knobs in RECORDED.get(name, []) else [],
    )
    for name in TASKS
    for knobs in [{}, *VARIANTS.get(name, []), *RECORDED.get(name, [])]
]

SAYS_NOTHING_OF_SOME = {"learnt_from_train_alone", "ignored_positions_do_not_matter"}
"""Properties of files and of positions that do not count, which not all tasks have."""


@lru_cache(maxsize=1)
def subject(name, knobs):
    """Kept for the next property, since data may take long to load."""
    return SUITE.subject(TASKS[name].cls, json.loads(knobs))


def test_every_variant_is_of_a_task_that_there_is():
    assert not registry().broken
    assert set(VARIANTS) | set(RECORDED) <= set(TASKS)


@pytest.mark.parametrize("check", TASK_PROPERTIES)
@pytest.mark.parametrize(("name", "knobs"), CASES)
def test_conformance(name, knobs, check):
    finding = SUITE.find(subject(name, json.dumps(knobs)), check)
    assert finding.status != "fails", finding.report
    if finding.status == "does not apply":
        assert check in SAYS_NOTHING_OF_SOME


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_the_list_shows(name):
    cls = TASKS[name].cls
    assert cls.measures
    assert cls.default_references
    assert cls.seconds > 0


def imported(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file}:{node.lineno}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("name", TASKS)
def test_a_tasks_name_is_that_of_its_file_or_folder(name):
    assert name == (ROOT / TASKS[name].origin).stem


@pytest.mark.parametrize("name", TASKS)
def test_no_file_of_a_task_knows_a_cell_or_the_harness(name):
    place = ROOT / TASKS[name].origin
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    assert files
    for file in files:
        parts = {".".join(module.split(".")[:2]) for module in imported(file)}
        assert not parts & {"recurbench.cells", "recurbench.harness"}, file


@pytest.mark.parametrize(
    "line",
    [
        "import recurbench.cells.gru",
        "from recurbench import harness",
        "from recurbench.cells.base import RecurrentCell",
        "def late():\n    from recurbench.harness import cli",
    ],
)
def test_every_way_to_import_is_seen(tmp_path, line):
    (tmp_path / "task.py").write_text(line)
    found = imported(tmp_path / "task.py")
    assert any(name.startswith(("recurbench.cells", "recurbench.harness")) for name in found)
