"""A plugin is one file or one entry point; a bad one says where and why, and harms nothing else."""

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from plugins_kit import CELL, CELL_LINE, cell, only_error  # noqa: F401

from recurbench.harness.plugins import discovery
from recurbench.harness.plugins.registry import registry

BUILT_IN_CELLS = {"attention_gru", "gru", "lstm", "rnn", "torch_gru", "torch_lstm", "torch_rnn"}


BUILT_IN_TASKS = {
    "adding", "associative_recall", "compression", "copying", "cycle_navigation", "digits", "dyck",
    "forecasting", "induction", "language", "listops", "memorization", "memory_capacity",
    "modular_arithmetic", "music", "parity",
    "repeat_previous", "selective_copying", "sentiment", "t_maze", "tagging", "transduction",
    "translation", "variable_length", "word_problem",
}  # fmt: skip


TASK = """
from recurbench.tasks.base import Task


class Tiny(Task):
    \"\"\"A task of nothing.\"\"\"

    name = "tiny"
    primary = "accuracy"

    def __init__(self, length: int = 3) -> None:
        super().__init__()

    def load(self): ...
    def loss(self, outputs, targets): ...
    def metrics(self): ...
    def references(self): ...
    def fingerprint(self): ...
    def train_dataloader(self): ...
    def val_dataloader(self): ...
    def test_dataloader(self): ...
"""


def test_everything_built_in_is_found_and_sound(discover):
    found = discover()
    assert set(found.plugins["cell"]) >= BUILT_IN_CELLS
    assert set(found.plugins["task"]) == BUILT_IN_TASKS
    assert found.broken == []


@pytest.mark.parametrize(("kind", "name"), [("cell", "gru"), ("task", "copying")])
def test_a_built_in_plugin_tells_its_origin_and_summary(discover, kind, name):
    plugin = discover().plugins[kind][name]
    assert plugin.origin == f"{kind}s/{name}.py"
    assert plugin.summary
    assert "\n" not in plugin.summary


def test_a_file_may_hold_a_cell_and_a_task(discover):
    found = discover(both=cell("window: int = 3") + TASK)
    assert found.broken == []
    for kind, name in (("cell", "mine"), ("task", "tiny")):
        plugin = found.plugins[kind][name]
        assert plugin.kind == kind
        assert plugin.origin.endswith(f"{os.sep}both.py")
        assert re.fullmatch("[0-9a-f]{12}", plugin.version)
    assert found.plugins["task"]["tiny"].summary == "A task of nothing."


def test_several_folders_are_searched(discover, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "tiny.py").write_text(TASK)
    monkeypatch.setenv("RECURBENCH_PLUGINS", f"{tmp_path / 'plugins'}{os.pathsep}{other}")
    found = discover(mine=cell("window: int = 3"))
    assert "mine" in found.plugins["cell"]
    assert "tiny" in found.plugins["task"]


def test_a_folder_that_is_not_there_is_reported(discover, monkeypatch, tmp_path):
    monkeypatch.setenv("RECURBENCH_PLUGINS", str(tmp_path / "nowhere"))
    error = only_error(discover)
    assert str(tmp_path / "nowhere") in error
    assert "no such folder; correct RECURBENCH_PLUGINS" in error


def test_a_plugin_does_not_offer_what_it_imports(discover):
    source = "from recurbench.cells.gru import GRU\nfrom recurbench.tasks.copying import Copying\n"
    assert discover(importer=source).broken == []


def test_underscored_and_abstract_classes_are_not_offered(discover):
    source = cell("window: int = 3") + TASK
    found = discover(hidden=source.replace("class Mine", "class _Mine").replace("Tiny", "_Tiny"))
    assert found.broken == []
    assert "mine" not in found.plugins["cell"]
    assert "tiny" not in found.plugins["task"]


def install(site: Path, group: str, target: str) -> None:
    """An installed distribution, as pip leaves it, with one entry point."""
    info = site / "fancy_cells-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fancy-cells\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{group}]\nmine = {target}\n")


@pytest.mark.parametrize(
    ("group", "target", "kind", "name"),
    [
        ("recurbench.cells", "fancy_module_{id}:Mine", "cell", "mine"),
        ("recurbench.cells", "fancy_module_{id}", "cell", "mine"),
        ("recurbench.tasks", "fancy_module_{id}:Tiny", "task", "tiny"),
        ("recurbench.tasks", "fancy_module_{id}", "task", "tiny"),
    ],
)
def test_an_installed_distribution_offers_plugins_by_entry_point(
    discover, monkeypatch, tmp_path, request, group, target, kind, name
):
    target = target.format(id=f"{kind}_{':' in target}".lower())
    site = tmp_path / "site"
    install(site, group, target)
    (site / f"{target.partition(':')[0]}.py").write_text(cell("window: int = 3") + TASK)
    monkeypatch.syspath_prepend(site)
    found = discover()
    assert found.broken == []
    plugin = found.plugins[kind][name]
    assert plugin.origin == f"fancy-cells 1.2 ({target})"
    assert re.fullmatch("[0-9a-f]{12}", plugin.version)


@pytest.mark.parametrize("target", ["fancy_missing:Mine", "recurbench.cells.gru:NoSuchCell"])
def test_an_entry_point_that_leads_nowhere_is_listed(discover, monkeypatch, tmp_path, target):
    install(tmp_path / "site", "recurbench.cells", target)
    monkeypatch.syspath_prepend(tmp_path / "site")
    error = only_error(discover)
    assert f"fancy-cells 1.2 ({target})" in error
    assert "Error: " in error


def test_an_entry_point_without_a_distribution_goes_by_its_target(discover, monkeypatch):
    def points(group):
        from recurbench.cells.gru import GRU

        point = SimpleNamespace(dist=None, value="somewhere:GRU", load=lambda: GRU)
        return [point] if group == "recurbench.cells" else []

    monkeypatch.setattr(discovery, "entry_points", points)
    assert "somewhere:GRU" in only_error(discover)


@pytest.mark.parametrize(
    ("source", "line", "error"),
    [
        ("x = 1\ndef f(:\n", 2, "SyntaxError: invalid syntax"),
        ("\nimport no_such_package\n", 2, "ModuleNotFoundError: No module named"),
        (
            "from recurbench.cells.gru import Nothing\n",
            1,
            "ImportError: cannot import name 'Nothing'",
        ),
        ("def f():\n    raise RuntimeError('boom')\n\nf()\n", 2, "RuntimeError: boom"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
    ],
    ids=["syntax", "missing-package", "missing-name", "raises", "exits"],
)
def test_a_file_that_cannot_be_imported_is_listed_by_line_and_hurts_no_other(
    discover, source, line, error
):
    found = discover(bad=source, good=TASK)
    (broken,) = found.broken
    assert broken.origin.endswith("bad.py")
    assert f"bad.py:{line}: {error}" in broken.error
    assert "tiny" in found.plugins["task"]
    assert set(found.plugins["cell"]) >= BUILT_IN_CELLS


def test_a_subclass_does_not_inherit_its_name(discover):
    source = "from recurbench.cells.gru import GRU\n\n\nclass Mine(GRU):\n    pass\n"
    assert 'wrong.py:4 (Mine): add the class attribute name = "..."' in only_error(
        discover, wrong=source
    )


def test_a_presets_name_is_taken(discover):
    error = only_error(discover, wrong=cell("x: int = 3", name="gru_cho"))
    assert "the name 'gru_cho' is taken by " in error
    assert f"gru_cho.yaml; give {error.partition(': ')[0]}:{CELL_LINE} (Mine) another" in error


def test_a_refused_class_does_not_hurt_its_neighbours(discover):
    found = discover(mixed=cell("window=3") + TASK)
    assert len(found.broken) == 1
    assert "tiny" in found.plugins["task"]


def test_a_name_clash_names_both_origins_and_the_built_in_wins(discover):
    found = discover(clash=cell("window: int = 3", name="gru"))
    (broken,) = found.broken
    assert found.plugins["cell"]["gru"].origin == "cells/gru.py"
    assert broken.origin.endswith("clash.py")
    assert "'gru' is taken by cells/gru.py" in broken.error
    assert f"clash.py:{CELL_LINE} (Mine)" in broken.error


def test_a_cell_and_a_task_may_share_a_name(discover):
    found = discover(same=cell("window: int = 3", name="tiny") + TASK)
    assert found.broken == []
    assert found.plugins["cell"]["tiny"].kind == "cell"
    assert found.plugins["task"]["tiny"].kind == "task"


def test_discovery_happens_once(discover):
    assert discover() is registry()
