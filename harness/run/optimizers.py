"""Optimizers, their groups of parameters and learning rate schedules."""

from dataclasses import dataclass, field
from typing import Any

from torch import nn, optim
from torch.optim import Optimizer
from torch.optim import lr_scheduler as schedules

from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.sections import OptimizerConfig, TrainConfig
from recurbench.harness.results.record import Group


@dataclass
class ParameterGroup:
    """The parameters of a model that share a learning rate and a weight decay, by their names."""

    lr: float
    weight_decay: float
    named: dict[str, nn.Parameter] = field(default_factory=dict)

    def recorded(self) -> Group:
        """What a record says of it."""
        numbers = sum(parameter.numel() for parameter in self.named.values())
        return Group(
            lr=self.lr,
            weight_decay=self.weight_decay,
            parameters=numbers,
            names=list(self.named),
        )


def parameter_groups(model: nn.Module, config: OptimizerConfig) -> list[ParameterGroup]:
    """All parameters of a model, each in one group; without decay and factor there is one group.

    Weight decay is for matrices, which it keeps from growing. It is not for vectors (biases, gains,
    eigenvalues, decays), nor for what a cell names in `undecayed`: 0 means nothing special there,
    and what is pulled towards it changes how long a cell remembers. `lr_factor` is for what a cell
    names in `own_rate`.
    """
    undecayed, own_rate = _named(model, "undecayed"), _named(model, "own_rate")
    groups: dict[tuple[float, float], ParameterGroup] = {}
    for name, parameter in model.named_parameters():
        decays = parameter.dim() > 1 and name not in undecayed
        lr = config.lr * config.lr_factor if name in own_rate else config.lr
        key = lr, config.weight_decay if decays else 0.0
        groups.setdefault(key, ParameterGroup(*key)).named[name] = parameter
    return list(groups.values())


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> Optimizer:
    """The optimizer that a configuration names, of all parameters of a model."""
    groups: list[dict[str, Any]] = [
        {"params": list(group.named.values()), "lr": group.lr, "weight_decay": group.weight_decay}
        for group in parameter_groups(model, config)
    ]
    match config.name:
        case "adam":
            return optim.Adam(groups)
        case "adamw":
            return optim.AdamW(groups)
        case "sgd":
            return optim.SGD(groups, momentum=config.momentum)
        case "rmsprop":
            return optim.RMSprop(groups, momentum=config.momentum)
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


def _named(model: nn.Module, attribute: str) -> set[str]:
    """The parameters of a model that its cells name in an attribute."""
    return {
        f"{place}.{name}" if place else name
        for place, module in model.named_modules()
        if isinstance(module, RecurrentCell)
        for name in getattr(module, attribute)
    }
