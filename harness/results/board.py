"""A board: tracks side by side, what tells them apart, and what they have in common."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.plain import plain
from recurbench.harness.results.probes import Probe
from recurbench.harness.results.runs import Run
from recurbench.harness.results.studies import Study, summarise
from recurbench.harness.results.tracks import Track, build_tracks

Settings = dict[str, Any]
"""Options by their dotted names, such as `task.delay`."""

MISSING = object()
"""The value of an option that a track does not have."""

_NUMBER = re.compile(r"((?:(?<==)-)?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
"""A number in a name or in a title; a hyphen is a sign only where a value begins."""


@dataclass(frozen=True)
class Filter:
    """Which runs are wanted; what is empty asks for nothing.

    Attributes:
        where: values as they are written on the command line, by dotted names.
    """

    tasks: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)

    def of(self, runs: Iterable[Run]) -> list[Run]:
        """The runs that are wanted.

        Raises:
            UserError: no run has a name that was asked for; the nearest one is said.
        """
        kept = list(runs)
        for option, wanted, known in (
            ("task", self.tasks, lambda run: {run.setting.task}),
            ("cell", self.cells, lambda run: {run.setting.cell["name"], run.setting.entry.label}),
            ("track", self.tracks, lambda run: {run.setting.track.id}),
            ("study", self.studies, lambda run: {run.study} - {None}),
        ):
            kept = _named(kept, option, wanted, known)
        for name, value in self.where.items():
            kept = _having(kept, name, value)
        return kept


@dataclass(frozen=True)
class Board:
    """Tracks that a reader sees together.

    Attributes:
        tracks: by task, then by what tells them apart; numbers in either count as such.
        distinct: what tells each track from the others of its task, by the track's id.
        own: what else a track does not share with all others, by its id.
        common: the settings that all tracks share.
        studies: summaries over all tracks of a study, those that were asked for.
        probes: of cells and runs, which the page shows beside entries.
    """

    tracks: list[Track]
    distinct: dict[str, Settings]
    own: dict[str, Settings]
    common: Settings
    studies: list[Study]
    probes: list[Probe] = field(default_factory=list)

    def name(self, track: Track) -> str:
        """The track's task with what tells it from its neighbours."""
        return " ".join([plain(track.asked), *in_words(self.distinct[track.id])])

    def title(self, track: Track) -> str:
        """The track's name, metric and direction."""
        direction = "higher" if track.higher_is_better else "lower"
        metric = plain(track.metric or "no completed run")
        return f"{self.name(track)}: {metric}, {direction} is better"

    def settings(self, track: Track) -> str:
        """What else the track does not share with all others."""
        return " ".join(in_words(self.own[track.id]))

    def files(self) -> dict[str, set[str]]:
        """The ids of the runs that count, by the files of their records."""
        found: dict[str, set[str]] = defaultdict(set)
        for track in self.tracks:
            for row in track.entries:
                for run in row.runs:
                    found[run["record"]].add(run["run_id"])
        return found

    @property
    def shared(self) -> str:
        """What all tracks share, in words."""
        return " ".join(in_words(self.common))


def build_board(
    runs: Iterable[Run],
    *,
    paired: bool = False,
    studies: Iterable[str] = (),
    splits: Mapping[str, str] | None = None,
) -> Board:
    """Ranks runs on their tracks, and finds out how these differ.

    Args:
        runs: in any order.
        paired: as in `build_tracks`.
        studies: names of those to summarise.
        splits: as in `build_tracks`.
    """
    tracks = build_tracks(runs, paired=paired, splits=splits)
    settings = {track.id: _set(_flat(track.settings)) for track in tracks}
    by_task: dict[str, list[str]] = defaultdict(list)
    for track in tracks:
        by_task[track.task].append(track.id)
    common = _shared(list(settings.values())) if len(tracks) > 1 else {}
    distinct, own = {}, {}
    for ids in by_task.values():
        alike = _shared([settings[name] for name in ids])
        for name in ids:
            differs = {key: v for key, v in settings[name].items() if key not in alike}
            # A fingerprint says nothing to a reader as long as something else differs.
            if len(differs) > 1:
                differs.pop("data", None)
            distinct[name] = differs
            own[name] = {
                key: value
                for key, value in settings[name].items()
                if key not in common and key not in differs
            }
    ordered = sorted(
        tracks,
        key=lambda track: (
            _natural(track.task),
            _natural(" ".join(in_words(distinct[track.id]))),
            track.id,
        ),
    )
    summaries = [
        summarise(name, [track for track in ordered if name in track.studies]) for name in studies
    ]
    return Board(ordered, distinct, own, common, summaries)


def options_of(run: Run) -> Settings:
    """All options of a run by their dotted names."""
    setting = run.setting
    return {
        **_flat(msgspec.to_builtins(setting.track)),
        **_flat({"cell": setting.cell, "optimizer": setting.optimizer}),
        "task.name": setting.task,
        "cell.name": setting.cell["name"],
        "optimizer.name": setting.optimizer.get("name"),
        "seed": run.seed,
        "status": run.status,
        "study": run.study,
    }


def _named(runs: list[Run], option: str, wanted: tuple[str, ...], known: Any) -> list[Run]:
    if not wanted:
        return runs
    names = {name for run in runs for name in known(run)}
    for name in wanted:
        if name not in names:
            raise UserError(f"--{option} {name}: no record of it{nearest(name, sorted(names))}")
    return [run for run in runs if known(run) & set(wanted)]


def _having(runs: list[Run], name: str, value: str) -> list[Run]:
    options = [options_of(run) for run in runs]
    known = {key for found in options for key in found}
    if name not in known:
        raise UserError(f"--where {name}: no record has it{nearest(name, sorted(known))}")
    pairs = zip(runs, options, strict=True)
    kept = [run for run, found in pairs if _is(found.get(name, MISSING), value)]
    if not kept:
        values = sorted({as_override(found[name]) for found in options if name in found})
        raise UserError(f"--where {name}={value}: no record has that{nearest(value, values)}")
    return kept


def _is(found: Any, value: str) -> bool:
    """Whether a value is the one that is written; numbers are compared as such."""
    if found is MISSING:
        return False
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return float(value) == found
        except ValueError:
            return False
    return value in (as_override(found), str(found))


def _flat(sections: Mapping[str, Any]) -> Settings:
    found: Settings = {}
    for section, options in sections.items():
        if isinstance(options, dict):
            named = {f"{section}.{key}": value for key, value in options.items() if key != "name"}
            found |= named
        elif options is not None:
            found[section] = options
    return found


def _set(settings: Settings) -> Settings:
    """Those that are not off: an option that came later, and is off, tells no tracks apart."""
    return {name: value for name, value in settings.items() if value is not None}


def _natural(text: str) -> list[str | float]:
    """A key that sorts texts as people do: text and numbers in turn, `2` before `10`."""
    parts = _NUMBER.split(text)
    return [float(part) if place % 2 else part for place, part in enumerate(parts)]


def _shared(settings: list[Settings]) -> Settings:
    """The options that all have, with one value."""
    first, *others = settings
    return {
        key: value
        for key, value in first.items()
        if all(other.get(key, MISSING) == value for other in others)
    }


def in_words(settings: Settings) -> list[str]:
    """Options as they are written on the command line."""
    return [
        plain(f"{name.rpartition('.')[2]}={as_override(value)}") for name, value in settings.items()
    ]
