"""Fits one model on one task and tests the checkpoint that was best on validation."""

import logging
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from harness.callbacks import Recorder, Reporter
from harness.config import Config
from harness.cost import PeakMemory, Stopwatch, model_cost
from harness.errors import UserError
from harness.loggers import Mirrors
from harness.model import SequenceModel
from harness.module import SequenceModule
from harness.seeds import seeded
from tasks.base import Task

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed"}


@dataclass
class Training:
    """One training under way; what it measured stays readable when it breaks off."""

    config: Config
    task: Task
    model: SequenceModel
    device: torch.device
    mirrors: Mirrors
    checkpoints: Path
    title: str

    def __post_init__(self) -> None:
        self.module = SequenceModule(
            self.model, self.task, self.config.optimizer, self.config.train
        )
        self.watch = Stopwatch(self.device)
        self.memory = PeakMemory(self.device)
        self.recorder = Recorder(self.config.train, self.watch, self.mirrors)

    def run(self) -> None:
        """Fits, then evaluates the best checkpoint on `val`, `test` and further test splits."""
        train = self.config.train
        mode = "max" if self.module.higher_is_better else "min"
        monitor = self.module.monitor
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        best = ModelCheckpoint(self.checkpoints, "best", monitor, mode=mode, save_weights_only=True)
        callbacks = [self.recorder, Reporter(train, self.recorder, self.title), best]
        if train.patience is not None:
            callbacks.append(EarlyStopping(monitor, patience=train.patience, mode=mode))
        trainer = Trainer(
            accelerator="gpu" if self.device.type == "cuda" else "cpu",
            devices=1,
            precision=PRECISIONS[self.config.trainer.precision],  # type: ignore[arg-type]
            max_epochs=-1,  # the recorder ends training, after a last evaluation
            val_check_interval=train.eval_every,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            logger=False,
            callbacks=callbacks,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        try:
            with quiet_lightning(), seeded(self.config.seed, "dropout"):
                self._fit(trainer)
                weights = torch.load(best.best_model_path, weights_only=True)["state_dict"]
                self.module.load_state_dict(weights)
                extra = self.task.extra_test_dataloaders()
                loaders = [self.task.val_dataloader(), self.task.test_dataloader(), *extra.values()]
                self.module.splits = ["val", "test", *(f"test_{name}" for name in extra)]
                trainer.test(self.module, loaders, verbose=False)
        finally:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _fit(self, trainer: Trainer) -> None:
        handler = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(self.module, datamodule=self.task)
        except SystemExit:
            # Lightning turns Ctrl-C into an exit with code 1 and leaves the signal ignored.
            if not self.recorder.interrupted:
                raise
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None

    def cost(self) -> dict[str, Any]:
        """The record's `cost` section, so far."""
        seconds = self.watch.seconds()
        curve = self.recorder.curve
        return {
            **model_cost(self.model),
            "steps": int(curve[-1]["step"]) if curve else 0,
            "tokens": self.module.tokens,
            "train_seconds": seconds,
            "tokens_per_second": self.module.tokens / seconds if seconds else 0.0,
            "peak_memory_bytes": self.memory.bytes(),
        }


def choose_device(accelerator: str) -> torch.device:
    """The device that `trainer` names.

    Raises:
        UserError: a GPU was asked for and there is none.
    """
    available = torch.cuda.is_available()
    if accelerator == "gpu" and not available:
        raise UserError("trainer=gpu: no CUDA device is available; use trainer=cpu or trainer=auto")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silences Lightning's banners and advice, which concern choices that the harness has made."""
    names = ("pytorch_lightning", "lightning_fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(f"{name}.utilities.rank_zero").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        yield
    for name, level in levels.items():
        logging.getLogger(f"{name}.utilities.rank_zero").setLevel(level)
