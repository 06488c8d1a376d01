"""Saves an unfinished training so that the next command resumes it."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from recurbench.harness.console import complain, say
from recurbench.harness.results.leases import PROGRESS, Lease
from recurbench.harness.results.record import Environment
from recurbench.harness.run.environment import source_digest
from recurbench.harness.run.module import SequenceModule
from recurbench.harness.run.saving import DamagedError, load, save
from recurbench.harness.run.stopping import StoppedError, asked, heed_again

MUST_AGREE = "torch", "lightning", "device", "hardware", "threads", "kernel", "devices"
"""Of the environment: what a record says of it must hold for all steps of the run."""


class Resumption(Callback):
    """Saves a training to a file now and then; at its start, resumes what is saved there.

    Batches follow from their position and dropout from its generator, so that on a CPU a resumed
    training gives what an uninterrupted one would have given. State is saved between two steps:
    after an evaluation, and when the process is asked to stop. A damaged file, and one of other
    code, other software, another device or number of threads, is not used, and a line says why.

    Args:
        lease: the run's folder, in which the training is saved.
        every: least seconds between two savings; None saves nothing.
        eval_every: steps between two evaluations.
        environment: where the training runs, as its record says it.
        keepers: further callbacks whose state goes with it, always in the same order.

    Attributes:
        step: how many steps were done before.
    """

    def __init__(
        self,
        lease: Lease,
        every: float | None,
        eval_every: int,
        environment: Environment,
        keepers: Sequence[Callback],
    ) -> None:
        self.lease, self.every, self.keepers = lease, every, keepers
        self.file = lease.folder / PROGRESS
        found = msgspec.to_builtins(environment)
        self._made_with = {
            **{name: found.get(name) for name in MUST_AGREE},
            "source": source_digest(),  # a commit would not tell of edits
        }
        self._found = self._read()
        self.step: int = self._found["step"] if self._found else 0
        self._since_evaluation = self.step % eval_every
        self._due = False
        self._saved_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores what was saved."""
        heed_again()
        if self._found is None:
            return
        assert isinstance(pl_module, SequenceModule)
        found, self._found = self._found, None
        say(f"  resumes after step {self.step}")
        pl_module.take_up(found["module"])
        for part, state in zip(_stateful(trainer, self.keepers), found["parts"], strict=True):
            part.load_state_dict(state)
        torch.set_rng_state(found["random"])
        if found["random_cuda"] is not None:
            torch.cuda.set_rng_state(found["random_cuda"])

    def on_validation_end(self, *_: Any) -> None:
        """Asks for saving once other callbacks and schedules have seen the evaluation too."""
        self._due = self.every is not None and time.monotonic() - self._saved_at >= self.every

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Saves, if it is time to; stops, if the process is asked to."""
        if self._since_evaluation:  # by these numbers Lightning knows when to evaluate
            batches = trainer.fit_loop.epoch_loop.batch_progress
            for progress in (batches.total, batches.current):
                progress.ready += self._since_evaluation
            self._since_evaluation = 0
        number = asked()
        if self._due or (number is not None and self.every is not None):
            assert isinstance(pl_module, SequenceModule)
            self._save(trainer, pl_module)
        if number is not None:
            raise StoppedError(number)

    def _save(self, trainer: Trainer, module: SequenceModule) -> None:
        self._due, self._saved_at = False, time.monotonic()
        cuda = module.device.type == "cuda"
        state = {
            "made_with": self._made_with,
            "step": self.step + trainer.global_step,
            "module": module.progress(),
            "parts": [part.state_dict() for part in _stateful(trainer, self.keepers)],
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state() if cuda else None,
        }
        self.lease.require()
        try:
            save(state, self.file)
        except (OSError, RuntimeError) as error:  # torch's own for a full disk
            self.every = None
            complain(f"{self.file}: {error}; an interrupted run will have to start anew")

    def _read(self) -> dict[str, Any] | None:
        try:
            found = load(self.file)
        except DamagedError as error:
            complain(f"{error}; the run starts anew")
            return None
        if found is None:
            return None
        for name, value in self._made_with.items():
            was = found["made_with"].get(name)
            if was != value:
                complain(f"{self.file}: {name} was {was} and is {value}; the run starts anew")
                return None
        return found


def _stateful(trainer: Trainer, keepers: Sequence[Callback]) -> list[Any]:
    """All that has a `state_dict` beside the module, the optimizer before its schedules."""
    schedules = [entry.scheduler for entry in trainer.lr_scheduler_configs]
    return [*trainer.optimizers, *schedules, *keepers]
