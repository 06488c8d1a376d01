"""Fixtures that several folders of tests share."""

import copy
import gc
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from program import start

from recurbench.harness.plugins.registry import registry

SMALL = [
    "logger=none",
    "train.max_steps=3",
    "train.eval_every=2",
    "train.batch_size=4",
    "cell.hidden_size=8",
    "model.embedding_size=5",
]
"""Overrides that make any run a matter of milliseconds."""


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> None:
    """A shell that started the tests in the background has made them ignore Ctrl-C.

    `nohup` does so with SIGHUP, and libraries that tests use may put back what they have found.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def small() -> list[str]:
    return list(SMALL)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def config_store(monkeypatch: pytest.MonkeyPatch) -> ConfigStore:
    """Hydra's store, from which everything that a test registers disappears again."""
    Plugins.instance()  # puts Hydra's own launchers and sweepers there, once per process
    store = ConfigStore.instance()
    monkeypatch.setattr(store, "repo", copy.deepcopy(store.repo))
    return store


@pytest.fixture
def plugin_folder(
    config_store: ConfigStore,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A folder whose files are plugins for the length of a test."""
    folder = tmp_path_factory.mktemp("plugins")
    monkeypatch.setenv("RECURBENCH_PLUGINS", str(folder))
    registry.cache_clear()
    yield folder
    registry.cache_clear()


@pytest.fixture
def command(workplace: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `recurbench` as a program in an empty folder."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with start(*arguments, environment=environment, cwd=workplace) as process:
            out, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    return run


@pytest.fixture
def read_records(workplace: Path) -> Callable[..., list[dict[str, Any]]]:
    """All records below `results`, or another folder of results, in the current folder."""

    def read(results: str = "results") -> list[dict[str, Any]]:
        paths = sorted((workplace / results / "runs").rglob("*.json"))
        return [json.loads(path.read_text()) for path in paths]

    return read


def pytest_collection_finish() -> None:
    """Keeps what is there before the first test, all of torch, out of every garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def light_collections() -> None:
    """Keeps what earlier files have imported out of the collections that each run makes."""
    gc.collect()
    gc.freeze()
