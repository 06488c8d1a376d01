"""What tests of sweeps share: a cell that does harm."""

from collections.abc import Callable
from pathlib import Path

import pytest
from harmful import CELL
from hydra.core.config_store import ConfigStore

from recurbench.harness.cli import main


@pytest.fixture
def odd_cell(plugin_folder: Path, workplace: Path) -> Path:
    """The folder of plugins, with the cell `odd` in it."""
    (plugin_folder / "odd.py").write_text(CELL)
    return plugin_folder


@pytest.fixture
def statuses(read_records: Callable) -> Callable[[], dict[str, str]]:
    """The status of each record, by the harm that its cell does, or its cell's name."""

    def read() -> dict[str, str]:
        records = read_records()
        return {r["cell"].get("harm", r["cell"]["name"]): r["status"] for r in records}

    return read


@pytest.fixture
def run_here(workplace: Path, config_store: ConfigStore) -> Callable[..., int]:
    """`recurbench run` in this process; gives the exit code."""

    def run(*arguments: str) -> int:
        return main(["run", *arguments])

    return run
