"""The contract of a logger, which shows a run elsewhere; the record is the truth."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

Point = dict[str, float]
"""Numbers by their names, such as `train/loss` and `val/accuracy`."""


@dataclass(frozen=True)
class RunInfo:
    """What a logger may show of a run.

    Attributes:
        run_id: the record's.
        name: a short name, such as `gru/0`.
        task: the task's name.
        sweep: the sweep that the run belongs to, if it does.
        config: the resolved sections.
        results_dir: the results folder; a logger that writes files writes below it.
    """

    run_id: str
    name: str
    task: str
    sweep: str | None
    config: dict[str, Any]
    results_dir: Path


class Logger(ABC):
    """Shows one run elsewhere.

    The constructor takes typed, defaulted keyword knobs, which are its options on the command line:
    `logger.<name>.<knob>=...`. What it raises is the user's error, before the run begins. Any
    method may raise: the run goes on without this logger.
    """

    name: ClassVar[str]
    """The registry name: `logger=<name>`."""

    @abstractmethod
    def start(self, run: RunInfo) -> dict[str, str]:
        """Opens the logger; gives the record's `logger` entry: name, run_id, url or directory."""

    @abstractmethod
    def log(self, step: int, point: Point) -> None:
        """Shows a point of the curve."""

    @abstractmethod
    def finish(self, summary: Point, completed: bool) -> None:
        """Shows the final metrics and closes the logger."""
