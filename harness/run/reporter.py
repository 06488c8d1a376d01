"""Progress for a person: a bar on a terminal, else a line per evaluation."""

import sys
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from recurbench.harness.console import say
from recurbench.harness.run.observer import Observer
from recurbench.harness.run.recorder import Recorder


class Reporter(Callback):
    """Says how training goes: a bar with rate and ETA on a terminal, else a line per evaluation."""

    def __init__(self, recorder: Recorder, title: str, observer: Observer) -> None:
        self.recorder = recorder
        self.title = title
        self.observer = observer
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
        if curve and curve[-1]["step"] == self.recorder.step(trainer):
            self._show()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints a line when there is no bar."""
        if self._bar is None:
            say(f"  {self.recorder.state()}")
        self._show()

    def teardown(self, *_: Any, **__: Any) -> None:
        """Closes the bar, however training ended."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self) -> None:
        done, state = self.recorder.used, self.recorder.state()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, state=state)
        if self.observer.wants_more():
            self.observer.progressed(done, state)
