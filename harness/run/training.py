"""Fits one model on one task and tests the checkpoint that was best on validation."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from recurbench.harness.config.sections import Config
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.model.streams import seeded
from recurbench.harness.results.folder import BEST
from recurbench.harness.results.record import Cost
from recurbench.harness.run.cost import PeakMemory, Stopwatch, model_cost
from recurbench.harness.run.environment import describe_environment, kernel_of
from recurbench.harness.run.lightning import make_trainer, tamed
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.module import SequenceModule, higher_is_better
from recurbench.harness.run.recorder import Recorder
from recurbench.harness.run.reporter import Reporter
from recurbench.harness.run.resume import PROGRESS, Resumption
from recurbench.tasks.base import Task


@dataclass
class Training:
    """One training under way; what it measured stays readable when it breaks off.

    Attributes:
        title: the run in a few words.
        unfinished: the folder of what is saved on the way.
        kept: where the checkpoint goes if it is to stay.
        kernel: how the cells run.
        resumed_after: the step after which it resumed, if it had been interrupted.
    """

    config: Config
    task: Task
    model: SequenceModel
    device: torch.device
    loggers: Loggers
    title: str
    unfinished: Path
    kept: Path

    def __post_init__(self) -> None:
        self.module = SequenceModule(
            self.model, self.task, self.config.optimizer, self.config.train
        )
        self.kernel = kernel_of(self.model, self.device, self.config.trainer)
        self.watch = Stopwatch(self.device)
        self.memory = PeakMemory(self.device)
        self.recorder = Recorder(self.config.train, self.watch, self.loggers)
        self.resumed_after: int | None = None

    def fit_and_test(self) -> None:
        """Fits, then evaluates the best checkpoint on `val`, `test` and further test splits.

        A training that was interrupted, by a person or a cluster, resumes where it was last saved.
        Once it ends, what was saved is removed; the checkpoint stays if that is asked for.
        """
        if self.config.rerun:
            _discard(self.unfinished)
        try:
            with seeded(self.config.seed, "dropout"):
                best = self.fit()
                self.test(best)
        except (KeyboardInterrupt, SystemExit):
            if not (self.unfinished / PROGRESS).exists():
                _discard(self.unfinished)
            raise
        except Exception:
            self._discard_older()
            _discard(self.unfinished)
            raise
        self._discard_older()
        if self.config.train.keep_checkpoint:
            self.kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(best, self.kept)
        _discard(self.unfinished)

    def _discard_older(self) -> None:
        """Removes the checkpoint of a run that this one repeats; any other is another process's."""
        if self.config.rerun:
            _discard(self.kept.parent)

    def fit(self) -> Path:
        """Trains up to a limit; gives the checkpoint that was best on `val`.

        Raises:
            DivergedError: a loss or gradient was not finite.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        train, monitor = self.config.train, self.module.monitor
        mode = "max" if higher_is_better(self.task) else "min"
        best = ModelCheckpoint(
            self.unfinished, Path(BEST).stem, monitor, mode=mode, save_weights_only=True
        )
        keepers: list[Callback] = [self.recorder, best]
        if train.patience is not None:
            keepers.append(EarlyStopping(monitor, patience=train.patience, mode=mode))
        file, weights = self.unfinished / PROGRESS, self.unfinished / BEST
        environment = describe_environment(self.device, self.config.trainer, self.kernel)
        resumption = Resumption(file, weights, train.save_every, environment, keepers)
        self.resumed_after = resumption.step or None
        if self.resumed_after is None:
            _discard(self.unfinished)
        reporter = Reporter(train, self.recorder, self.title)
        with tamed():
            # Before the recorder, whose clock stands still until it is told of the next step.
            callbacks = [resumption, *keepers, reporter]
            trainer = make_trainer(self.config, self.device, self.unfinished, callbacks)
            # Pass loaders: `fit(datamodule=...)` would set the data up again.
            batches = self.task.train_dataloader().since(resumption.step)
            trainer.fit(self.module, batches, self.task.val_dataloader())
        return Path(best.best_model_path)

    def test(self, checkpoint: Path) -> None:
        """Evaluates a checkpoint on every split but the training's; the module keeps the scores."""
        load_weights(self.model, checkpoint)
        extra = self.task.extra_test_dataloaders()
        self.module.splits = ["val", "test", *(f"test_{name}" for name in extra)]
        loaders = [self.task.val_dataloader(), self.task.test_dataloader(), *extra.values()]
        with tamed():
            trainer = make_trainer(self.config, self.device, self.unfinished, callbacks=[])
            trainer.test(self.module, loaders, verbose=False)

    def cost(self) -> Cost:
        """What the training cost so far."""
        seconds = self.watch.seconds()
        curve = self.recorder.curve
        return Cost(
            **model_cost(self.model),
            steps=int(curve[-1]["step"]) if curve else 0,
            tokens=self.module.tokens,
            train_seconds=seconds,
            tokens_per_second=self.module.tokens / seconds if seconds else 0.0,
            peak_memory_bytes=self.memory.bytes(),
        )


def load_weights(model: SequenceModel, checkpoint: Path) -> None:
    """Gives a model the weights of a checkpoint.

    Raises:
        RuntimeError: they are of a model of another shape.
        OSError, pickle.UnpicklingError: the file cannot be read, or is no checkpoint.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    model.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})


def _discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
