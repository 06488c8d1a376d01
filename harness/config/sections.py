"""The sections of a configuration: the types and limits of their options.

The values and the meaning of each option are in conf/<section>/*.yaml.
"""

from dataclasses import dataclass, field, fields, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from annotated_types import Ge, Gt, Lt
from omegaconf import MISSING

from recurbench.harness.config.budgets import BUDGETS, LIMITS
from recurbench.limits import GoesWith


@dataclass
class ModelConfig:
    """What stands around the cell (conf/model)."""

    encoder: Literal["auto", "none", "embedding", "linear", "causal_conv"] = MISSING
    kernel_size: Annotated[int, Ge(1), GoesWith(encoder="causal_conv")] = 4
    embedding_size: Annotated[int, Ge(1)] = MISSING
    depth: Annotated[int, Ge(1)] = MISSING
    dropout: Annotated[float, Ge(0), Lt(1)] = MISSING
    residual: bool = MISSING
    norm: Literal["none", "layer"] = MISSING
    bidirectional: bool = MISSING
    readout: Literal["last", "mean", "attention"] = MISSING


@dataclass
class OptimizerConfig:
    """An entry's trial: the optimizer and its schedule (conf/optimizer)."""

    name: Literal["adam", "adamw", "sgd", "rmsprop"] = MISSING
    lr: Annotated[float, Gt(0), Lt(1e30)] = MISSING
    weight_decay: Annotated[float, Ge(0)] = 0.0
    lr_factor: Annotated[float, Gt(0), Lt(1e30)] = 1.0
    momentum: Annotated[float, Ge(0), Lt(1), GoesWith(name=("sgd", "rmsprop"))] = 0.0
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    warmup_steps: Annotated[int, Ge(0)] = 0
    plateau_factor: Annotated[float, Gt(0), Lt(1), GoesWith(schedule="plateau")] = 0.5
    plateau_patience: Annotated[int, Ge(0), GoesWith(schedule="plateau")] = 3


@dataclass
class TrainConfig:
    """How long and on what a run trains (conf/train)."""

    batch_size: Annotated[int, Ge(1)] = MISSING
    max_steps: Annotated[int, Ge(1)] | None = MISSING
    max_seconds: Annotated[float, Gt(0)] | None = MISSING
    max_tokens: Annotated[int, Ge(1)] | None = None
    eval_every: Annotated[int, Ge(1)] = MISSING
    patience: Annotated[int, Ge(1)] | None = MISSING
    gradient_clip: Annotated[float, Gt(0)] | None = MISSING
    keep_checkpoint: bool = MISSING
    save_every: Annotated[float, Ge(0)] | None = MISSING


if TYPE_CHECKING:
    BudgetConfig = Any
else:
    _train = get_type_hints(TrainConfig, include_extras=True)
    BudgetConfig = make_dataclass(
        "BudgetConfig",
        [(name, Annotated[int, Ge(1)] | None, None) for name in BUDGETS]
        + [(name, _train[f"max_{name}"], None) for name in LIMITS],
    )
    """What is held equal between cells (conf/budget)."""


if TYPE_CHECKING:
    TuningConfig = Any
else:
    _tunes, _tunable = GoesWith(name=("grid", "random")), fields(OptimizerConfig)[1:]
    TuningConfig = make_dataclass(
        "TuningConfig",
        [
            ("name", Literal["none", "grid", "random"], "none"),
            ("trials", Annotated[int, Ge(1), GoesWith(name="random")], 8),
            ("seed", Annotated[int, Ge(0), GoesWith(name="random")], 0),
            ("widen", Annotated[bool, _tunes], True),
            ("trial_seeds", Annotated[Annotated[int, Ge(1)] | None, _tunes], None),
            *((f.name, Annotated[list[Any] | None, _tunes], None) for f in _tunable),
        ],
    )
    """The trials that every entry gets (conf/tuning): values for options of the optimizer."""


def tuned_names(tuning: TuningConfig) -> list[str]:
    """The options of the optimizer that a tuning has values for."""
    names = (option.name for option in fields(OptimizerConfig) if option.name != "name")
    return [name for name in names if getattr(tuning, name) is not None]


@dataclass
class TrainerConfig:
    """Where a run trains (conf/trainer)."""

    accelerator: Literal["cpu", "gpu", "auto"] = MISSING
    precision: Literal["32", "bf16"] = "32"
    threads: Annotated[int, Ge(1)] = 1
    devices: Annotated[int, Ge(1)] = 1


@dataclass
class RunConfig:
    """What may end a run from outside (conf/config.yaml)."""

    timeout: Annotated[float, Gt(0)] | None = None


@dataclass
class Config:
    """A whole configuration, as conf/config.yaml composes it."""

    cell: Any = MISSING
    task: Any = MISSING
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    tuning: TuningConfig = field(default_factory=TuningConfig)
    logger: dict[str, Any] = field(default_factory=dict)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    seed: Annotated[int, Ge(0), Lt(2**63)] = 0
    run: RunConfig = field(default_factory=RunConfig)
    rerun: bool = False
    retry_failed: bool = True
    workers: Annotated[int, Ge(1)] = 1
    max_failures: Annotated[int, Ge(1)] | None = None
    results_dir: str = "results"
    sweep: str | None = None
    study: str | None = None
