"""How Lightning is used, and what it is kept from: signals, clusters, banners, and advice."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.environments import (  # type: ignore[attr-defined]
    LightningEnvironment,
)
from pytorch_lightning.utilities import rank_zero
from pytorch_lightning.utilities.exceptions import SIGTERMException

from recurbench.harness.config.sections import Config
from recurbench.harness.run.stopping import StoppedError

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed"}


def make_trainer(
    config: Config, device: torch.device, folder: Path, callbacks: list[Callback]
) -> Trainer:
    """Lightning's trainer, which evaluates every so many steps and ends only when it is told to.

    Args:
        config: says how often it evaluates, and its precision.
        device: what it runs on.
        folder: the only one in which it looks for checkpoints of its own or leaves any.
        callbacks: all of them; Lightning adds none.
    """
    forget_rank()
    return Trainer(
        # Neither Slurm's variables nor a checkpoint in the working folder may decide anything.
        plugins=[LightningEnvironment()],
        default_root_dir=folder,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision=PRECISIONS[config.trainer.precision],  # type: ignore[arg-type]
        max_epochs=-1,  # the recorder ends training, after a last evaluation
        val_check_interval=config.train.eval_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        logger=False,
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,  # `BestWeights` keeps what is tested
    )


def forget_rank() -> None:
    """Keeps Lightning from taking this process for one of several that train together.

    It reads a rank from the variables of a cluster when it is imported, and all but the first would
    log nothing, in silence. Every process of ours trains a run of its own.
    """
    rank_zero.rank_zero_only.rank = 0  # type: ignore[attr-defined] # the function holds it


@contextmanager
def tamed() -> Iterator[None]:
    """Runs a block of Lightning's without its banners, and with the usual meaning of signals."""
    with _quiet(), _honest_exits():
        yield


@contextmanager
def _honest_exits() -> Iterator[None]:
    """Undoes what Lightning makes of signals.

    It turns Ctrl-C into an exit with code 1, after which Ctrl-C is ignored, and a termination into
    an exit with code 0, which would look like success.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise StoppedError(signal.SIGTERM) from None
    except SystemExit as exit_:
        if not isinstance(exit_.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Lightning's banners and advice, which concern choices that the harness has made."""
    loggers = [
        logging.getLogger(f"{package}.utilities.rank_zero")
        for package in ("pytorch_lightning", "lightning_fabric")
    ]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
