"""Composes the jobs of a command line before any runs, and turns Hydra's errors into one line."""

import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from recurbench.harness.config.complaints import Presets, follow_interpolations
from recurbench.harness.config.groups import (
    check_choices,
    check_groups,
    check_keys,
    group_of,
    parse,
)
from recurbench.harness.config.overrides import (
    adds,
    choices,
    require_one_limit,
    search_paths,
)
from recurbench.harness.config.schema import OURS, Source, opened
from recurbench.harness.config.shared import COMPOSING, Composer, name_study, without_hydra
from recurbench.harness.console import say
from recurbench.harness.errors import UserError, first_words

KINDS = ("cell", "task")
"""The groups whose choices bring knobs of their own."""

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
        params = {**(whole.hydra.sweeper.params or {}), **_sweep_of_experiments(parsed, source)}
        parsed = parse([f"{key}={value}" for key, value in params.items()]) + parsed
        check_groups(parsed, source)
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
    check_groups(parsed, source)
    whole = _compose_fixed(parsed, source)
    if whole.hydra.job.chdir:
        raise UserError(
            "hydra.job.chdir=true: results, files and plugins are named from the folder that "
            "the command starts in; leave it false"
        )
    return source, parsed, whole


def _compose_fixed(overrides: list[Override], source: Source) -> DictConfig:
    """What the overrides with one value make, but for knobs of plugins that are swept over.

    The default plugin may not have such a knob, and each job will say it if its own has not.
    """
    fixed = [o for o in overrides if not o.is_sweep_override()]
    swept = {o.get_key_element() for o in overrides if o.is_sweep_override()} & set(KINDS)

    def composed(left_out: Collection[str]) -> DictConfig:
        kept = [o for o in fixed if _section_of(o) not in left_out]
        return _compose([str(o.input_line) for o in kept], source, with_hydra=True)

    try:
        return composed(swept)
    except UserError:
        if not {_section_of(o) for o in fixed} & set(KINDS):
            raise
        whole = composed(KINDS)  # an experiment may be what sweeps
        if not set(whole.hydra.sweeper.params or ()) & set(KINDS):
            raise
        return whole


def _section_of(override: Override) -> str | None:
    """The section whose option an override sets; None if it chooses the section itself."""
    section, dot, _ = override.get_key_element().lstrip("+~").partition(".")
    return section if dot else None


def _require_single_values(overrides: list[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line}: several values need `run -m`")


def _sweep_of_experiments(overrides: list[Override], source: Source) -> dict[str, Any]:
    """What several experiments that are swept over sweep over by themselves, each of them alike.

    Hydra drops it in silence, as it asks its sweeper before an experiment is chosen.
    """
    fixed = [str(o.input_line) for o in overrides if not o.is_sweep_override()]
    given = {o.get_key_element() for o in overrides}
    several = [o for o in overrides if group_of(o) == "experiment" and o.is_sweep_override()]
    found: dict[str, dict[str, Any]] = {}
    for choice in (choice for override in several for choice in choices(override)):
        chosen = _compose([*fixed, f"experiment={choice}"], source, with_hydra=True)
        params = (OmegaConf.select(chosen, "hydra.sweeper.params") or {}).items()
        found[choice] = {key: value for key, value in params if key not in given}
    if not found:
        return {}
    first = next(iter(found.values()))
    for choice, params in found.items():
        if params != first:
            lost = ", ".join(sorted({**params, **first}))
            raise UserError(
                f"{several[0].input_line}: {choice} does not sweep over {lost} as "
                f"{next(iter(found))} does; run one after the other"
            )
    return first


def _split(overrides: list[Override]) -> list[list[str]]:
    """The overrides of each job of a sweep."""
    try:
        (jobs,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    except HydraException as error:  # such as interval(), which other sweepers take
        raise UserError(first_words(error)) from error
    if not jobs:
        empty = next(
            str(o.input_line) for o in overrides if o.is_sweep_override() and not choices(o)
        )
        raise UserError(f"{empty}: this is no value at all; Hydra's glob sees no hydra.searchpath")
    return list(jobs)


def options_of(group: str) -> list[str]:
    """The names that a config group offers: plugins and presets."""
    with opened(OURS):
        options: list[str] = GlobalHydra.instance().config_loader().get_group_options(group)
        return options


def _compose(overrides: list[str], source: Source, with_hydra: bool = False) -> DictConfig:
    """Composes one job; an error becomes one line about what caused it."""
    try:
        composed = compose(source.name, overrides, return_hydra_config=True)
        if not with_hydra:
            composed = name_study(*without_hydra(composed))
        parsed = parse(overrides)
        require_one_limit(parsed)
        if any(adds(override) for override in parsed):
            check_keys(overrides, source)  # `+` would add an option that nothing reads
        if source.folders:
            follow_interpolations(composed)
        return composed
    except COMPOSING as error:
        parsed = parse(overrides)
        chosen = [
            f"{group}/{name}" for o in parsed if (group := group_of(o)) for name in choices(o)
        ]
        presets = Presets(source.folders, [source.name, *chosen])
        try:
            check_choices(parsed, parsed, source)
            check_keys(overrides, source)
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
