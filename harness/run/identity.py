"""What makes two runs the same run, comparable runs, or entries of one leaderboard."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from recurbench.harness.config.resolve import plugin_of
from recurbench.harness.config.sections import Config
from recurbench.harness.plugins.registry import Plugin
from recurbench.harness.results.record import identity


@dataclass(frozen=True)
class Identity:
    """A run's place among all runs.

    Attributes:
        run_id: hash of all that determines the result; never paths, loggers, device or threads.
        track: id and content of what must agree for runs to be comparable.
        entry: id and label of the cell with its knobs, and the version of its code.
        sections: the resolved sections as plain values, with the options that identify.
    """

    run_id: str
    track: dict[str, Any]
    entry: dict[str, str]
    sections: dict[str, dict[str, Any]]


def identify(config: Config, fingerprint: str | None) -> Identity:
    """Identifies a run; `fingerprint` is None when the data could not even be made."""
    sections = {
        "cell": config.cell,
        "task": config.task,
        **{
            name: identifying(getattr(config, name))
            for name in ("model", "optimizer", "train", "budget")
        },
    }
    cell, task = plugin_of(config, "cell"), plugin_of(config, "task")
    # Where a file lies does not matter: what is in it has gone into the fingerprint.
    knobs = {key: value for key, value in config.task.items() if key not in task.cls.paths}
    comparable = {
        "task": knobs,
        "data": fingerprint,
        **{name: sections[name] for name in ("model", "train", "budget")},
        "precision": config.trainer.precision,
    }
    determining = {
        **comparable,
        **{name: sections[name] for name in ("cell", "optimizer")},
        "seed": config.seed,
        "versions": [cell.version, task.version],
    }
    return Identity(
        run_id=identity(determining),
        track={"id": identity(comparable), **comparable},
        entry={
            "id": identity(config.cell),
            "label": _label(cell, config.cell),
            "version": cell.version,
        },
        sections=sections,
    )


def identifying(section: Any) -> dict[str, Any]:
    """The options of a section that make two runs different."""
    return {
        option.name: getattr(section, option.name)
        for option in dataclasses.fields(section)
        if option.metadata.get("identity", True)
    }


def _label(plugin: Plugin, section: dict[str, Any]) -> str:
    """The cell's name with the knobs that are not at their defaults."""
    changed = [
        f"{knob.name}={str(value).lower() if isinstance(value, bool) else value}"
        for knob in plugin.knobs
        if (value := section[knob.name]) != knob.default
    ]
    return " ".join([plugin.name, *changed])
