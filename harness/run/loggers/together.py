"""All loggers of a run together."""

from contextlib import suppress
from typing import Any

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain
from recurbench.harness.errors import UserError, first_line, nearest
from recurbench.harness.plugins.logger import Logger, Point, RunInfo
from recurbench.harness.plugins.registry import Plugin, registry


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

    Attributes:
        entries: the record's `logger` section.

    Raises:
        UserError: a logger is unknown or refuses its options.
    """

    def __init__(self, config: Config) -> None:
        self._open: dict[str, Logger] = {}
        self.entries: list[dict[str, str]] = []
        for name, options in config.logger.items():
            plugin = logger_of(name)
            for knob in plugin.knobs:
                if reason := knob.complaint(f"logger.{name}.{knob.name}", options[knob.name]):
                    raise UserError(reason)
            try:
                self._open[name] = plugin.cls(**options)
            except Exception as error:  # a plugin may raise anything
                raise UserError(f"logger={name}: {first_line(error)}") from error

    @property
    def offline(self) -> str | None:
        """The folder of a wandb run that waits to be uploaded."""
        for entry in self.entries:
            if entry["name"] == "wandb" and "directory" in entry:
                return entry["directory"]
        return None

    def start(self, run: RunInfo) -> None:
        """Opens every logger and collects the record's `logger` entries."""
        self._each("start", lambda logger: self.entries.append(logger.start(run)))

    def log(self, step: int, point: Point) -> None:
        """Shows a point of the curve in every logger."""
        self._each("log", lambda logger: logger.log(step, point))

    def finish(self, results: dict[str, Point], completed: bool) -> None:
        """Shows the metrics of every split as `test/accuracy` and closes every logger."""
        summary = {f"{split}/{k}": v for split, found in results.items() for k, v in found.items()}
        self._each("finish", lambda logger: logger.finish(summary, completed))

    def _each(self, action: str, call: Any) -> None:
        for name, logger in list(self._open.items()):
            try:
                call(logger)
            except Exception as error:  # whatever a logger does, the run goes on
                del self._open[name]
                if action == "log":
                    with suppress(Exception):
                        logger.finish({}, completed=False)
                complain(f"logger {name}: {action} failed, this logger is off: {first_line(error)}")
