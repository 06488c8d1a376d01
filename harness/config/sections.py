"""The sections of a configuration: their types, their limits and how Hydra learns of them."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.errors import UserError, nearest
from recurbench.harness.plugins.registry import Plugin, registry


def one_of(*choices: str, default: str = MISSING) -> Any:
    """An option with a fixed set of values."""
    return field(default=default, metadata={"choices": choices})


def at_least(limit: float, default: Any = MISSING) -> Any:
    """A number with a smallest value."""
    return field(default=default, metadata={"at_least": limit})


def above(limit: float, default: Any = MISSING) -> Any:
    """A number that must exceed a limit."""
    return field(default=default, metadata={"above": limit})


# The values and the meaning of each option are in conf/<section>/*.yaml; types and limits are here.
# An option with `identity: False` in its metadata does not make two runs different.


@dataclass
class ModelConfig:
    """What stands around the cell (conf/model)."""

    encoder: str = one_of("auto", "none", "embedding", "linear", "causal_conv")
    kernel_size: int = at_least(1)
    embedding_size: int = at_least(1)
    depth: int = at_least(1)
    dropout: float = field(default=MISSING, metadata={"at_least": 0.0, "below": 1.0})
    residual: bool = MISSING
    norm: str = one_of("none", "layer")
    bidirectional: bool = MISSING
    readout: str = one_of("last", "mean", "attention")


@dataclass
class OptimizerConfig:
    """An entry's trial: the optimizer and its schedule (conf/optimizer)."""

    name: str = one_of("adam", "adamw", "sgd", "rmsprop")
    lr: float = above(0)
    weight_decay: float = at_least(0, default=0.0)
    momentum: float = field(default=0.0, metadata={"at_least": 0.0, "below": 1.0})
    schedule: str = one_of("constant", "cosine", "plateau", default="constant")
    warmup_steps: int = at_least(0, default=0)
    plateau_factor: float = field(default=0.5, metadata={"above": 0.0, "below": 1.0})
    plateau_patience: int = at_least(0, default=3)


@dataclass
class TrainConfig:
    """How long and on what a run trains (conf/train)."""

    batch_size: int = at_least(1)
    max_steps: int | None = at_least(1)
    max_seconds: float | None = above(0)
    eval_every: int = at_least(1)
    patience: int | None = at_least(1)
    gradient_clip: float | None = above(0)
    keep_checkpoint: bool = field(default=MISSING, metadata={"identity": False})
    save_every: float | None = field(default=MISSING, metadata={"at_least": 0, "identity": False})


@dataclass
class BudgetConfig:
    """What is held equal between cells of different sizes (conf/budget)."""

    parameters: int | None = at_least(1)


@dataclass
class TrainerConfig:
    """Where a run trains (conf/trainer)."""

    accelerator: str = one_of("cpu", "gpu", "auto")
    precision: str = one_of("32", "bf16", default="32")
    threads: int = at_least(1, default=1)


@dataclass
class Config:
    """A whole configuration, as conf/config.yaml composes it."""

    cell: Any = MISSING
    task: Any = MISSING
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    logger: dict[str, Any] = field(default_factory=dict)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    seed: int = at_least(0, default=0)
    rerun: bool = False
    results_dir: str = "results"
    sweep: str | None = None


def register() -> None:
    """Stores the schema and every plugin's knobs in Hydra's ConfigStore."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for kind, plugins in registry().plugins.items():
        for plugin in plugins.values():
            store.store(group=kind, name=plugin.name, node=plugin.config_class())


def resolve(composed: DictConfig) -> Config:
    """The composed configuration as plain typed objects, checked against every limit.

    Raises:
        UserError: names the option, its value and what would be right.
    """
    try:
        config: Config = OmegaConf.to_object(composed)  # type: ignore[assignment]
    except OmegaConfBaseException as error:  # `???`, or an interpolation that leads nowhere
        reason = str(error).partition("\n")[0]
        raise UserError(f"{error.full_key}: {reason}") from error
    config.cell = dataclasses.asdict(config.cell)
    config.task = dataclasses.asdict(config.task)
    _check_limits("", config)
    for section in ("model", "optimizer", "train", "budget", "trainer"):
        _check_limits(f"{section}.", getattr(config, section))
    for kind in ("cell", "task"):
        _check_knobs(plugin_of(config, kind), getattr(config, kind))
    if config.train.max_steps is None and config.train.max_seconds is None:
        raise UserError("train.max_steps and train.max_seconds are both null; set one of them")
    if config.optimizer.schedule == "cosine" and config.train.max_steps is None:
        raise UserError("optimizer.schedule=cosine needs train.max_steps, which is null")
    return config


def plugin_of(config: Config, kind: str) -> Plugin:
    """The plugin that the section `cell` or `task` names."""
    plugins = registry().plugins[kind]
    name = getattr(config, kind)["name"]
    if name not in plugins:
        raise UserError(f"{kind}.name={name}: no such {kind}{nearest(name, plugins)}")
    return plugins[name]


def knobs_of(section: dict[str, Any]) -> dict[str, Any]:
    """A plugin's section without the plugin's name: its constructor's arguments."""
    return {key: value for key, value in section.items() if key != "name"}


def _check_limits(prefix: str, section: Any) -> None:
    for option in dataclasses.fields(section):
        value = getattr(section, option.name)
        rules = option.metadata
        if value is None:
            continue
        _check_finite(prefix + option.name, value)
        if "choices" in rules and value not in rules["choices"]:
            raise UserError(f"{prefix}{option.name}={value}{nearest(value, rules['choices'])}")
        for rule, holds in (
            ("at_least", lambda limit, value=value: value >= limit),
            ("above", lambda limit, value=value: value > limit),
            ("below", lambda limit, value=value: value < limit),
        ):
            if rule in rules and not holds(rules[rule]):
                words = rule.replace("_", " ")
                raise UserError(f"{prefix}{option.name}={value}: must be {words} {rules[rule]:g}")


def _check_knobs(plugin: Plugin, section: dict[str, Any]) -> None:
    if set(section) != {"name", *(knob.name for knob in plugin.knobs)}:
        # Its knobs are another plugin's: only the choice of the group brings both.
        raise UserError(f"{plugin.kind}.name={plugin.name}: write {plugin.kind}={plugin.name}")
    for knob in plugin.knobs:
        value, option = section[knob.name], f"{plugin.kind}.{knob.name}"
        if knob.choices and value not in knob.choices:
            raise UserError(f"{option}={value}{nearest(str(value), knob.choices)}")
        _check_finite(option, value)


def _check_finite(option: str, value: Any) -> None:
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, float) and not math.isfinite(number):
            raise UserError(f"{option}={value}: must be finite")
