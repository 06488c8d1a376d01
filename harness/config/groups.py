"""What overrides choose from config groups, and whether it is there."""

from functools import lru_cache
from typing import Any

from hydra import compose
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from recurbench.harness.config.complaints import missing_extra
from recurbench.harness.config.overrides import adds, choices, is_open, search_paths
from recurbench.harness.config.schema import Source
from recurbench.harness.config.shared import COMPOSING
from recurbench.harness.errors import UserError, first_words, nearest
from recurbench.harness.plugins.registry import registry


def parse(overrides: list[str]) -> list[Override]:
    """Overrides as Hydra reads them; it must be open.

    Raises:
        UserError: one cannot be read.
    """
    try:
        loader = GlobalHydra.instance().config_loader()
        return OverridesParser.create(loader).parse_overrides(overrides)
    except HydraException as error:
        raise UserError(f"cannot read the override: {first_words(error)}") from error


def check_groups(overrides: list[Override], source: Source) -> None:
    """Refuses to choose several from a config group, and a sweep over what it does not have."""
    for override in overrides:
        group = group_of(override)
        if group is None:
            continue
        value = override.value()
        several = isinstance(value, list) and group != "logger"
        if several or value is None or override.is_delete() or "@" in override.get_key_element():
            raise UserError(f"{override.input_line}: choose one, as in {group}=NAME")
    check_choices(overrides, [o for o in overrides if o.is_sweep_override()], source)


def check_choices(overrides: list[Override], chosen: list[Override], source: Source) -> None:
    """Refuses a choice that a config group does not have.

    One that is not swept over is left to `compose`, and comes here only to say what is wrong:
    Hydra takes long to list a group.
    """
    loader = GlobalHydra.instance().config_loader()
    for override in chosen:
        group = group_of(override)
        if group is None:
            continue
        paths = search_paths(overrides)
        options = loader.get_group_options(group, config_name=source.name, overrides=paths)
        for choice in choices(override):
            if choice not in options:
                hint = missing_extra(group, choice) or nearest(choice, options)
                raise UserError(f"{group}={choice}{hint}{_broken(group, choice)}")


def _broken(kind: str, name: str) -> str:
    """Says so when the wanted plugin is there but could not be imported."""
    for plugin in registry().broken:
        if kind in plugin.kind.split("/") and name in plugin.origin:
            return f"; {plugin.origin} could not be used: {plugin.error}"
    return ""


def check_keys(overrides: list[str], source: Source) -> None:
    """Refuses a key that the chosen groups do not have."""
    parsed = parse(overrides)
    chosen = [str(o.input_line) for o in parsed if group_of(o)]
    try:
        composed = compose(source.name, [*search_paths(parsed), *chosen], return_hydra_config=True)
    except COMPOSING:
        return  # the choices themselves do not go together; Hydra says why
    for override in parsed:
        if group_of(override) or (adds(override) and is_open(override)):
            continue
        node: Any = composed
        parts = override.get_key_element().lstrip("+~").split(".")
        for depth, part in enumerate(parts):
            if not isinstance(node, DictConfig):
                break
            if part not in node:
                section = ".".join(parts[:depth]) or "the configuration"
                name = f" ({node.name})" if depth and node.get("name") else ""
                raise UserError(
                    f"{override.input_line}: {section}{name} has no option {part}"
                    f"{nearest(part, map(str, node))}"
                )
            node = OmegaConf.select(node, part)


def group_of(override: Override) -> str | None:
    """The config group that an override chooses from, if it does."""
    group = override.get_key_element().lstrip("+~").partition("@")[0]
    if "." in group:  # the key of an option
        return None
    parent, _, name = group.rpartition("/")
    return group if name in _groups_in(GlobalHydra.instance().config_loader(), parent) else None


@lru_cache(maxsize=4)
def _groups_in(loader: ConfigLoader, parent: str) -> list[str]:
    """The names of the groups below one, which Hydra takes long to list."""
    return loader.list_groups(parent)
