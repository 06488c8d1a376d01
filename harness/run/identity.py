"""What makes two runs the same run, comparable runs, or entries of one leaderboard."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurbench.harness.config.resolve import plugin_of
from recurbench.harness.config.sections import Config
from recurbench.harness.console import as_override
from recurbench.harness.model.build import budgets_of
from recurbench.harness.plugins.registry import Plugin
from recurbench.harness.results.record import PROTOCOL, Code, Entry, Track, digest
from recurbench.harness.run.first_defaults import FIRST_DEFAULTS, INDIFFERENT

Section = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """A run's place among all runs.

    Attributes:
        run_id: a hash of all that determines the result; never paths, loggers or kernels.
        track: id and content of what must agree for runs to be comparable.
        entry: id and label of the cell with the knobs that were set.
        code: the versions of all code that determines the result.
        sections: the resolved sections as plain values, without options that change no result; the
            budget is whole, as it was asked for.
    """

    run_id: str
    track: Track
    entry: Entry
    code: Code
    sections: dict[str, Section]


def identify(
    config: Config, fingerprint: str | None, machine: Mapping[str, Any] | None = None
) -> Identity:
    """Identifies a run by what differs from the defaults.

    Args:
        config: with all that was left open settled.
        fingerprint: of the data; None when it could not even be made.
        machine: hardware and threads, which decide how far a run gets in `train.max_seconds`.
    """
    cell, task = plugin_of(config, "cell"), plugin_of(config, "task")
    options = {name: identifying(name, getattr(config, name)) for name in FIRST_DEFAULTS}
    changed = {name: _changed(name, section) for name, section in options.items()}
    own_cell = _set_knobs(cell, config.cell, _left_out(config))
    # Where a file lies does not matter: what is in it has gone into the fingerprint.
    own_task = _set_knobs(task, config.task, task.cls.paths)
    limited = dict(machine or {}) if config.train.max_seconds is not None else None
    comparable = {
        "task": [task.name, own_task],
        "data": fingerprint,
        **{name: changed[name] for name in ("model", "train", "budget")},
        "precision": config.trainer.precision,
        **({"machine": limited} if limited else {}),
    }
    code = Code(protocol=PROTOCOL, cell=cell.version, task=task.version)
    determining = {
        **comparable,
        "cell": [cell.name, own_cell],
        "optimizer": changed["optimizer"],
        "seed": config.seed,
        "code": [code.protocol, code.cell, code.task],
    }
    track = Track(
        id=digest(comparable),
        task={key: value for key, value in config.task.items() if key not in task.cls.paths},
        data=fingerprint,
        precision=config.trainer.precision,
        machine=limited,
        **{name: options[name] for name in ("model", "train", "budget")},
    )
    entry = Entry(id=digest([cell.name, own_cell]), label=_label(cell, own_cell))
    budget = dataclasses.asdict(config.budget)
    sections = {"cell": config.cell, "task": config.task, **options, "budget": budget}
    return Identity(digest(determining), track, entry, code, sections)


def identifying(name: str, section: Any) -> Section:
    """The options of a section that can change a result."""
    left_out = INDIFFERENT.get(name, frozenset())
    options = dataclasses.asdict(section)
    return {option: value for option, value in options.items() if option not in left_out}


def _changed(name: str, section: Section) -> Section:
    """The options of a section that are not at their first default."""
    first = FIRST_DEFAULTS[name]
    return {
        option: value
        for option, value in section.items()
        if option not in first or value != first[option]
    }


def _left_out(config: Config) -> set[str]:
    """Knobs of a cell that do not identify it: a size that a budget solved is a result."""
    return {"kernel", "hidden_size"} if budgets_of(config) else {"kernel"}


def _set_knobs(plugin: Plugin, section: Section, left_out: set[str] | frozenset[str]) -> Section:
    """The knobs that are not at their defaults, in the order of the constructor."""
    return {
        knob.name: section[knob.name]
        for knob in plugin.knobs
        if knob.name not in left_out and section[knob.name] != knob.default
    }


def _label(plugin: Plugin, knobs: Section) -> str:
    """The cell's name with the knobs that were set."""
    return " ".join([plugin.name, *(f"{name}={as_override(v)}" for name, v in knobs.items())])
