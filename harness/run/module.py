"""The Lightning module: one task's loss and metrics on one model."""

import math
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MetricCollection

from recurbench.cells.base import map_state
from recurbench.harness.config.sections import OptimizerConfig, TrainConfig
from recurbench.harness.model.decoding import decode, itself, likeliest
from recurbench.harness.model.sequence_model import LayerState, SequenceModel
from recurbench.harness.run.footprint import counting_saved
from recurbench.harness.run.optimizers import build_optimizer, build_schedules
from recurbench.harness.run.ranks.link import Link, Order
from recurbench.harness.run.ranks.rows import States
from recurbench.harness.run.ranks.share import collected, handed_out, joint_loss
from recurbench.tasks.base import Batch, FreeRun, Task

LOSS = "loss"
"""The name under which a task's metrics have the loss, if they do."""


class SequenceModule(LightningModule):
    """Trains a model on a task and evaluates it.

    Attributes:
        monitor: the logged score that selects the checkpoint, `val/<primary>`.
        judged: the primary metric and the loss of the latest evaluation on `val`. The loss is the
            task's metric `loss`, or else the mean of `Task.loss` over the positions of all batches.
        finite: whether every loss and gradient so far was finite; a tensor, so that a GPU need not
            wait for it at every step.
        tokens: valid input steps trained on so far.
        saved_bytes: what the first step kept for its way back.
        splits: names of the dataloaders that `test` is given.
        results: metrics by split, filled by `test`.
        link: to the other processes, if the run has several devices.
    """

    def __init__(
        self, model: SequenceModel, task: Task, optimizer: OptimizerConfig, train: TrainConfig
    ) -> None:
        super().__init__()
        self.model = model
        self.task = task
        self.optimizer_config = optimizer
        self.train_config = train
        self.monitor = f"val/{task.primary}"
        self._loss_sum = torch.zeros(())
        self._loss_count = 0
        self.judged = (math.nan, math.nan)
        self.finite = torch.ones((), dtype=torch.bool)
        self.tokens = 0
        self.saved_bytes: int | None = None
        self.splits: list[str] = []
        self.results: dict[str, dict[str, float]] = {}
        self.link: Link | None = None
        # Neither belongs into a checkpoint: metrics are of one evaluation, states of one batch.
        self._metrics: dict[str, tuple[MetricCollection, MetricCollection]] = {}
        self._states: dict[str, list[LayerState]] = {}
        self._val_losses: list[tuple[float, int]] = []

    def predict(self, batch: Batch, phase: str) -> tuple[Tensor, Tensor]:
        """Outputs and targets at the positions that count; carries the state within a phase."""
        state = None if batch.fresh else self._states.get(phase)
        outputs, final = self.model(batch.inputs, state)
        self._states[phase] = [[map_state(Tensor.detach, s) for s in layer] for layer in final]
        return outputs, self.task.targets_of(batch)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The task's loss on one batch."""
        if self.link is not None:
            self.link.order(Order.STEP)
            self.link.share_weights(self.model)
        try:
            if self.saved_bytes is None:
                with counting_saved(self.model) as saved:
                    loss = self.loss_of(batch)
                (self.saved_bytes,) = saved
            else:
                loss = self.loss_of(batch)
        except StopIteration as error:  # Lightning would take it for the end of an epoch, for ever
            raise RuntimeError("a cell or task let a StopIteration escape") from error
        self._loss_sum = self._loss_sum.to(loss.device) + loss.detach()
        self._loss_count += 1
        self.tokens += count_tokens(batch)
        return loss

    def loss_of(self, batch: Batch) -> Tensor:
        """The task's loss on one batch, to whose gradient other processes may add theirs."""
        if self.link is None:
            return self.task.loss(*self.predict(batch, "train"))
        return joint_loss(self.task, batch, self.link, lambda own: self.predict(own, "train")[0])

    def pop_mean_loss(self) -> float:
        """The mean training loss since the last call."""
        mean = float(self._loss_sum) / self._loss_count
        self._loss_sum, self._loss_count = torch.zeros_like(self._loss_sum), 0
        return mean

    def progress(self) -> dict[str, Any]:
        """The weights, and what the steps so far have left behind beside them."""
        states = self.carried()
        return {
            "weights": self.model.state_dict(),
            "tokens": self.tokens,
            "saved_bytes": self.saved_bytes,
            "loss": (self._loss_sum, self._loss_count),
            "finite": self.finite,
            "state": states if self.link is None else collected(states, self.link),
        }

    def take_up(self, progress: dict[str, Any]) -> None:
        """Goes on from what `progress` said."""
        self.model.load_state_dict(progress["weights"])
        self.tokens, self.finite = progress["tokens"], progress["finite"]
        self.saved_bytes = progress["saved_bytes"]
        self._loss_sum, self._loss_count = progress["loss"]
        if (states := progress["state"]) is not None:
            self.carry(states if self.link is None else handed_out(states, self.link))

    def carried(self) -> States | None:
        """The states in which the latest training batch left the rows of this process."""
        states = self._states.get("train")
        return states and [[list(state) for state in layer] for layer in states]

    def carry(self, states: States) -> None:
        """Lets the next training batch begin in these states, unless it is a fresh one."""
        kinds = self.model.initial_state(1)
        self._states["train"] = [
            [type(kind)(*(leaf.to(self.device) for leaf in state)) for kind, state in layer]
            for layer in map(zip, kinds, states)
        ]

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips the gradient's norm, which also tells whether loss and gradient are finite."""
        if self.link is not None:
            self.link.add_gradients(self.model)
        limit = self.train_config.gradient_clip
        norm = nn.utils.clip_grad_norm_(
            self.model.parameters(), float("inf") if limit is None else limit
        )
        self.finite = self.finite.to(norm.device) & torch.isfinite(norm + self._loss_sum)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Updates the metrics of `val`."""
        outputs, targets = self._update(batch, "val")
        if LOSS not in self._metrics["val"][0]:
            loss = self.task.loss(outputs, targets).detach()
            self._val_losses.append((float(loss), len(targets)))

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics of `val` for checkpointing, early stopping and schedules."""
        scores = self._compute("val")
        self.judged = scores[self.task.primary], scores.get(LOSS, self._pop_val_loss())
        self.log_dict({f"val/{name}": value for name, value in scores.items()})

    def test_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        """Updates the metrics of the split that a dataloader holds."""
        self._update(batch, self.splits[dataloader_idx])

    def on_test_epoch_end(self) -> None:
        """Computes the metrics of every split."""
        self.results = {split: self._compute(split) for split in self.splits}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The configured optimizer with its schedules."""
        optimizer = build_optimizer(self.model, self.optimizer_config)
        entries = build_schedules(
            optimizer,
            self.optimizer_config,
            self.train_config,
            self.monitor,
            higher_is_better(self.task),
        )
        return [optimizer], entries  # type: ignore[return-value] # plain dicts, as documented

    @torch.no_grad()
    def play(self, batch: Batch) -> Tensor:
        """What the model makes of a batch from a fresh state, as a `Predictor`; on the CPU."""
        self.model.eval()
        run = self.task.free_run(batch)
        if run is not None and self.task.free_runs_rank:
            outputs, _ = self._run_free(run)
        else:
            inputs = batch.inputs.to(self.device)  # type: ignore[arg-type] # torch's stub errs
            outputs, _ = self.model(inputs)
        return outputs.float().cpu()

    def _update(self, batch: Batch, split: str) -> tuple[Tensor, Tensor]:
        if split not in self._metrics:
            scored, decoded = self.task.metrics(), self.task.free_run_metrics()
            self._metrics[split] = scored.to(self.device), decoded.to(self.device)
        scored, decoded = self._metrics[split]
        outputs, targets = self.predict(batch, split)
        scored.update(outputs, targets)
        run = self.task.free_run(batch)
        if run is not None:
            decoded.update(*self._run_free(run))
        return outputs, targets

    def _pop_val_loss(self) -> float:
        """The mean loss of the batches in which any position counts, since the last call."""
        found = [(loss, n) for loss, n in self._val_losses if not math.isnan(loss)]
        self._val_losses = []
        return sum(loss * n for loss, n in found) / sum(n for _, n in found) if found else math.nan

    def _run_free(self, run: FreeRun) -> tuple[Tensor, Tensor]:
        """What the model makes of the prompts, taking the likeliest at each step; the answers."""
        prompts = run.prompts.to(self.device)  # type: ignore[arg-type] # torch's stub errs
        answers = run.answers.to(self.device)
        choose = likeliest if self.task.spec.tokens else itself
        return decode(self.model, prompts, choose, answers.shape[1], run.stop), answers

    def _compute(self, split: str) -> dict[str, float]:
        self._states.pop(split, None)
        scores: dict[str, Any] = {}
        for metrics in self._metrics.pop(split):
            scores |= metrics.compute()
        return {name: float(value) for name, value in scores.items()}


def higher_is_better(task: Task) -> bool:
    """The direction of a task's primary metric, which the metric itself must say."""
    better = task.ranking_metrics()[task.primary].higher_is_better
    if better is None:
        raise TypeError(f"task {task.name}: its metric {task.primary} must set higher_is_better")
    return bool(better)


def count_tokens(batch: Batch) -> int:
    """Valid input steps of a batch."""
    inputs = batch.inputs
    if isinstance(inputs, Tensor):
        return inputs.shape[0] * inputs.shape[1]
    return len(inputs.data)
