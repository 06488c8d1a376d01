"""Composes the jobs of a sweep from what they share, each exactly as Hydra would compose it.

Hydra takes a tenth of a second for a job: it merges the files that the choices of groups name, then
sets options. Here files are merged once for all jobs that choose alike. And where the files of a
choice say nothing outside of their group's section, the other sections stay as they are, so that a
section is merged once for each choice, not for each combination. Choices that reach further, such
as an experiment, and files with `${...}` are left to Hydra.
"""

import copy
import io
import pickle
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import yaml
from hydra import compose
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.config.complaints import follow_interpolations
from recurbench.harness.config.overrides import (
    adds,
    is_open,
    require_one_limit,
    search_paths,
)
from recurbench.harness.config.schema import Source

COMPOSING = (
    HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, UserWarning, RecursionError,
)  # fmt: skip
"""What composing raises about a user's overrides and files; the last of one that names itself."""

Choices = tuple[str, ...]
"""The overrides of a job that choose from groups or are for Hydra itself, as they are written."""

Base = tuple["Frozen", str | None]
"""What choices make before any option is set, and the experiment among them."""


class Composer:
    """Composes the jobs of one sweep.

    Args:
        source: where the configuration begins.
        jobs: the overrides of each job; what is at one place is for one key.
    """

    def __init__(self, source: Source, jobs: list[list[str]]) -> None:
        self._source = source
        loader: Any = GlobalHydra.instance().config_loader()
        self._loader = loader
        self._overrides: dict[str, Override] = {}
        self._groups: dict[str, bool] = {}
        self._bases: dict[Choices, Base] = {}
        self._by_hydra: dict[Choices, Base] = {}
        self._defaults: dict[Choices, list[ResultDefault]] = {}
        self._sections: dict[tuple[Choices, int, str], tuple[str, Any] | None] = {}
        self._plain: dict[str, bool] = {}
        paths = search_paths([self._parsed(text) for text in jobs[0]])
        _, self._files = loader._parse_overrides_and_create_caching_repo(source.name, paths)
        self._copies = _Copies(self._files)
        self._usual = self._choices_of(jobs[0])

    def compose(self, job: list[str]) -> DictConfig | None:
        """The configuration of a job; None if Hydra has to compose it, or to say what is wrong."""
        parsed = [self._parsed(text) for text in job]
        require_one_limit(parsed)
        if any(adds(override) and not is_open(override) for override in parsed):
            return None
        options = [override for override in parsed if not self._is_choice(override)]
        try:
            base, experiment = self._base(self._choices_of(job))
            composed: DictConfig = base.copy()
            self._loader._apply_overrides_to_config(options, composed)
            if self._source.folders:
                follow_interpolations(composed)
        except COMPOSING:
            return None
        return name_study(composed, experiment)

    def _parsed(self, text: str) -> Override:
        if text not in self._overrides:
            (override,) = OverridesParser.create(self._loader).parse_overrides([text])
            self._overrides[text] = override
        return self._overrides[text]

    def _choices_of(self, job: list[str]) -> Choices:
        return tuple(text for text in job if self._is_choice(self._parsed(text)))

    def _is_choice(self, override: Override) -> bool:
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = self._files.group_exists(key)
        chooses = self._groups[key] and not isinstance(override.value(), dict)
        return chooses or key == "hydra" or key.startswith("hydra.")

    def _base(self, choices: Choices) -> Base:
        if choices not in self._bases:
            self._bases[choices] = self._joined(choices) or self._made_by_hydra(choices)
        return self._bases[choices]

    def _joined(self, choices: Choices) -> Base | None:
        """The usual choices' sections, but for those of other choices; None if that is not all."""
        usual = tuple(
            self._usual[place] if self._section(self._usual, place, choice) else choice
            for place, choice in enumerate(choices)
        )
        base, experiment = self._made_by_hydra(usual)
        joined = base.copy()
        with flag_override(joined, "no_deepcopy_set_nodes", True):  # it is copied as a whole next
            for place, choice in enumerate(choices):
                if choice != usual[place]:
                    found = self._section(usual, place, choice)
                    if found is None:
                        return None
                    section, content = found
                    joined[section] = content
        return Frozen(joined), experiment

    def _made_by_hydra(self, choices: Choices) -> Base:
        if choices not in self._by_hydra:
            whole = compose(self._source.name, list(choices), return_hydra_config=True)
            composed, experiment = without_hydra(whole)
            self._by_hydra[choices] = Frozen(composed), experiment
        return self._by_hydra[choices]

    def _section(self, choices: Choices, place: int, choice: str) -> tuple[str, Any] | None:
        """The one section that changes where one of several choices does, and what is in it then.

        None if no section changes, or if several might.
        """
        key = choices, place, choice
        if key not in self._sections:
            self._sections[key] = None
            if choice != choices[place]:
                with suppress(*COMPOSING):  # Hydra says what is wrong, in the job that has it
                    self._sections[key] = self._merged(choices, place, choice)
        return self._sections[key]

    def _merged(self, choices: Choices, place: int, choice: str) -> tuple[str, Any] | None:
        section = self._parsed(choice).key_or_group.partition("/")[0].partition(".")[0]
        others = (*choices[:place], choice, *choices[place + 1 :])
        before, after = self._files_of(choices), self._files_of(others)
        alike = _outside(section, before) == _outside(section, after)
        plain = all(map(self._is_plain, [*before, *after])) and "${" not in "".join(others)
        if section == "hydra" or not alike or not plain:
            return None
        touching = [default for default in after if _section_of(default) in ("", section)]
        merged = self._loader._compose_config_from_defaults_list(touching, self._copies)
        return (section, merged._get_node(section)) if section in merged else None

    def _files_of(self, choices: Choices) -> list[ResultDefault]:
        """The files that choices name, in the order in which Hydra merges them."""
        if choices not in self._defaults:
            overrides = [self._parsed(choice) for choice in choices]
            found = create_defaults_list(self._files, self._source.name, overrides, True, False)
            self._defaults[choices] = found.defaults
        return self._defaults[choices]

    def _is_plain(self, default: ResultDefault) -> bool:
        """Whether a file is free of `${...}`, by which it could depend on what others say."""
        path = str(default.config_path)
        if path not in self._plain:
            defaults = self._files.load_config(path).defaults_list
            own = _section_of(default) != "hydra"  # what Hydra reads of itself goes no further
            content = OmegaConf.to_yaml(self._copies.load_config(path).config) if own else ""
            self._plain[path] = "${" not in f"{defaults}{content}"
        return self._plain[path]


class Frozen:
    """Something to copy often, five times as fast as by `copy.deepcopy`.

    Types are not copied: those of our sections are made while running, and cannot be pickled.
    """

    def __init__(self, content: Any) -> None:
        self._types: list[type] = []
        written = io.BytesIO()
        pickler = _Pickler(written, pickle.HIGHEST_PROTOCOL)
        pickler.types = self._types
        pickler.dump(content)
        self._pickled = written.getvalue()

    def copy(self) -> Any:
        """A copy that shares nothing."""
        unpickler = _Unpickler(io.BytesIO(self._pickled))
        unpickler.types = self._types
        return unpickler.load()


class _Pickler(pickle.Pickler):
    types: list[type]

    def persistent_id(self, content: Any) -> int | None:
        if not isinstance(content, type):
            return None
        self.types.append(content)
        return len(self.types) - 1


class _Unpickler(pickle.Unpickler):
    types: list[type]

    def persistent_load(self, number: int) -> type:
        return self.types[number]


class _Copies:
    """Files to merge, which changes them, without what they tell Hydra itself.

    Args:
        files: as they were read.
    """

    def __init__(self, files: CachingConfigRepository) -> None:
        self._files = files
        self._frozen: dict[str, Frozen] = {}

    def load_config(self, config_path: str) -> ConfigResult:
        """A copy of a file."""
        if config_path not in self._frozen:
            loaded = copy.deepcopy(self._files.load_config(config_path))
            assert loaded is not None
            if isinstance(loaded.config, DictConfig):
                with open_dict(loaded.config):
                    loaded.config.pop("hydra", None)
            self._frozen[config_path] = Frozen(loaded)
        copied: ConfigResult = self._frozen[config_path].copy()
        return copied

    def get_schema_source(self) -> ConfigSource:
        """Where the types are, as Hydra asks for it."""
        return self._files.get_schema_source()


def without_hydra(whole: DictConfig) -> tuple[DictConfig, str | None]:
    """What `compose` gives when it is not asked for Hydra's own configuration; the experiment."""
    experiment = whole.hydra.runtime.choices.get("experiment")
    with open_dict(whole):
        del whole["hydra"]
    return whole, experiment


def name_study(composed: DictConfig, experiment: str | None) -> DictConfig:
    """Names the study by the experiment, if it has no other name."""
    with suppress(OmegaConfBaseException):  # `resolve` says what is wrong with it
        composed.study = composed.study or experiment
    return composed


def _outside(section: str, defaults: Iterable[ResultDefault]) -> list[ResultDefault]:
    return [default for default in defaults if _section_of(default) != section]


def _section_of(default: ResultDefault) -> str:
    """The section that a file is for; empty if it may be for all of them."""
    return str(default.package or "").partition(".")[0]
