"""Optimizers and learning rate schedules by name."""

from collections.abc import Iterable
from typing import Any

from torch import nn, optim
from torch.optim import Optimizer
from torch.optim import lr_scheduler as schedules

from recurbench.harness.config.sections import OptimizerConfig, TrainConfig


def build_optimizer(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> Optimizer:
    """The optimizer that a configuration names."""
    common: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    match config.name:
        case "adam":
            return optim.Adam(parameters, **common)
        case "adamw":
            return optim.AdamW(parameters, **common)
        case "sgd":
            return optim.SGD(parameters, momentum=config.momentum, **common)
        case "rmsprop":
            return optim.RMSprop(parameters, momentum=config.momentum, **common)
    raise ValueError(config.name)


def build_schedules(
    optimizer: Optimizer,
    config: OptimizerConfig,
    train: TrainConfig,
    monitor: str,
    higher_is_better: bool,
) -> list[dict[str, Any]]:
    """Lightning's scheduler entries; each multiplies the rate, so warm-up combines with all.

    Args:
        optimizer: whose rate is scheduled.
        config: schedule and warm-up.
        train: how long, and how often `monitor` is evaluated.
        monitor: the logged score that a plateau is judged by.
        higher_is_better: of that score.
    """
    entries: list[dict[str, Any]] = []
    if config.warmup_steps:
        first = 1 / (config.warmup_steps + 1)  # the first step is not lost at a rate of zero
        warmup = schedules.LinearLR(optimizer, first, total_iters=config.warmup_steps)
        entries.append({"scheduler": warmup, "interval": "step"})
    if config.schedule == "cosine":
        assert train.max_steps is not None
        cosine = schedules.CosineAnnealingLR(optimizer, T_max=train.max_steps)
        entries.append({"scheduler": cosine, "interval": "step"})
    if config.schedule == "plateau":
        plateau = schedules.ReduceLROnPlateau(
            optimizer,
            mode="max" if higher_is_better else "min",
            factor=config.plateau_factor,
            patience=config.plateau_patience,
        )
        entries.append(
            {
                "scheduler": plateau,
                "interval": "step",
                "frequency": train.eval_every,
                "monitor": monitor,
            }
        )
    return entries
