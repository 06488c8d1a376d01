"""The contract of a logger, which shows a run elsewhere; the record is the truth."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

Point = dict[str, float]
"""Numbers by their names, such as `train/loss` and `val/accuracy`."""

Entry = dict[str, str]
"""What a record says of a logger: its name, its own id of the run, and a url or directory."""


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
        record: where the run's record will be.
        resumes: whether the run goes on after an interruption. The curve so far is logged again
            first.
        earlier: what this logger's `start` gave for the attempt that was interrupted, whether or
            not the run resumes from there; None without one.
    """

    run_id: str
    name: str
    task: str
    sweep: str | None
    config: dict[str, Any]
    results_dir: Path
    record: Path
    resumes: bool = False
    earlier: Entry | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The sections, with the run's id and its record, by which it is found again."""
        return {**self.config, "run_id": self.run_id, "record": str(self.record)}


class Logger(ABC):
    """Shows one run elsewhere.

    The constructor takes typed, defaulted keyword knobs, which are its options on the command line:
    `logger.<name>.<knob>=...`. What it raises is the user's error, before the run begins. Any
    method may raise: the run goes on without this logger.
    """

    name: ClassVar[str]
    """The registry name: `logger=<name>`."""

    @abstractmethod
    def start(self, run: RunInfo) -> Entry:
        """Opens the logger; gives the record's `logger` entry: name, run_id, url or directory."""

    @abstractmethod
    def log(self, step: int, point: Point) -> None:
        """Shows a point of the curve."""

    @abstractmethod
    def finish(self, summary: Point, status: str) -> None:
        """Shows how the run ended and closes the logger.

        Args:
            summary: the final metrics as `test/accuracy`, and what the run cost as
                `cost/train_seconds`.
            status: a record's status, such as `completed`; `interrupted` for a run that the next
                command resumes.
        """
