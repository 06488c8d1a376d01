"""Saves an unfinished training so that the next command resumes it."""

import fcntl
import os
import pickle
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from recurbench.harness.console import complain, say
from recurbench.harness.results.record import Environment
from recurbench.harness.run.environment import source_digest
from recurbench.harness.run.module import SequenceModule

PROGRESS = "progress.pt"
"""The name of what a training is continued from."""

MUST_AGREE = "torch", "lightning", "device", "hardware", "threads", "kernel"
"""Of the environment: what a record says of it must hold for all steps of the run."""


class Resumption(Callback):
    """Saves a training to a file now and then; at its start, resumes what is saved there.

    Batches follow from their position and dropout from its generator, so that on a CPU a resumed
    training gives what an uninterrupted one would have given. State is saved after an evaluation,
    before the next step. A damaged file, and one of other code, other software, another device or
    number of threads, is not used, and a line says why.

    Args:
        file: where the training is saved.
        best: where the weights are that were best on validation so far.
        every: least seconds between two savings; None saves nothing.
        environment: where the training runs, as its record says it.
        keepers: further callbacks whose state goes with it, always in the same order.

    Attributes:
        step: how many steps were done before.
    """

    def __init__(
        self,
        file: Path,
        best: Path,
        every: float | None,
        environment: Environment,
        keepers: Sequence[Callback],
    ) -> None:
        self.file, self.best, self.every, self.keepers = file, best, every, keepers
        self._made_with = {
            **{name: getattr(environment, name) for name in MUST_AGREE},
            "source": source_digest(),  # a commit would not tell of edits
            "folder": str(file.parent.resolve()),
        }
        self._found = self._read()
        self.step: int = self._found["step"] if self._found else 0
        self._due = False
        self._saved_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores what was saved."""
        if self._found is None:
            return
        assert isinstance(pl_module, SequenceModule)
        found, self._found = self._found, None
        say(f"  resumes after step {self.step}")
        torch.save(found["best"], self.best)
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
        """Saves, if it is time to."""
        if not self._due:
            return
        assert isinstance(pl_module, SequenceModule)
        self._due, self._saved_at = False, time.monotonic()
        cuda = pl_module.device.type == "cuda"
        state = {
            "made_with": self._made_with,
            "step": self.step + trainer.global_step,
            "best": torch.load(self.best, weights_only=True),
            "module": pl_module.progress(),
            "parts": [part.state_dict() for part in _stateful(trainer, self.keepers)],
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state() if cuda else None,
        }
        try:
            _write(state, self.file)
        except (OSError, RuntimeError) as error:  # torch's own for a full disk
            self.every = None
            complain(f"{self.file}: {error}; an interrupted run will have to start anew")

    def _read(self) -> dict[str, Any] | None:
        if not self.file.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(self.file, weights_only=True, map_location="cpu")
        except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
            complain(f"{self.file} cannot be read ({type(error).__name__}); the run starts anew")
            return None
        for name, value in self._made_with.items():
            if found["made_with"][name] != value:
                was = found["made_with"][name]
                complain(f"{self.file}: {name} was {was} and is {value}; the run starts anew")
                return None
        return found


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The folder that a run works in, or another beside it while a live process works in that one.

    A lock tells: the system takes it from a process that dies, whose folder, the one saved last if
    there are several, goes to the next that asks. Once a run has ended, nothing of it is left. A
    file system without locks lets everyone in.

    Args:
        folder: what the run works in if no other process does.
    """
    place, lock = _claim(folder)
    try:
        yield place
        for other in _beside(folder):
            if other != place and (dead := _lock(other)) is not None:
                shutil.rmtree(other, ignore_errors=True)
                _unlock(other, dead)
    finally:
        _unlock(place, lock)


def _claim(folder: Path) -> tuple[Path, int]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    places = [folder, *_beside(folder)]
    places.sort(key=_saved_at, reverse=True)  # keeps the order of those that saved nothing
    fresh = (folder.with_name(f"{folder.name}.{number}") for number in count(2))
    for place in chain(places, fresh):
        if (lock := _lock(place)) is not None:
            return place, lock
    raise AssertionError("there is always another number")


def _beside(folder: Path) -> list[Path]:
    """The further folders of a run."""
    return sorted(path for path in folder.parent.glob(f"{folder.name}.*") if path.is_dir())


def _saved_at(folder: Path) -> float:
    try:
        return (folder / PROGRESS).stat().st_mtime
    except OSError:
        return 0.0


def _lock(folder: Path) -> int | None:
    """Locks a folder, by a file beside it that outlives its content; None if another process has.

    A file that was removed between opening and locking it locks nothing: then it is tried again.
    """
    file = _lock_file(folder)
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # there are no locks here
            return handle
        if file.exists() and os.path.samestat(os.fstat(handle), file.stat()):
            return handle
        os.close(handle)


def _unlock(folder: Path, lock: int) -> None:
    _lock_file(folder).unlink(missing_ok=True)
    os.close(lock)


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _write(state: dict[str, Any], file: Path) -> None:
    """Replaces a file by a whole one."""
    new = file.with_suffix(".new")
    torch.save(state, new)
    os.replace(new, file)


def _stateful(trainer: Trainer, keepers: Sequence[Callback]) -> list[Any]:
    """All that has a `state_dict` beside the module, the optimizer before its schedules."""
    schedules = [entry.scheduler for entry in trainer.lr_scheduler_configs]
    return [*trainer.optimizers, *schedules, *keepers]
