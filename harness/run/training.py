"""Fits one model on one task and tests the checkpoint that was best on validation."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EarlyStopping

from recurbench.harness.config.sections import Config
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.model.streams import seeded
from recurbench.harness.results.leases import PROGRESS, Lease
from recurbench.harness.results.record import Cost
from recurbench.harness.run.best import BestWeights
from recurbench.harness.run.cost import PeakMemory, Stopwatch, model_cost
from recurbench.harness.run.environment import describe_environment, kernel_of
from recurbench.harness.run.footprint import TrainingMemory
from recurbench.harness.run.lightning import make_trainer, tamed
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.module import SequenceModule, higher_is_better
from recurbench.harness.run.observer import Observer
from recurbench.harness.run.ranks.leader import other_ranks
from recurbench.harness.run.recorder import Recorder
from recurbench.harness.run.reporter import Reporter
from recurbench.harness.run.resume import Resumption
from recurbench.harness.run.stopping import finishing_steps
from recurbench.tasks.base import Task


@dataclass
class Training:
    """One training under way; what it measured stays readable when it breaks off.

    Attributes:
        title: the run in a few words.
        lease: the run's folder, for what is saved on the way.
        kept: where the checkpoint goes if it is to stay.
        observer: is told how it goes.
        kernel: how the cells run.
        resumed_after: the step after which it resumed, if it had been interrupted.
        best_step: the step whose weights were best on `val`, once training is over.
    """

    config: Config
    task: Task
    model: SequenceModel
    device: torch.device
    loggers: Loggers
    title: str
    lease: Lease
    kept: Path
    observer: Observer

    def __post_init__(self) -> None:
        self.module = SequenceModule(
            self.model, self.task, self.config.optimizer, self.config.train
        )
        self.kernel = kernel_of(self.model, self.device, self.config.trainer)
        self.watch = Stopwatch(self.device)
        self.memory = PeakMemory(self.device)
        self.added = TrainingMemory(self.device, self.memory)
        self.recorder = Recorder(self.config.train, self.watch, self.loggers)
        self.resumed_after: int | None = None
        self.best_step: int | None = None

    def fit_and_test(self) -> None:
        """Fits, then evaluates the best checkpoint on `val`, `test` and further test splits.

        A training that was interrupted, by a person or a cluster, resumes where it was last saved.
        The checkpoint stays if that is asked for.
        """
        if self.config.rerun:
            (self.lease.folder / PROGRESS).unlink(missing_ok=True)
        with seeded(self.config.seed, "dropout"):
            best = self.fit()
            self.test(best)
        self._discard_older()
        if self.config.train.keep_checkpoint:
            self.lease.require()
            self.kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(best, self.kept)

    def _discard_older(self) -> None:
        """Removes the checkpoint of a run that this one repeats; any other is another process's."""
        if self.config.rerun:
            shutil.rmtree(self.kept.parent, ignore_errors=True)

    def state(self) -> str:
        """How far it is, in a few words."""
        return self.recorder.state()

    def fit(self) -> Path:
        """Trains up to a limit; gives the checkpoint that was best on `val`.

        Raises:
            DivergedError: a loss or gradient was not finite.
            StoppedError: the process was asked to stop; what was reached is saved.
        """
        train, folder, better = self.config.train, self.lease.folder, higher_is_better(self.task)
        best = BestWeights(folder, self.recorder)
        keepers: list[Callback] = [self.recorder, best, self.added]
        if train.patience is not None:
            mode = "max" if better else "min"
            keepers.append(EarlyStopping(self.module.monitor, patience=train.patience, mode=mode))
        environment = describe_environment(self.device, self.config.trainer, self.kernel)
        resumption = Resumption(
            self.lease, train.save_every, train.eval_every, environment, keepers
        )
        self.resumed_after = resumption.step or None
        self.loggers.start(folder, resumes=resumption.step > 0)
        reporter = Reporter(self.recorder, self.title, self.observer)
        with (
            other_ranks(self.config, self.device, resumption.step) as self.module.link,
            tamed(),
            finishing_steps(),
        ):
            # Before the recorder, whose clock stands still until it is told of the next step.
            callbacks = [resumption, *keepers, reporter]
            trainer = make_trainer(self.config, self.device, folder, callbacks)
            # Pass loaders: `fit(datamodule=...)` would set the data up again.
            batches = self.task.train_dataloader().since(resumption.step)
            trainer.fit(self.module, batches, self.task.val_dataloader())
        self.module.link = None
        self.best_step = best.step
        return best.file

    def test(self, checkpoint: Path) -> None:
        """Evaluates a checkpoint on every split but the training's; the module keeps the scores."""
        load_weights(self.model, checkpoint)
        extra = self.task.extra_test_dataloaders()
        self.module.splits = ["val", "test", *(f"test_{name}" for name in extra)]
        loaders = [self.task.val_dataloader(), self.task.test_dataloader(), *extra.values()]
        with tamed():
            trainer = make_trainer(self.config, self.device, self.lease.folder, callbacks=[])
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
            training_memory_bytes=self.added.bytes(),
            saved_bytes=self.module.saved_bytes,
        )


def load_weights(model: SequenceModel, checkpoint: Path) -> None:
    """Gives a model the weights of a checkpoint.

    Raises:
        RuntimeError: they are of a model of another shape.
        OSError, pickle.UnpicklingError: the file cannot be read, or is no checkpoint.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    model.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})
