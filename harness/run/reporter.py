"""Progress for a person: a bar on a terminal, else a line per evaluation."""

import math
import sys
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from recurbench.harness.config.sections import TrainConfig
from recurbench.harness.console import say
from recurbench.harness.run.recorder import Recorder


class Reporter(Callback):
    """Says how training goes: a bar with rate and ETA on a terminal, else a line per evaluation."""

    def __init__(self, config: TrainConfig, recorder: Recorder, title: str) -> None:
        self.config = config
        self.recorder = recorder
        self.title = title
        self._bar: Progress | None = None

    def on_fit_start(self, *_: Any) -> None:
        """Opens the bar on a terminal."""
        if not sys.stdout.isatty():
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            transient=True,
        )
        self._task = self._bar.add_task(self.title, total=1.0, state="")
        self._bar.start()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Moves the bar when the curve has a new point."""
        curve = self.recorder.curve
        if self._bar and curve and curve[-1]["step"] == self.recorder.step(trainer):
            self._bar.update(self._task, completed=self._done(), state=self._state())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints a line when there is no bar."""
        if self._bar is None:
            say(f"  {self._state()}")
        else:
            self._bar.update(self._task, completed=self._done(), state=self._state())

    def teardown(self, *_: Any, **__: Any) -> None:
        """Closes the bar, however training ended."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _done(self) -> float:
        """The part of the limit that is used up, the nearer one if there are two."""
        point = self.recorder.curve[-1]
        return max(
            point["step"] / (self.config.max_steps or math.inf),
            point["seconds"] / (self.config.max_seconds or math.inf),
        )

    def _state(self) -> str:
        point = self.recorder.curve[-1]
        total = f"/{self.config.max_steps}" if self.config.max_steps else ""
        rate = point["step"] / point["seconds"] if point["seconds"] else 0.0
        scores = [
            f"{name} {value:.4g}"
            for name, value in point.items()
            if name not in ("step", "seconds")
        ]
        return f"step {point['step']:.0f}{total}  {rate:.0f} steps/s  " + "  ".join(scores)
