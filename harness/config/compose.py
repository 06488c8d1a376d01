"""Composes the jobs of a command line before any runs, and turns Hydra's errors into one line."""

import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from recurbench.harness.config.complaints import Presets, follow_interpolations, missing_extra
from recurbench.harness.config.overrides import (
    adds,
    choices,
    is_open,
    require_one_limit,
    search_paths,
)
from recurbench.harness.config.schema import OURS, Source, opened
from recurbench.harness.config.shared import COMPOSING, Composer, name_study, without_hydra
from recurbench.harness.console import say
from recurbench.harness.errors import UserError, first_words, nearest
from recurbench.harness.plugins.registry import registry

MANY = 500
"""So many jobs take some seconds to compose."""

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def compose_jobs(
    overrides: list[str], multirun: bool, source: Source = OURS
) -> tuple[list[DictConfig], bool]:
    """The configuration of every job that a command line asks for.

    A sweeper that chooses jobs as it goes, such as optuna's, cannot be expanded: then only what all
    its jobs share is composed.

    Args:
        overrides: Hydra overrides.
        multirun: whether `-m` was given; a configuration may ask for it too.
        source: where the configuration begins.

    Returns:
        One configuration per job, with the experiment's name as its study if it has no other, and
        whether this is a sweep.

    Raises:
        UserError: an override is wrong; names it and the nearest valid choice.
    """
    with opened(source):
        source, parsed, whole = compose_shared(overrides, source)
        if not multirun and whole.hydra.mode != RunMode.MULTIRUN:
            _require_single_values(parsed)
            return [name_study(*without_hydra(whole))], False
        if whole.hydra.sweeper._target_ != BASIC_SWEEPER:
            return [name_study(*without_hydra(whole))], True
        _refuse_sweeps_of_sweeps(parsed, source)
        params = whole.hydra.sweeper.params or {}
        parsed = parse([f"{key}={value}" for key, value in params.items()]) + parsed
        _check_groups(parsed, source)
        jobs = _split(parsed)
        if len(jobs) > MANY:
            say(f"checking {len(jobs)} runs before the first one starts")
        composer = Composer(source, jobs)
        return [composer.compose(job) or _compose(job, source) for job in jobs], True


def compose_whole(overrides: list[str], source: Source = OURS) -> DictConfig:
    """What the jobs of a sweep share, with Hydra's own part: its launcher, its sweeper, the rest.

    Raises:
        UserError: as `compose_jobs`.
    """
    with opened(source):
        return compose_shared(overrides, source)[2]


def check_overrides(
    overrides: list[str], multirun: bool = True, source: Source = OURS
) -> list[str]:
    """The overrides of the first job, after refusing what cannot be composed for it.

    Raises:
        UserError: as `compose_jobs`.
    """
    with opened(source):
        source, parsed, _ = compose_shared(overrides, source)
        if not any(override.is_sweep_override() for override in parsed):
            return overrides
        if not multirun:
            _require_single_values(parsed)
        job, *_ = _split(parsed)
        _compose(job, source)
        return job


def compose_shared(
    overrides: list[str], source: Source
) -> tuple[Source, list[Override], DictConfig]:
    """The overrides, and the configuration that those with one value make, Hydra's own in it.

    Raises:
        UserError: as `compose_jobs`.
    """
    parsed = parse(overrides)
    source = replace(source, folders=_folders(parsed, source))
    _check_groups(parsed, source)
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    whole = _compose(fixed, source, with_hydra=True)
    if whole.hydra.job.chdir:
        raise UserError(
            "hydra.job.chdir=true: results, files and plugins are named from the folder that "
            "the command starts in; leave it false"
        )
    return source, parsed, whole


def _require_single_values(overrides: list[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line}: several values need `run -m`")


def _refuse_sweeps_of_sweeps(overrides: list[Override], source: Source) -> None:
    """Refuses several experiments of which one sweeps over what Hydra would drop in silence."""
    fixed = [str(o.input_line) for o in overrides if not o.is_sweep_override()]
    given = {o.get_key_element() for o in overrides}
    several = [o for o in overrides if _group_of(o) == "experiment" and o.is_sweep_override()]
    for override, choice in ((o, choice) for o in several for choice in choices(o)):
        chosen = _compose([*fixed, f"experiment={choice}"], source, with_hydra=True)
        dropped = (OmegaConf.select(chosen, "hydra.sweeper.params") or {}).keys() - given
        if dropped:
            lost = f"{choice} sweeps over {', '.join(sorted(dropped))} by itself"
            raise UserError(f"{override.input_line}: {lost}; run one after the other")


def _split(overrides: list[Override]) -> list[list[str]]:
    """The overrides of each job of a sweep."""
    try:
        (jobs,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    except HydraException as error:  # such as interval(), which other sweepers take
        raise UserError(first_words(error)) from error
    return list(jobs)


def options_of(group: str) -> list[str]:
    """The names that a config group offers: plugins and presets."""
    with opened(OURS):
        options: list[str] = GlobalHydra.instance().config_loader().get_group_options(group)
        return options


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


def _check_groups(overrides: list[Override], source: Source) -> None:
    """Refuses to choose several from a config group, and a sweep over what it does not have."""
    for override in overrides:
        group = _group_of(override)
        if group is None:
            continue
        value = override.value()
        several = isinstance(value, list) and group != "logger"
        if several or value is None or override.is_delete() or "@" in override.get_key_element():
            raise UserError(f"{override.input_line}: choose one, as in {group}=NAME")
    _check_choices(overrides, [o for o in overrides if o.is_sweep_override()], source)


def _check_choices(overrides: list[Override], chosen: list[Override], source: Source) -> None:
    """Refuses a choice that a config group does not have.

    One that is not swept over is left to `compose`, and comes here only to say what is wrong:
    Hydra takes long to list a group.
    """
    loader = GlobalHydra.instance().config_loader()
    for override in chosen:
        group = _group_of(override)
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


def _compose(overrides: list[str], source: Source, with_hydra: bool = False) -> DictConfig:
    """Composes one job; an error becomes one line about what caused it."""
    try:
        composed = compose(source.name, overrides, return_hydra_config=True)
        if not with_hydra:
            composed = name_study(*without_hydra(composed))
        parsed = parse(overrides)
        require_one_limit(parsed)
        if any(adds(override) for override in parsed):
            _check_keys(overrides, source)  # `+` would add an option that nothing reads
        if source.folders:
            follow_interpolations(composed)
        return composed
    except COMPOSING as error:
        parsed = parse(overrides)
        chosen = [
            f"{group}/{name}" for o in parsed if (group := _group_of(o)) for name in choices(o)
        ]
        presets = Presets(source.folders, [source.name, *chosen])
        try:
            _check_choices(parsed, parsed, source)
            _check_keys(overrides, source)
        except COMPOSING as another:  # the primary configuration itself cannot be read
            raise UserError(presets.complaint(another)) from another
        raise UserError(presets.complaint(error)) from error


def _folders(overrides: list[Override], source: Source) -> tuple[Path, ...]:
    """The folders of a user's presets.

    Raises:
        UserError: one is not there.
    """
    loader: Any = GlobalHydra.instance().config_loader()
    try:
        with warnings.catch_warnings(action="ignore"):  # Hydra only warns of a missing folder
            _, repository = loader._parse_overrides_and_create_caching_repo(
                source.name, search_paths(overrides)
            )
    except COMPOSING as error:
        known = (source.directory,) if source.directory else ()
        raise UserError(Presets(known, [source.name]).complaint(error)) from error
    places = repository.get_sources()
    for place in places:
        if not place.available():
            raise UserError(f"hydra.searchpath: no such folder: {place.path}")
    return tuple(Path(place.path) for place in places if place.scheme() == "file")


def _check_keys(overrides: list[str], source: Source) -> None:
    """Refuses a key that the chosen groups do not have."""
    parsed = parse(overrides)
    chosen = [str(o.input_line) for o in parsed if _group_of(o)]
    try:
        composed = compose(source.name, [*search_paths(parsed), *chosen], return_hydra_config=True)
    except COMPOSING:
        return  # the choices themselves do not go together; Hydra says why
    for override in parsed:
        if _group_of(override) or (adds(override) and is_open(override)):
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
