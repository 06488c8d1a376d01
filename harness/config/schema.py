"""What Hydra is told: where a configuration begins, and what sections and plugins may hold."""

import dataclasses
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

from hydra import initialize_config_module
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra

from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.plugins.knobs import is_choice
from recurbench.harness.plugins.registry import registry


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a configuration begins.

    Attributes:
        name: the primary configuration, `--config-name`.
        directory: a folder of a user's own presets, `--config-dir`.
        folders: all folders of such presets, those of `hydra.searchpath` too.
    """

    name: str = "config"
    directory: Path | None = None
    folders: tuple[Path, ...] = ()


OURS = Source()


@contextmanager
def opened(source: Source) -> Iterator[None]:
    """Hydra, ready to compose from our groups and a user's folder."""
    with (
        warnings.catch_warnings(),
        initialize_config_module("recurbench.conf", version_base="1.3"),
    ):
        warnings.filterwarnings("error", ".*missing `_self_`", UserWarning)
        if source.directory is not None:
            if not source.directory.is_dir():
                raise UserError(f"--config-dir {source.directory}: no such folder")
            loader: Any = GlobalHydra.instance().config_loader()
            path = loader.get_search_path()
            folder = f"file://{source.directory.absolute()}"
            path.prepend("command-line", folder, SearchPathQuery(provider="schema"))
            loader.repository.initialize_sources(path)
        yield


def register() -> None:
    """Stores the schema and every plugin's knobs in Hydra's ConfigStore."""
    store = ConfigStore.instance()
    store.store(name="schema", node=node_of(Config))
    for kind, plugins in registry().plugins.items():
        for plugin in plugins.values():
            several = kind == "logger"  # may be chosen, each under its name
            node: Any = plugin.config_class(named=not several)
            store.store(group=kind, name=plugin.name, node={plugin.name: node} if several else node)


def node_of(section: type) -> type:
    """A section as OmegaConf can hold it: no limits, and a `str` for a `Literal`."""
    hints = get_type_hints(section)
    fields: list[tuple[str, Any, Any]] = []
    for option in dataclasses.fields(section):
        held = hints[option.name]
        default = dataclasses.field(default=option.default)
        if dataclasses.is_dataclass(held):
            held = node_of(held)  # type: ignore[arg-type] # a class, not an instance
            default = dataclasses.field(default_factory=held)
        elif option.default_factory is not dataclasses.MISSING:
            default = dataclasses.field(default_factory=option.default_factory)
        fields.append((option.name, str if is_choice(held) else held, default))
    return dataclasses.make_dataclass(section.__name__, fields)
