"""The task contract: data, loss, metrics and the scores that give a result its meaning.

Legend: B batch, T time, N positions that a loss or metric sees.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pytorch_lightning import LightningDataModule
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.limits import limited
from recurbench.tasks.batches import (
    EVAL_ROWS,
    IGNORE_INDEX,
    Batch,
    Batches,
    FreeRun,
    Predictor,
    TaskSpec,
    dense,
    one_hot_logits,
    valid_steps,
)
from recurbench.tasks.hashing import generator, hash_data

__all__ = [
    "EVAL_ROWS",
    "IGNORE_INDEX",
    "Batch",
    "Batches",
    "FreeRun",
    "Predictor",
    "Task",
    "TaskError",
    "TaskSpec",
    "dense",
    "generator",
    "hash_data",
    "one_hot_logits",
    "valid_steps",
]


class TaskError(ValueError):
    """A task was given a knob or data that it cannot work with; the message says what and where."""


class Task(LightningDataModule, ABC):
    """Three splits of data with a loss, metrics, reference scores and a fingerprint.

    The constructor takes keyword knobs with types and defaults; its signature is the configuration.
    Limits in its annotations, such as `delay: Annotated[int, Ge(1)] = 15`, are checked at every
    call. A task holds no parameters and never sees a cell. Training batches depend only on the
    knobs, `batch_size` and `seed`, so that all cells see the same batches in the same order;
    validation and test data do not depend on the seed.
    """

    name: str
    """The registry name: `task=<name>`."""

    primary: str
    """The metric that ranks; its `higher_is_better` must be set."""

    measures: ClassVar[str] = ""
    """What a good score shows that a cell can do, in a few words."""

    default_references: ClassVar[Mapping[str, float]] = {}
    """`references()` at the default knobs, rounded, for lists that load no data."""

    seconds: ClassVar[float | None] = None
    """How long `recurbench run cell=gru task=<name>` takes to train on one core of a server."""

    paths: ClassVar[frozenset[str]] = frozenset({"file", "val_file", "test_file"})
    """Knobs that do not tell two runs apart: those that say where the data lies, because its
    fingerprint tells them apart, and those that ask for files beside the results."""

    spec: TaskSpec
    """Set by `setup`."""

    notes: list[str]
    """What `setup` found or left out in the user's files, a line each; a run says them."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = []

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Makes the constructor refuse knobs beyond the limits in its annotations."""
        super().__init_subclass__(**arguments)
        if "__init__" in vars(cls):
            cls.__init__ = limited(TaskError)(cls.__init__)  # type: ignore[method-assign]

    batch_size: int = 32
    seed: int = 0

    def ready(self, *, batch_size: int, seed: int) -> Self:
        """Binds the task to a batch size and a seed, loads its data and returns it.

        Raises:
            TaskError: as `load`.
        """
        self.bind(batch_size=batch_size, seed=seed)
        self.prepare_data()
        self.setup()
        return self

    def bind(self, *, batch_size: int, seed: int) -> None:
        """Fixes the size and the order of the training batches; call it before `setup`."""
        self.batch_size, self.seed = batch_size, seed

    def setup(self, stage: str | None = None) -> None:
        """Loads the data once; calling it again changes nothing.

        Raises:
            TaskError: as `load`.
        """
        if not hasattr(self, "spec"):
            self.spec = self.load()

    @abstractmethod
    def load(self) -> TaskSpec:
        """Loads or generates the data.

        Raises:
            TaskError: the data is missing or damaged; the message says where and what to do.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a scalar, from `(N, output_size)` and `(N, ...)`."""

    @abstractmethod
    def metrics(self) -> MetricCollection:
        """New metrics; each is updated with `(N, output_size)` and `(N, ...)` and computed once."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the data actually used (see `hash_data`); the same for every seed."""

    @abstractmethod
    def train_dataloader(self) -> "Batches":
        """Training batches without end, in an order that `seed` decides."""

    @abstractmethod
    def val_dataloader(self) -> "Batches":
        """The whole validation split, once."""

    @abstractmethod
    def test_dataloader(self) -> "Batches":
        """The whole test split, once."""

    def extra_test_dataloaders(self) -> "dict[str, Batches]":
        """Further named test splits, such as longer sequences; metrics go to `test_<name>`."""
        return {}

    def references(self) -> dict[str, float]:
        """Scores of the primary metric on test: chance, naive baselines, the optimum if known.

        By default these are the scores of `predictors`. A task that knows some of them exactly
        overrides this method.
        """
        return self.play_all(self.test_dataloader())

    def references_of(self, split: str) -> dict[str, float]:
        """The references on another split: `val`, or a further test split by its name.

        They stand beside scores on that split, and those of test do not, since the same guess may
        be worth more or less there. By default none are known.
        """
        return {}

    def overlap(self, sequences: int) -> float | None:
        """The share of test's inputs to be expected among so many training sequences.

        Where sequences are drawn at random and there are few different ones, a test score is in
        part one of memory; further test splits are not. None if it is not known or negligible.
        """
        return None

    def targets_of(self, batch: Batch) -> Tensor:
        """The targets in the order of the outputs, `(N, ...)`."""
        if self.spec.scope == "step":
            return valid_steps(batch.targets)
        assert isinstance(batch.targets, Tensor)
        return batch.targets

    def predictors(self) -> dict[str, Predictor]:
        """A predictor for each reference; `recurbench check task` compares the scores of both."""
        return {}

    def oracle(self, batch: Batch) -> Tensor:
        """Outputs that give the targets themselves; nothing scores better."""
        if self.free_runs_rank:
            return self._ranked_run(batch).answers
        targets = self.targets_of(batch)
        if targets.is_floating_point():
            return targets.reshape(len(targets), self.spec.output_size)
        return one_hot_logits(targets.clamp(min=0), self.spec.output_size)

    def play_all(self, batches: "Iterable[Batch]") -> dict[str, float]:
        """The primary metric of each predictor on the batches of a split."""
        return {name: self.play(one, batches) for name, one in self.predictors().items()}

    def play(self, predictor: Predictor, batches: "Iterable[Batch] | None" = None) -> float:
        """The primary metric of a predictor on the test split, or on other batches."""
        metrics = self.ranking_metrics()
        for batch in self.test_dataloader() if batches is None else batches:
            free = self.free_runs_rank
            right = self._ranked_run(batch).answers if free else self.targets_of(batch)
            metrics.update(predictor(batch), right)
        return float(metrics[self.primary].compute())

    def free_run(self, batch: Batch) -> FreeRun | None:
        """What to decode of an evaluation batch, for tasks judged by free-running output."""
        return None

    def free_run_metrics(self) -> MetricCollection:
        """New metrics of free runs, each updated with what was decoded and the answers."""
        return MetricCollection({})

    @property
    def free_runs_rank(self) -> bool:
        """Whether the primary metric is one of free runs."""
        return self.primary not in self.metrics()

    def ranking_metrics(self) -> MetricCollection:
        """New metrics with the primary one among them: of scored positions, or of free runs."""
        return self.free_run_metrics() if self.free_runs_rank else self.metrics()

    def plots(self, predict: Predictor) -> dict[str, bytes]:
        """Pictures to put beside a result, if a knob asks for them.

        Args:
            predict: plays the trained model.

        Returns:
            PNG files by their names.
        """
        return {}

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path | None:
        """Writes a small file such as `dataset=file` reads, other content for each seed.

        Returns:
            Its path; None if the task reads no files.
        """
        return None

    def _ranked_run(self, batch: Batch) -> FreeRun:
        """What to decode of a batch, for a task that free runs rank."""
        run = self.free_run(batch)
        assert run is not None, f"{self.name}: no metric {self.primary}"
        return run
