"""A plugin's version changes with the code that it reaches, and with nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.plugins.registry import registry
from recurbench.harness.plugins.versions import version_of

CELL = '''
"""A cell."""
import torch
from recurbench.cells.base import HiddenState, RecurrentCell

class Mine(RecurrentCell[HiddenState]):
    """Forgets."""

    name = "mine"
    year = 2020

    def __init__(self, input_size: int, hidden_size: int = 8, *, window: int = 3):
        super().__init__(input_size, hidden_size)
        self.window = window

    def initial_state(self, batch_size):
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        # as it comes
        return x

    def recur(self, u, state):
        return state.h, state
'''


@pytest.fixture
def version(discover: Callable) -> Callable[[str], str]:
    """The version of a cell, given its source."""

    def of(source: str) -> str:
        plugin = discover(mine=source).plugins["cell"]["mine"]
        return plugin.version

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# as it comes", "# just as it comes"),
        ('"""Forgets."""', '"""Forgets all."""'),
        ('"""A cell."""', ""),
        ("        return x\n", "        return (x)\n\n"),
        ("year = 2020", "year = 2021"),
        ("window: int = 3", "window: int = 3, noise: float = 0.0"),
        ("window: int = 3", "window: int = 3, decay: float | None = None, tied: bool = False"),
    ],
)
def test_what_changes_no_result_changes_no_version(version, old, new):
    assert old in CELL
    assert version(CELL.replace(old, new)) == version(CELL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return state.h, state", "return -state.h, state"),
        ("return x\n", "return 0.5 * x\n"),
        ("window: int = 3", "window: int = 4"),
        ("hidden_size: int = 8", "hidden_size: int = 16"),
        ("window: int = 3", "window: int = 3, noise: float = 0.5"),
    ],
)
def test_what_may_change_a_result_changes_the_version(version, old, new):
    assert old in CELL
    assert version(CELL.replace(old, new)) != version(CELL)


def test_a_class_can_say_that_its_code_gives_the_results_of_earlier_code(version):
    """As after adding a knob that is used, with a default that changes nothing."""
    before = version(CELL)
    knob = CELL.replace("window: int = 3", "window: int = 3, scale: float = 1.0").replace(
        "return x\n", "return self.scale * x\n"
    )
    after = version(knob)
    assert after != before
    attribute = f'same_results_as = {{"{after}": "{before}"}}'
    said = knob.replace("year = 2020", f"year = 2020\n    {attribute}")
    assert version(said) == before
    assert version(said.replace("return self.scale", "return 2 * self.scale")) != before


def test_the_place_of_a_file_of_plugins_does_not_matter(discover, monkeypatch, tmp_path):
    here = discover(mine=CELL).plugins["cell"]["mine"].version
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.py").write_text(CELL)
    monkeypatch.setenv("RECURBENCH_PLUGINS", str(elsewhere))
    registry.cache_clear()
    assert registry().plugins["cell"]["mine"].version == here


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of others whose cell takes its arithmetic from a module beside it."""
    folder = tmp_path / "their_cells"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "maths.py").write_text("def half(x):\n    return x / 2\n")
    (folder / "unused.py").write_text("NOTHING = 1\n")
    source = CELL.replace("import torch\n", "import torch\nfrom .maths import half\n")
    (folder / "cell.py").write_text(source.replace("return x\n", "return half(x)\n"))
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("their_cells")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("maths.py", "x / 2", "x / 4", True),
        ("maths.py", "def half", "# by two\ndef half", False),
        ("unused.py", "1", "2", False),
    ],
)
def test_modules_of_its_own_package_count_if_they_are_reached(package, file, old, new, changes):
    from their_cells.cell import Mine

    before = version_of(Mine)
    path = package / file
    path.write_text(path.read_text().replace(old, new))
    assert (version_of(Mine) != before) is changes


def test_every_built_in_plugin_has_a_version_of_its_own():
    for kind, shared in (("cell", {"torch_gru", "torch_lstm", "torch_rnn"}), ("task", set())):
        plugins = registry().plugins[kind]
        versions = [plugin.version for name, plugin in plugins.items() if name not in shared]
        assert len(set(versions)) == len(versions)
