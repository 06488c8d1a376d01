"""`recurbench new task` writes what runs and passes, and never over anything."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from recurbench.harness.cli import main


def written(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_task_in_tree_is_sound_and_clean(checkout, discover, config_store, capsys):
    assert main(["new", "task", "my_task"]) == 0
    assert written(checkout) == {
        "pyproject.toml",
        "tasks/my_task.py",
        "tests/tasks/test_my_task.py",
    }
    assert capsys.readouterr().out.splitlines() == [
        "wrote tasks/my_task.py",
        "wrote tests/tasks/test_my_task.py",
        "put your data where tasks/my_task.py says TODO, then",
        "  recurbench check task my_task",
        "  python -m pytest tests/tasks/test_my_task.py",
        "  recurbench run -m cell=gru,lstm task=my_task",
        "  recurbench leaderboard --task my_task",
    ]
    source = (checkout / "tasks" / "my_task.py").read_text()
    test = (checkout / "tests/tasks/test_my_task.py").read_text()
    assert "from recurbench.tasks.my_task import MyTask" in test

    found = discover(my_task=source)
    assert found.broken == []
    assert found.plugins["task"]["my_task"].cls.__name__ == "MyTask"
    assert main(["check", "task", "my_task"]) == 0

    for package in ("tasks", "harness/conformance"):  # so that ruff sorts their imports as our own
        (checkout / package).mkdir(parents=True, exist_ok=True)
        (checkout / package / "__init__.py").touch()
    (checkout / "tasks" / "base.py").touch()
    for mode in (["check"], ["format", "--check"]):
        files = ["tasks/my_task.py", "tests/tasks/test_my_task.py"]
        lint = [sys.executable, "-m", "ruff", *mode, "--no-cache", *files]
        subprocess.run(lint, cwd=checkout, check=True, timeout=60)


def test_a_task_out_of_tree_is_a_package_whose_test_passes(workplace, capsys):
    assert main(["new", "task", "my_task", "--out-of-tree", "mine"]) == 0
    folder, module = workplace / "mine", "recurbench_my_task"
    assert written(folder) == {
        f"{module}.py", "tests/test_my_task.py", "pyproject.toml", "README.md",
    }  # fmt: skip
    assert "  pip install -e mine\n  recurbench check task my_task\n" in capsys.readouterr().out
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["description"] == "The task my_task for recurbench"
    assert project["entry-points"] == {"recurbench.tasks": {"my_task": f"{module}:MyTask"}}
    for name in written(folder):
        text = (folder / name).read_text()
        assert str(workplace) not in text
        assert "$" not in text
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(pytest_, cwd=folder, check=True, timeout=200)


@pytest.mark.parametrize(
    ("name", "class_name"), [("task", "MyTask"), ("chords", "ChordsTask"), ("a_1b", "A1bTask")]
)
def test_a_class_is_named_after_its_task_and_hides_nothing(name, class_name, workplace):
    assert main(["new", "task", name, "--out-of-tree", "mine"]) == 0
    assert f"class {class_name}(Classification)" in Path(f"mine/recurbench_{name}.py").read_text()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MyTask", "a task's name is of a-z, 0-9 and single _, as in my_task"),
        ("true", "choose another"),
        ("copying", "there is such a task or preset already"),
    ],
)
def test_a_name_that_cannot_be_is_one_line(name, reason, checkout, capsys):
    assert main(["new", "task", name]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"recurbench: {name}: ")
    assert reason in shown.err
    assert shown.err.count("\n") == 1
    assert written(checkout) == {"pyproject.toml"}


def test_the_name_of_a_package_within_tasks_is_taken(checkout, capsys):
    (checkout / "tasks" / "common").mkdir(parents=True)
    assert main(["new", "task", "common"]) == 2
    assert "tasks/common is a package already" in capsys.readouterr().err


def test_what_is_there_is_not_overwritten(checkout, capsys):
    test = checkout / "tests" / "tasks" / "test_mine.py"
    test.parent.mkdir(parents=True)
    test.write_text("precious")
    assert main(["new", "task", "mine"]) == 2
    assert "there already; nothing is overwritten or written" in capsys.readouterr().err
    assert test.read_text() == "precious"
    assert not (checkout / "tasks").exists()
