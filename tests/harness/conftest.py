"""What the harness's tests share: plugins in a temporary folder and composed configurations."""

import linecache
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

from recurbench.harness.commands.loaded import new as scaffold
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.plugins.registry import Registry, registry

Discover = Callable[..., Registry]


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Discover]:
    """Writes plugin files into a folder of `RECURBENCH_PLUGINS` and discovers everything anew."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("RECURBENCH_PLUGINS", str(folder))
    before = set(sys.modules)

    def write_and_discover(**sources: str) -> Registry:
        for stem, source in sources.items():
            (folder / f"{stem}.py").write_text(source)
            linecache.clearcache()  # of an earlier source under the same name
        registry.cache_clear()
        return registry()

    registry.cache_clear()
    yield write_and_discover
    registry.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("recurbench_plugin_"):
            del sys.modules[name]


@pytest.fixture
def configure(config_store: ConfigStore) -> Callable[..., Config]:
    """`configure("cell=lstm", "seed=3")`: the configuration of a single run."""

    def compose(*overrides: str) -> Config:
        register()  # anew each time: a test may have written a plugin since
        (composed,), _ = compose_jobs(list(overrides), multirun=False)
        return resolve(composed)

    return compose


@pytest.fixture
def configure_sweep(config_store: ConfigStore) -> Callable[..., list[Config]]:
    """`configure_sweep("cell=lstm,gru")`: the configurations of a sweep, in its order."""
    register()

    def compose(*overrides: str) -> list[Config]:
        composed, multirun = compose_jobs(list(overrides), multirun=True)
        assert multirun
        return [resolve(config) for config in composed]

    return compose


@pytest.fixture
def checkout(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without any plugins, as the current folder."""
    shutil.copy(Path(__file__).parents[2] / "pyproject.toml", workplace)
    monkeypatch.setattr(scaffold, "HOME", workplace)
    return workplace
