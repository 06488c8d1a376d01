"""Composes the jobs of a command line before any runs, and turns Hydra's errors into one line."""

from functools import lru_cache
from typing import Any

from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.console import say
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.plugins.registry import registry

MANY = 50
"""So many jobs take some seconds to compose."""

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def compose_jobs(overrides: list[str], multirun: bool) -> tuple[list[DictConfig], bool]:
    """The configuration of every job that a command line asks for.

    A sweeper that chooses jobs as it goes, such as optuna's, cannot be expanded: then only what all
    its jobs share is composed.

    Args:
        overrides: Hydra overrides.
        multirun: whether `-m` was given; a configuration may ask for it too.

    Returns:
        One configuration per job, and whether this is a sweep.

    Raises:
        UserError: an override is wrong; names it and the nearest valid choice.
    """
    with initialize_config_module("recurbench.conf", version_base="1.3"):
        parsed, whole = _compose_shared(overrides)
        if not multirun and whole.hydra.mode != RunMode.MULTIRUN:
            for override in parsed:
                if override.is_sweep_override():
                    raise UserError(f"{override.input_line}: several values need `run -m`")
            return [_without_hydra(whole)], False
        if whole.hydra.sweeper._target_ != BASIC_SWEEPER:
            return [_without_hydra(whole)], True
        params = whole.hydra.sweeper.params or {}
        parsed = _parse([f"{key}={value}" for key, value in params.items()]) + parsed
        _check_groups(parsed)
        try:
            (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
        except HydraException as error:  # such as interval(), which other sweepers take
            raise UserError(_first_line(error)) from error
        if len(jobs) > MANY:
            say(f"checking {len(jobs)} runs before the first one starts")
        return [_compose(job) for job in jobs], True


def check_overrides(overrides: list[str]) -> None:
    """Refuses overrides that cannot be composed, without expanding a sweep.

    Raises:
        UserError: as `compose_jobs`.
    """
    with initialize_config_module("recurbench.conf", version_base="1.3"):
        _compose_shared(overrides)


def _compose_shared(overrides: list[str]) -> tuple[list[Override], DictConfig]:
    """The overrides, and the configuration that those with one value make, Hydra's own in it."""
    parsed = _parse(overrides)
    _check_groups(parsed)
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    return parsed, _compose(fixed, return_hydra_config=True)


def _without_hydra(composed: DictConfig) -> DictConfig:
    """What `compose` gives when it is not asked for Hydra's own configuration."""
    with open_dict(composed):
        del composed["hydra"]
    return composed


def options_of(group: str) -> list[str]:
    """The names that a config group offers: plugins and presets."""
    with initialize_config_module("recurbench.conf", version_base="1.3"):
        options: list[str] = GlobalHydra.instance().config_loader().get_group_options(group)
        return options


def _parse(overrides: list[str]) -> list[Override]:
    try:
        loader = GlobalHydra.instance().config_loader()
        return OverridesParser.create(loader).parse_overrides(overrides)
    except HydraException as error:
        raise UserError(f"cannot read the override: {_first_line(error)}") from error


def _check_groups(overrides: list[Override]) -> None:
    """Refuses to choose several from a config group, and a sweep over what it does not have."""
    for override in overrides:
        group = _group_of(override)
        if group is None:
            continue
        value = override.value()
        several = isinstance(value, list) and group != "logger"
        if several or value is None or override.is_delete() or "@" in override.get_key_element():
            raise UserError(f"{override.input_line}: choose one, as in {group}=NAME")
    _check_choices(overrides, [o for o in overrides if o.is_sweep_override()])


def _check_choices(overrides: list[Override], chosen: list[Override]) -> None:
    """Refuses a choice that a config group does not have.

    One that is not swept over is left to `compose`, and comes here only to say what is wrong:
    Hydra takes long to list a group.
    """
    loader = GlobalHydra.instance().config_loader()
    paths = [str(o.input_line) for o in overrides if o.get_key_element() == "hydra.searchpath"]
    for override in chosen:
        group = _group_of(override)
        if group is None:
            continue
        options = loader.get_group_options(group, config_name="config", overrides=paths)
        for choice in _choices(override):
            if choice not in options:
                raise UserError(
                    f"{group}={choice}{nearest(choice, options)}{_broken(group, choice)}"
                )


def _choices(override: Override) -> list[str]:
    """The names of a group's options that an override chooses."""
    if override.is_sweep_override():
        if not override.is_discrete_sweep():
            return []
        values: list[Any] = list(override.sweep_iterator())
    else:
        values = [override.value()]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [str(value) for value in flat if value is not None]


def _broken(kind: str, name: str) -> str:
    """Says so when the wanted plugin is there but could not be imported."""
    for plugin in registry().broken:
        if kind in plugin.kind.split("/") and name in plugin.origin:
            return f"; {plugin.origin} could not be used: {plugin.error}"
    return ""


def _compose(overrides: list[str], return_hydra_config: bool = False) -> DictConfig:
    """Composes one job; an error becomes one line about the override that caused it."""
    try:
        composed = compose("config", overrides, return_hydra_config=return_hydra_config)
        if any(_adds(override) for override in _parse(overrides)):
            _check_keys(overrides)  # `+` would add an option that nothing reads
        return composed
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        parsed = _parse(overrides)
        _check_choices(parsed, parsed)
        _check_keys(overrides)
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
        key = getattr(cause, "full_key", None)
        line = f"{key}: {_first_line(cause)}" if key else _first_line(cause)
        raise UserError(line) from error


def _check_keys(overrides: list[str]) -> None:
    """Refuses a key that the chosen groups do not have."""
    parsed = _parse(overrides)
    chosen = [str(o.input_line) for o in parsed if _group_of(o)]
    try:
        composed = compose("config", chosen, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, ValueError):
        return  # the choices themselves do not go together; Hydra says why
    for override in parsed:
        if _group_of(override) or (_adds(override) and _is_open(override)):
            continue
        node: Any = composed
        parts = override.get_key_element().lstrip("+~").split(".")
        for depth, part in enumerate(parts):
            if not isinstance(node, DictConfig):
                break
            if part not in node:
                section = ".".join(parts[:depth]) or "the configuration"
                name = f" ({node.name})" if depth and "name" in node else ""
                raise UserError(
                    f"{override.input_line}: {section}{name} has no option {part}"
                    f"{nearest(part, map(str, node))}"
                )
            node = OmegaConf.select(node, part)


def _adds(override: Override) -> bool:
    return override.is_add() or override.is_force_add()


def _is_open(override: Override) -> bool:
    """Whether `+` may add keys there: Hydra's plugins take options of their own."""
    return override.get_key_element().lstrip("+").startswith("hydra.")


def _group_of(override: Override) -> str | None:
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


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
