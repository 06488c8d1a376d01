"""The task contract: data, loss, metrics and the scores that give a result its meaning.

Legend: B batch, T time, N positions that a loss or metric sees.
"""

import difflib
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torchmetrics import MetricCollection

from recurbench.limits import limited

IGNORE_INDEX = -100
"""The target of a position that does not count, in losses and metrics alike."""

EVAL_ROWS = 256
"""Rows of an evaluation batch, whatever `batch_size` is."""


class TaskError(ValueError):
    """A task was given a knob or data that it cannot work with; the message says what and where."""


class Batch(NamedTuple):
    """One batch; targets have the layout of the outputs.

    Attributes:
        inputs: token ids `(B, T)` or features `(B, T, F)`, dense or packed.
        targets: `(B, T, ...)` or packed for a prediction per step, `(B, ...)` for one per sequence.
        fresh: False carries the state over from the batch before (truncated BPTT).
    """

    inputs: Tensor | PackedSequence
    targets: Tensor | PackedSequence
    fresh: bool = True


@dataclass(frozen=True)
class TaskSpec:
    """What the model around a cell must know of a task.

    Attributes:
        input_size: features of a step, or the vocabulary's size when `tokens`.
        tokens: the inputs are integer ids to embed, not features.
        output_size: width of a prediction.
        scope: a prediction per step, or one per sequence.
        predicts_next: the targets are the inputs to come, so no layer may look ahead.
    """

    input_size: int
    tokens: bool
    output_size: int
    scope: Literal["step", "sequence"]
    predicts_next: bool = False


class FreeRun(NamedTuple):
    """Prompts that the model continues by itself, each output the next input.

    Attributes:
        prompts: token ids or features, dense or packed.
        answers: the right continuations, ids `(B, L)` filled up with `stop`, or features
            `(B, L, F)`; L steps are decoded.
        stop: the token that ends a continuation; None if nothing does.
    """

    prompts: Tensor | PackedSequence
    answers: Tensor
    stop: int | None


Predictor = Callable[[Batch], Tensor]
"""Plays a model without parameters: outputs `(N, output_size)` of a batch at its valid positions,
or, where free runs rank, its continuations `(B, L)` or `(B, L, F)`."""


class Task(LightningDataModule, ABC):
    """Three splits of data with a loss, metrics, reference scores and a fingerprint.

    The constructor takes typed, defaulted keyword knobs; that signature is the configuration, and
    limits in its annotations, `delay: Annotated[int, Ge(1)] = 15`, hold wherever it is called. A
    task holds no parameters and never sees a cell. Training batches depend on the knobs,
    `batch_size` and `seed` alone, so that all cells see the same batches in the same order;
    validation and test data do not depend on the seed.
    """

    name: str
    """The registry name: `task=<name>`."""

    primary: str
    """The metric that ranks; its `higher_is_better` must be set."""

    measures: ClassVar[str] = ""
    """What a good score shows that a cell can do, in a few words."""

    floors: ClassVar[Mapping[str, float]] = {}
    """`references()` at the default knobs, rounded, for lists that load no data."""

    seconds: ClassVar[float | None] = None
    """What `recurbench run cell=gru` of this task takes to train on one core of a server."""

    paths: ClassVar[frozenset[str]] = frozenset({"file", "val_file", "test_file"})
    """Knobs that do not make two runs different: those that say where data lies, since the data
    itself does, and those that say what is written beside the results."""

    spec: TaskSpec
    """Set by `setup`."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Makes the constructor refuse knobs beyond the limits in its annotations."""
        super().__init_subclass__(**arguments)
        if "__init__" in vars(cls):
            cls.__init__ = limited(TaskError)(cls.__init__)  # type: ignore[method-assign]

    batch_size: int = 32
    seed: int = 0

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
        """Training batches in the order of `seed`, without end or by epochs."""

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

        Those of `predictors`, played. A task that knows some exactly says these instead.
        """
        return {name: self.play(predictor) for name, predictor in self.predictors().items()}

    def targets_of(self, batch: Batch) -> Tensor:
        """The targets in the order of the outputs, `(N, ...)`."""
        if self.spec.scope == "step":
            return valid_steps(batch.targets)
        assert isinstance(batch.targets, Tensor)
        return batch.targets

    def predictors(self) -> dict[str, Predictor]:
        """For each reference, what plays it; `recurbench check task` holds the one to the other."""
        return {}

    def oracle(self, batch: Batch) -> Tensor:
        """Outputs that say the targets: no score is better."""
        if self.primary not in self.metrics():
            return self._ranked_run(batch).answers
        targets = self.targets_of(batch)
        if targets.is_floating_point():
            return targets.reshape(len(targets), self.spec.output_size)
        return one_hot_logits(targets.clamp(min=0), self.spec.output_size)

    def play(self, predictor: Predictor, batches: "Iterable[Batch] | None" = None) -> float:
        """The primary metric of a predictor, on test or on other batches."""
        metrics, free_metrics = self.metrics(), self.free_run_metrics()
        for batch in self.test_dataloader() if batches is None else batches:
            outputs = predictor(batch)
            if self.primary in metrics:
                metrics.update(outputs, self.targets_of(batch))
            else:
                free_metrics.update(outputs, self._ranked_run(batch).answers)
        played = metrics if self.primary in metrics else free_metrics
        return float(played[self.primary].compute())

    def free_run(self, batch: Batch) -> FreeRun | None:
        """What to decode of an evaluation batch, for tasks judged by free-running output."""
        return None

    def free_run_metrics(self) -> MetricCollection:
        """New metrics of free runs, each updated with what was decoded and the answers."""
        return MetricCollection({})

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


class Batches:
    """An iterable of batches made one at a time from their position.

    Because `make` knows only the position, iterating twice gives the same batches, and training can
    continue from any position.

    Args:
        make: gives the batch at a position.
        count: the number of batches; None never ends.
        epoch: for training without end on a finite split, the batches of its first pass.
    """

    def __init__(
        self, make: Callable[[int], Batch], count: int | None = None, epoch: int | None = None
    ) -> None:
        self.make, self.count, self.epoch = make, count, epoch

    def since(self, position: int) -> "Batches":
        """Those at a position and after, without end: if they are counted, they come again."""

        def make(later: int) -> Batch:
            at = position + later
            return self.make(at if self.count is None else at % self.count)

        return Batches(make)

    def __iter__(self) -> Iterator[Batch]:
        position = 0
        while self.count is None or position < self.count:
            yield self.make(position)
            position += 1


def valid_steps(x: Tensor | PackedSequence) -> Tensor:
    """All valid positions, `(N, ...)`: row after row if dense, step after step if packed."""
    return x.data if isinstance(x, PackedSequence) else x.flatten(0, 1)


def dense(x: Tensor | PackedSequence) -> Tensor:
    """A batch's part in a task that never packs."""
    assert isinstance(x, Tensor)
    return x


def one_hot_logits(classes: Tensor, count: int) -> Tensor:
    """Logits `(..., count)` that are all but certain of classes `(...)`."""
    return 100.0 * F.one_hot(classes, count)


def generator(*parts: str | int) -> torch.Generator:
    """A random generator of its own for a purpose: `generator("copying", "train", seed, step)`."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def hash_data(*parts: Any) -> str:
    """A short hash of tensors, strings, numbers and nested lists or dicts of them."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
            digest.update(part.detach().cpu().contiguous().numpy().tobytes())
        elif isinstance(part, list | tuple):
            digest.update(hash_data(*part).encode())
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def require_positive(**knobs: int | float | None) -> None:
    """Refuses knobs that are not above zero; None passes.

    Raises:
        TaskError: names the knob and its value.
    """
    for knob, value in knobs.items():
        if value is not None and value <= 0:
            raise TaskError(f"{knob} must be above 0, not {value}")


def require_choice(choices: Collection[str], **knobs: str) -> None:
    """Refuses knobs whose value is not one of the choices.

    Raises:
        TaskError: names the knob, its value, the choices and the nearest of them.
    """
    for knob, value in knobs.items():
        if value not in choices:
            hint = nearest(value, choices)
            raise TaskError(f"{knob} must be one of {', '.join(choices)}, not {value}{hint}")


def nearest(name: str, choices: Collection[str]) -> str:
    """Ends a message about an unknown name with the closest choice, if one is close."""
    close = difflib.get_close_matches(name, choices, n=1)
    return f"; did you mean {close[0]}?" if close else ""
