"""What Hydra, OmegaConf and YAML refuse, as one line: the reason, the file and the line in it."""

import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.config.sections import Config
from recurbench.harness.errors import first_words, nearest
from recurbench.harness.plugins.registry import registry

EXTRAS = {
    "hydra/launcher": {
        "joblib": "joblib", "ray": "ray", "ray_aws": "ray",
        "submitit_local": "slurm", "submitit_slurm": "slurm",
    },
    "hydra/sweeper": {"optuna": "optuna"},
}  # fmt: skip
"""The extra of ours that brings a launcher or sweeper."""

GROUPS = ("cell", "task", "model", "optimizer", "train", "budget", "tuning", "logger", "trainer")
IN_CONFIG = re.compile(
    r"In '(?P<config>[^']+)': (?:\w+ raised while composing config:\n)?(?P<reason>.+)"
)
NO_KEY = re.compile(r"Key '(?P<key>[^']*)' not in '(?P<type>\w+)'")
NOT_FOUND = re.compile(r"Could not (?:find|load) '(?P<group>.+)/(?P<choice>[^/']+)'")
NOT_OVERRIDDEN = re.compile(r"Could not override '(?P<group>[^']+)'\. No match")
BAD_DEFAULTS = re.compile(r"[Ii]nvalid defaults list in '(?P<config>[^']+)', (?P<reason>.+)")
PARSER = re.compile("no viable alternative|token recognition|mismatched|extraneous|Lexer")
BEGIN = " Let the file begin with `defaults: [config, _self_]`"
PACKAGE = "begin the file with the line `# @package _global_`, then name options by section"


def missing_extra(group: str, choice: str) -> str:
    """How to install a launcher or sweeper that is not there, if an extra brings it."""
    extra = EXTRAS.get(group, {}).get(choice)
    return f"; install it: pip install 'recurbench[{extra}]'" if extra else ""


@dataclasses.dataclass(frozen=True)
class Presets:
    """The YAML files of a user that a command line may choose from.

    Attributes:
        folders: where they lie, those of a later folder first chosen last.
        chosen: the names of those that the command line chooses, as `experiment/mine`.
    """

    folders: Sequence[Path]
    chosen: Sequence[str]

    def complaint(self, error: BaseException) -> str:
        """An error of composing in one line, with file and line where one is to blame."""
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            mark = error.problem_mark
            return f"{shown(Path(mark.name))}:{mark.line + 1}: {_yaml_problem(error)}"
        if isinstance(error, yaml.YAMLError):
            return f"{getattr(error, 'name', 'a preset')}: {first_words(error)}"
        if isinstance(error, UnicodeDecodeError):
            return self._not_utf8() or first_words(error)
        if isinstance(error, UserWarning):  # Hydra's, about a primary configuration
            place = self.place(self.chosen[0], "defaults")
            return f"{place}: defaults lack `_self_`; add it last, so that the file's values win"
        if bad := BAD_DEFAULTS.search(str(error)):
            return f"{self.place(bad['config'], 'defaults')}: {bad['reason']}"
        if within := IN_CONFIG.match(str(error)):
            return self._in_config(within["config"], within["reason"], str(error))
        if str(error).startswith("Cannot find primary config"):
            return f"--config-name {self.chosen[0]}: no such file; name its folder by --config-dir"
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
        if cause is error and self._file(self.chosen[0]) is not None:
            hint = BEGIN if "No match in the defaults list" in str(error) else ""
            return f"{self.place(self.chosen[0], 'defaults')}: {first_words(error)}{hint}"
        return self.about_key(getattr(cause, "full_key", None), first_words(cause))

    def about_key(self, key: str | None, reason: str) -> str:
        """What is wrong with a key, with the place of the preset that sets it."""
        where = self.whence(key) if key else ""
        if PARSER.match(reason):
            reason = "cannot read the `${...}` in it"
        return ": ".join(filter(None, [where, key, reason]))

    def place(self, config: str, key: str = "") -> str:
        """`file:line` of a key in a preset; the preset's name if it is not a user's file."""
        file = self._file(config)
        if file is None:
            return config
        line = line_of(file, key.split(".")) if key else None
        return f"{shown(file)}:{line}" if line else shown(file)

    def whence(self, key: str) -> str:
        """`file:line` of the chosen preset that sets a key; empty without one."""
        for config in reversed(self.chosen):
            file = self._file(config)
            line = line_of(file, key.split(".")) if file else None
            if file and line:
                return f"{shown(file)}:{line}"
        return ""

    def _in_config(self, config: str, reason: str, whole: str) -> str:
        found = re.search(r"full_key: (\S+)", whole)
        key = found[1] if found else ""
        if unknown := NO_KEY.match(reason):
            group = config.rpartition("/")[0]
            if group and key == group.replace("/", "."):
                return f"{self.place(config)}: {PACKAGE}"
            section = key.rpartition(".")[0] or "the configuration"
            options = nearest(unknown["key"], options_of_type(unknown["type"]))
            return f"{self.place(config, key)}: {section} has no option {unknown['key']}{options}"
        if missing := NOT_FOUND.search(reason):
            return self._missing(config, missing["group"], missing["choice"], whole)
        if other := NOT_OVERRIDDEN.match(reason):
            groups = [*GROUPS, *EXTRAS]
            near = nearest(other["group"].lstrip("/"), groups)
            place = self.place(config, "defaults")
            return f"{place}: defaults override {other['group']}, which is no group{near}"
        return ": ".join(filter(None, [self.place(config, key), key, reason]))

    def _missing(self, config: str, group: str, choice: str, whole: str) -> str:
        """A default that is not there; where a preset overrides it, that preset is to blame."""
        blamed = next((c for c in self.chosen if self._mentions(c, choice)), config)
        listed = re.search(r"Available options in '[^']*':\n((?:\t\S+\n)*)", whole)
        known = listed[1].split() if listed else [*registry().plugins.get(group, ())]
        options = nearest(choice, known) if known else ""
        group = group.removeprefix("/")
        outer, _, inner = group.rpartition("/")
        hint = f"; write `- override /{inner}: {choice}`" if blamed.startswith(f"{outer}/") else ""
        what = f"defaults: no {choice} in the group {group}"
        extra = missing_extra(group, choice)
        return f"{self.place(blamed, 'defaults')}: {what}{extra or options}{'' if extra else hint}"

    def _mentions(self, config: str, choice: str) -> bool:
        file = self._file(config)
        return file is not None and re.search(rf"\b{re.escape(choice)}\b", _text(file)) is not None

    def _not_utf8(self) -> str:
        for file in self._files():
            try:
                file.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                line = file.read_bytes()[: error.start].count(b"\n") + 1
                return f"{shown(file)}:{line}: not UTF-8; save the file in that encoding"
        return ""

    def _files(self) -> Iterator[Path]:
        """Those that are chosen, then all others."""
        yield from filter(None, map(self._file, self.chosen))
        for folder in self.folders:
            yield from sorted(folder.rglob("*.yaml"))

    def _file(self, config: str) -> Path | None:
        files = (folder / f"{config}.yaml" for folder in self.folders)
        return next((file for file in files if file.is_file()), None)


def follow_interpolations(composed: DictConfig) -> None:
    """Follows `${...}` while it is known which files may hold it.

    Raises:
        OmegaConfBaseException: one leads nowhere.
    """
    for key in composed:
        if key == "hydra" or OmegaConf.is_missing(composed, key):
            continue
        node = composed[key]
        if OmegaConf.is_config(node):
            OmegaConf.to_container(node, resolve=True)


def options_of_type(name: str) -> list[str]:
    """The options of a section or plugin, given what OmegaConf calls its type."""
    for plugins in registry().plugins.values():
        for plugin in plugins.values():
            if f"{plugin.cls.__name__}Config" == name:
                return [knob.name for knob in plugin.knobs]
    sections = [Config, *filter(dataclasses.is_dataclass, get_type_hints(Config).values())]
    for section in sections:
        if section.__name__ == name:  # type: ignore[union-attr] # a class, not an instance
            return [option.name for option in dataclasses.fields(section)]
    return []


def line_of(file: Path, parts: Sequence[str]) -> int | None:
    """The line on which a YAML file sets a key, whatever package the file is for."""
    try:
        root = yaml.compose(_text(file), yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    for start in range(len(parts)):
        if line := _descend(root, parts[start:]):
            return line
    return None


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _descend(node: Any, parts: Sequence[str]) -> int | None:
    line = None
    for part in parts:
        if not isinstance(node, yaml.MappingNode):
            return None
        for key, value in node.value:
            if key.value in (part, f"override {part}"):
                line, node = key.start_mark.line + 1, value
                break
        else:
            return None
    return line


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "'\\t'" in problem:
        return "a tab; YAML is indented with spaces"
    return (
        f"not YAML: {problem}" if "duplicate key" not in problem else problem.removeprefix("found ")
    )


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
