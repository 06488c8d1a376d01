"""All loggers of a run together."""

import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain
from recurbench.harness.errors import PLUGIN_ERRORS, UserError, first_line, nearest
from recurbench.harness.plugins.logger import Entry, Logger, Point, RunInfo
from recurbench.harness.plugins.registry import Plugin, registry
from recurbench.harness.results.leases import ENTRIES
from recurbench.harness.results.record import Cost
from recurbench.harness.results.writing import write_whole

INTERRUPTED = "interrupted"
"""How a run ended that has no record yet, since the next command resumes it."""


def logger_of(name: str) -> Plugin:
    """The logger of a name.

    Raises:
        UserError: there is none; names the nearest.
    """
    plugins = registry().plugins["logger"]
    if name not in plugins:
        raise UserError(f"logger.{name}: no such logger{nearest(name, plugins)}")
    return plugins[name]


class Loggers:
    """All loggers of a run; an error of one ends that one with a warning, and nothing else.

    Each gets copies of what it is told, so that none can change a run or its record.

    Args:
        config: says which, and their options.
        run: what they will show; None only checks the options.

    Attributes:
        entries: the record's `logger` section.

    Raises:
        UserError: a logger is unknown or refuses its options.
    """

    def __init__(self, config: Config, run: RunInfo | None = None) -> None:
        self.entries: list[Entry] = []
        self._run = run
        self._made: dict[str, Logger] = {}
        self._open: dict[str, Logger] = {}
        for name, options in config.logger.items():
            plugin = logger_of(name)
            for knob in plugin.knobs:
                if reason := knob.complaint(f"logger.{name}.{knob.name}", options[knob.name]):
                    raise UserError(reason)
            try:
                self._made[name] = plugin.cls(**options)
            except PLUGIN_ERRORS as error:
                raise UserError(f"logger={name}: {first_line(error)}") from error

    @property
    def offline(self) -> str | None:
        """The folder of a wandb run that waits to be uploaded."""
        for entry in self.entries:
            if entry["name"] == "wandb" and "directory" in entry:
                return entry["directory"]
        return None

    def start(self, place: Path, resumes: bool) -> None:
        """Opens every logger and collects the record's `logger` entries.

        Args:
            place: the folder of what the run saves, where the entries are kept while it trains.
            resumes: whether the run goes on from what it saved there.
        """
        if self._run is None:
            return
        earlier = _kept(place)
        kept: dict[str, Entry] = {}
        for name, logger in self._made.items():
            run = replace(
                self._run,
                config=copy.deepcopy(self._run.config),
                resumes=resumes,
                earlier=earlier.get(name),
            )
            self._open[name] = logger
            if entry := self._ask(name, "start", partial(_begin, logger, run)):
                kept[name] = entry
        self.entries += kept.values()
        _keep(kept, place)

    def log(self, step: int, point: Point) -> None:
        """Shows a point of the curve in every logger."""
        for name, logger in list(self._open.items()):
            self._ask(name, "log", partial(logger.log, step, dict(point)))

    def finish(self, results: dict[str, Point], cost: Cost | None, status: str) -> None:
        """Shows the metrics of every split and the cost, and closes every logger.

        Args:
            results: metrics by split, shown as `test/accuracy`.
            cost: what the run cost so far, shown as `cost/train_seconds`.
            status: the record's, or `INTERRUPTED`.
        """
        summary = {f"{split}/{k}": v for split, found in results.items() for k, v in found.items()}
        if cost is not None:
            summary |= {f"cost/{name}": v for name, v in msgspec.to_builtins(cost).items()}
        for name, logger in list(self._open.items()):
            self._ask(name, "finish", partial(logger.finish, dict(summary), status))

    def _ask(self, name: str, action: str, call: Callable[[], Any]) -> Any:
        """What a logger answers; one that raises is switched off, and the run goes on."""
        try:
            return call()
        except PLUGIN_ERRORS as error:
            logger = self._open.pop(name)
            if action == "log":
                with suppress(*PLUGIN_ERRORS):
                    logger.finish({}, "failed")
            complain(f"logger {name}: {action} failed, this logger is off: {first_line(error)}")
            return None


def _kept(place: Path) -> dict[str, Entry]:
    """What loggers gave at the start of a run that was not finished, by their names."""
    try:
        return msgspec.json.decode((place / ENTRIES).read_bytes(), type=dict[str, Entry])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _keep(entries: dict[str, Entry], place: Path) -> None:
    if not entries:
        return
    try:
        write_whole(place / ENTRIES, msgspec.json.encode(entries))
    except OSError as error:
        complain(f"{place / ENTRIES}: {error.strerror}; a resumed run will be new to its loggers")


def _begin(logger: Logger, run: RunInfo) -> Entry:
    """Opens a logger; gives its entry if a record can hold that.

    Raises:
        msgspec.ValidationError: it cannot.
        Exception: whatever the logger raises.
    """
    return msgspec.convert(logger.start(run), Entry) | {"name": logger.name}
