"""`recurbench list` shows what a person needs to choose a cell or task, and what is broken."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.commands import catalogue
from recurbench.harness.commands.loaded import catalogue as asking
from recurbench.harness.plugins.registry import registry

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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, workplace: Path, config_store) -> list[str]:
    """Grows when the plugins are asked; the cache is empty at first."""
    times: list[str] = []
    ask = asking.ask_plugins

    def counted():
        times.append("asked")
        return ask()

    monkeypatch.setattr(asking, "ask_plugins", counted)
    monkeypatch.setenv("XDG_CACHE_HOME", str(workplace / "cache"))
    return times


def cached(workplace: Path) -> list[Path]:
    return list(workplace.glob("cache/recurbench/catalogue/*"))


def test_plugins_are_asked_once_as_long_as_their_code_is_the_same(
    asked, plugin_folder, workplace, capsys
):
    (plugin_folder / "bare.py").write_text(BARE)
    assert main(["list"]) == 0
    first = capsys.readouterr().out
    assert main(["list"]) == 0
    assert capsys.readouterr().out == first
    assert len(asked) == 1
    registry.cache_clear()
    (plugin_folder / "bare.py").write_text(BARE.replace("nothing of", "little of"))
    assert main(["list", "tasks"]) == 0
    assert "bare  Says little of itself." in capsys.readouterr().out
    assert len(asked) == 2
    assert len(cached(workplace)) == 2


def test_what_cannot_be_used_is_looked_at_every_time(asked, plugin_folder, workplace, capsys):
    (plugin_folder / "crooked.py").write_text("import nothing_of_that_name\n")
    assert main(["list"]) == main(["list"]) == 0
    assert capsys.readouterr().out.count("not usable") == 2
    assert len(asked) == 2
    assert cached(workplace) == []


def test_a_folder_of_plugins_that_has_gone_is_named(asked, plugin_folder, monkeypatch, capsys):
    monkeypatch.setenv("RECURBENCH_PLUGINS", str(plugin_folder / "gone"))
    registry.cache_clear()
    assert main(["list"]) == 0
    assert "no such folder; correct RECURBENCH_PLUGINS" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"{", b"[[1], []]", b"\xff"])
def test_a_spoilt_cache_is_made_anew(content, asked, workplace, capsys):
    assert main(["list"]) == 0
    whole = capsys.readouterr().out
    (file,) = cached(workplace)
    file.write_bytes(content)
    assert main(["list"]) == 0
    assert capsys.readouterr().out == whole
    assert len(asked) == 2
    assert main(["list"]) == 0
    assert len(asked) == 2


def test_installed_plugins_are_asked_every_time(asked, monkeypatch, workplace, capsys):
    point = EntryPoint("theirs", "recurbench.cells.gru:GRU", "recurbench.cells")
    monkeypatch.setattr(catalogue, "entry_points", lambda group: [point] * ("cell" in group))
    assert main(["list"]) == main(["list"]) == 0
    assert len(asked) == 2
    assert cached(workplace) == []


def test_a_cache_that_cannot_be_written_costs_time_only(asked, workplace, monkeypatch, capsys):
    (workplace / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(workplace / "file"))
    assert main(["list"]) == main(["list"]) == 0
    assert "cell.reset_after=true" in capsys.readouterr().out
    assert len(asked) == 2
