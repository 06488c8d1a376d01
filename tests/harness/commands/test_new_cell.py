"""`recurbench new cell` writes what runs and passes, and never over anything."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.commands.loaded import new as scaffold


def written(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_cell_in_tree_is_sound_and_clean(checkout, discover, config_store, capsys):
    assert main(["new", "cell", "my_cell"]) == 0
    assert written(checkout) == {
        "pyproject.toml",
        "cells/my_cell.py",
        "tests/cells/test_my_cell.py",
    }
    assert capsys.readouterr().out.splitlines() == [
        "wrote cells/my_cell.py",
        "wrote tests/cells/test_my_cell.py",
        "put your equations where cells/my_cell.py says TODO, then",
        "  recurbench check cell my_cell",
        "  python -m pytest tests/cells/test_my_cell.py",
        "  recurbench run -m cell=my_cell,gru task=copying budget.parameters=20000",
        "  recurbench leaderboard --task copying",
    ]
    source = (checkout / "cells" / "my_cell.py").read_text()
    assert len(source.splitlines()) <= 60
    test = (checkout / "tests/cells/test_my_cell.py").read_text()
    assert "from recurbench.cells.my_cell import MyCell" in test

    found = discover(my_cell=source)
    assert found.broken == []
    assert found.plugins["cell"]["my_cell"].cls.__name__ == "MyCell"
    assert main(["check", "cell", "my_cell"]) == 0

    for package in ("cells", "harness/conformance"):  # so that ruff sorts their imports as our own
        (checkout / package).mkdir(parents=True, exist_ok=True)
        (checkout / package / "__init__.py").touch()
    for mode in (["check"], ["format", "--check"]):
        files = ["cells/my_cell.py", "tests/cells/test_my_cell.py"]
        lint = [sys.executable, "-m", "ruff", *mode, "--no-cache", *files]
        subprocess.run(lint, cwd=checkout, check=True, timeout=60)


def test_a_cell_out_of_tree_is_a_package(workplace, capsys):
    assert main(["new", "cell", "my_cell", "--out-of-tree", "mine"]) == 0
    folder = workplace / "mine"
    module = "recurbench_my_cell"
    assert written(folder) == {
        f"{module}.py", "tests/test_my_cell.py", "pyproject.toml", "README.md",
    }  # fmt: skip
    shown = capsys.readouterr().out
    assert "  pip install -e mine\n  recurbench check cell my_cell\n" in shown
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"recurbench.cells": {"my_cell": f"{module}:MyCell"}}
    assert f"from {module} import MyCell" in (folder / "tests" / "test_my_cell.py").read_text()
    for name in written(folder):
        text = (folder / name).read_text()
        assert str(workplace) not in text
        assert "$" not in text


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("gru2", "Gru2Cell"), ("recurrent", "MyRecurrentCell"), ("a_1b", "A1bCell")],
)
def test_a_class_is_named_after_its_cell_and_hides_nothing(name, class_name, workplace):
    assert main(["new", "cell", name, "--out-of-tree", "mine"]) == 0
    assert f"class {class_name}(RecurrentCell[" in Path(f"mine/recurbench_{name}.py").read_text()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MyCell", "a-z, 0-9 and single _"),
        ("my-cell", "a-z, 0-9 and single _"),
        ("1st", "a-z, 0-9 and single _"),
        ("../up", "a-z, 0-9 and single _"),
        ("größe", "a-z, 0-9 and single _"),
        ("class", "choose another"),
        ("true", "choose another"),
        ("test_me", "choose another"),
        ("gru", "there is such a cell or preset already"),
        ("gru_cho", "there is such a cell or preset already"),
    ],
)
@pytest.mark.parametrize("place", [[], ["--out-of-tree", "mine"]])
def test_a_name_that_cannot_be_is_one_line(name, reason, place, checkout, capsys):
    assert main(["new", "cell", name, *place]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"recurbench: {name}: ")
    assert reason in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out
    assert written(checkout) == {"pyproject.toml"}


def test_what_is_there_is_not_overwritten(checkout, capsys):
    test = checkout / "tests" / "cells" / "test_mine.py"
    test.parent.mkdir(parents=True)
    test.write_text("precious")
    assert main(["new", "cell", "mine"]) == 2
    error = capsys.readouterr().err
    assert error == (
        "recurbench: tests/cells/test_mine.py: there already; nothing is overwritten or written\n"
    )
    assert test.read_text() == "precious"
    assert not (checkout / "cells").exists()


def test_a_folder_that_cannot_be_written_to_is_one_line(workplace, capsys):
    (workplace / "file").touch()
    assert main(["new", "cell", "mine", "--out-of-tree", "file"]) == 2
    assert capsys.readouterr().err.startswith("recurbench: file/recurbench_mine.py: ")


def test_without_a_checkout_the_other_ways_are_named(workplace, monkeypatch, capsys):
    monkeypatch.setattr(scaffold, "HOME", workplace)
    assert main(["new", "cell", "mine"]) == 2
    error = capsys.readouterr().err
    assert f"not a checkout but installed in {workplace}; " in error
    assert "--out-of-tree DIR" in error
    assert "RECURBENCH_PLUGINS" in error
