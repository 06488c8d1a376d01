"""What docs/adding-a-task.md shows works as it is written, without a checkout."""

import importlib.util
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.conformance import TASK_PROPERTIES
from recurbench.harness.plugins.registry import registry

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "adding-a-task.md"
TEXT = DOCS.read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
TASK, TEST = (body for language, body in BLOCKS if language == "python")
DATA, FAILURE, LISTING = (body for language, body in BLOCKS if language == "text")
COMMANDS = [line for language, body in BLOCKS if not language for line in body.splitlines()]
SMALL = "train.max_steps=3 train.eval_every=2 train.batch_size=4 logger=none"


@pytest.fixture
def source(tmp_path: Path):
    """The shown task as a module, apart from the registry."""
    (tmp_path / "shown.py").write_text(TASK)
    spec = importlib.util.spec_from_file_location("shown_activity", tmp_path / "shown.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(
    workplace: Path, source, config_store, monkeypatch: pytest.MonkeyPatch, capsys
) -> Callable[[str], str]:
    """Runs a line of the document in a folder with the task and recordings; what it prints."""
    (workplace / "mine").mkdir()
    (workplace / "mine" / "activity.py").write_text(TASK)
    source.Activity.example_file(workplace, seed=0)
    monkeypatch.setenv("RECURBENCH_PLUGINS", "")

    def call(line: str) -> str:
        settings, words = [], shlex.split(line)
        while "=" in words[0]:
            settings.append(words.pop(0))
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("="))
            return ""
        with monkeypatch.context() as patch:
            for setting in settings:
                patch.setenv(*setting.split("="))
            registry.cache_clear()
            small = SMALL.split() if words[1] == "run" else []
            assert main([*words[1:], *small]) == 0, capsys.readouterr()
        return capsys.readouterr().out

    yield call
    registry.cache_clear()


def test_from_a_data_set_to_a_ranked_entry(run: Callable[[str], str], workplace: Path) -> None:
    shown = "".join(map(run, COMMANDS))
    assert "✓ activity: 16 of 16 properties hold, 1 does not apply" in shown
    table = shown[shown.index("activity: accuracy") :]
    for row in ("gru", "lstm", "rnn", "most_frequent"):
        assert row in table
    assert LISTING in shown
    assert "✓ my_task: 16 of 16 properties hold, 1 does not apply" in shown


def test_the_shown_failure_is_what_the_shown_mistake_gives(
    run: Callable[[str], str], workplace: Path, capsys
) -> None:
    assert "`rows.train + rows.val` in place of `rows.train`" in TEXT
    mistake = TASK.replace("for _, steps in rows.train]", "for _, steps in rows.train + rows.val]")
    assert mistake != TASK
    (workplace / "mine" / "activity.py").write_text(mistake)
    run(COMMANDS[0])
    registry.cache_clear()
    assert main(["check", "task", "activity"]) == 1
    shown = capsys.readouterr().out
    assert FAILURE in shown
    assert shown.count("  ✗ ") == 1


def test_the_shown_data_is_what_the_shown_task_reads(source, tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_text(DATA)
    rows = source.read(tmp_path / "data.tsv")
    assert [(activity, tuple(steps.shape)) for activity, steps in rows] == [
        ("rest", (3, 2)),
        ("walk", (4, 2)),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("walk 1,2 3,4", "line 2: write an activity, a tab and the steps"),
        ("walk\t1,2 3", "line 2: "),
        ("walk\t1,2,3 3,4,5", "line 2: each step is two numbers"),
        ("walk\t1,nan", "line 2: each step is two numbers"),
        ("walk\t", "line 2: each step is two numbers"),
    ],
)
def test_the_shown_task_names_a_wrong_line(line: str, reason: str, source, tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_text(f"rest\t1,2\n{line}\n")
    with pytest.raises(source.TaskError, match=re.escape(f"data.tsv, {reason}")):
        source.read(tmp_path / "data.tsv")


def test_the_shown_test_is_of_the_shown_task() -> None:
    compile(TEST, "test_activity.py", "exec")
    assert "class Activity(" in TASK
    assert "task = Activity" in TEST


def test_the_number_of_properties_is_the_suites() -> None:
    assert len(TASK_PROPERTIES) == 17
    assert "lists seventeen properties" in TEXT


def test_every_linked_or_named_file_is_there() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (DOCS.parent / link).exists(), link
    for name in re.findall(r"`((?:cells|tasks)/\w+\.py)`", TEXT):
        assert name == "tasks/my_task.py" or (ROOT / name).exists(), name
