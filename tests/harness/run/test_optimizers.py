"""The learning rate at every step is what the schedule's formula says."""

import math
from itertools import count

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import nn

from recurbench.harness.config.sections import OptimizerConfig, TrainConfig
from recurbench.harness.run.lightning import tamed
from recurbench.harness.run.module import SequenceModule
from recurbench.harness.run.optimizers import build_optimizer, build_schedules
from recurbench.harness.run.prepare import prepare

LR = 0.25
TRAIN = TrainConfig(
    batch_size=3, max_steps=20, max_seconds=None, eval_every=2, patience=None, gradient_clip=None
)


def optimizer_for(config: OptimizerConfig) -> torch.optim.Optimizer:
    model = nn.Linear(3, 1, bias=False)
    model.weight.grad = torch.ones(1, 3)
    return build_optimizer(model, config)


def rates(
    steps: int, scores=None, *, train: TrainConfig = TRAIN, higher_is_better=True, **options
) -> list[float]:
    """The rate at each step, and at last the one after them; `scores` are what is monitored."""
    config = OptimizerConfig(name="sgd", lr=LR, **options)
    optimizer = optimizer_for(config)
    entries = build_schedules(optimizer, config, train, "val/score", higher_is_better)
    scores = iter(scores or ())
    found = []
    for step in range(1, steps + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for entry in entries:
            assert entry["interval"] == "step"
            if "monitor" not in entry:
                entry["scheduler"].step()
            elif step % entry["frequency"] == 0:
                assert entry["monitor"] == "val/score"
                entry["scheduler"].step(next(scores))
    return [*found, optimizer.param_groups[0]["lr"]]


def warm(step: int, warmup_steps: int) -> float:
    return min(1, (step + 1) / (warmup_steps + 1))


def cosine(step: int, steps: int) -> float:
    return (1 + math.cos(math.pi * step / steps)) / 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("sgd", torch.optim.SGD),
        ("rmsprop", torch.optim.RMSprop),
    ],
)
def test_an_optimizer_gets_its_options(name, kind):
    config = OptimizerConfig(name=name, lr=0.125, weight_decay=0.5, momentum=0.75)
    optimizer = optimizer_for(config)
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.125, 0.5)
    if name in ("sgd", "rmsprop"):
        assert group["momentum"] == 0.75
    assert len(group["params"]) == 1


def test_without_schedule_and_warm_up_the_rate_is_constant():
    assert rates(7) == [LR] * 8


@pytest.mark.parametrize("warmup_steps", [1, 3, 9])
def test_warm_up_is_linear_from_above_zero_and_then_over(warmup_steps):
    steps = warmup_steps + 4
    expected = [LR * warm(step, warmup_steps) for step in range(steps + 1)]
    assert rates(steps, warmup_steps=warmup_steps) == pytest.approx(expected)
    assert expected[0] > 0
    assert expected[warmup_steps - 1] < expected[warmup_steps] == LR


@pytest.mark.parametrize("warmup_steps", [0, 1, 5])
def test_a_cosine_falls_to_zero_over_all_steps_and_combines_with_warm_up(warmup_steps):
    found = rates(20, schedule="cosine", warmup_steps=warmup_steps)
    expected = [LR * warm(step, warmup_steps) * cosine(step, 20) for step in range(21)]
    assert found == pytest.approx(expected, abs=1e-12)
    assert found[-1] == pytest.approx(0, abs=1e-12)
    assert found[-2] > 0


@pytest.mark.parametrize("warmup_steps", [0, 3, 15])
@pytest.mark.parametrize("patience", [0, 2])
def test_a_plateau_multiplies_the_rate_and_combines_with_warm_up(warmup_steps, patience):
    found = rates(
        20,
        [0.5] * 10,
        schedule="plateau",
        warmup_steps=warmup_steps,
        plateau_factor=0.1,
        plateau_patience=patience,
    )
    # The first evaluation is the best; each `patience + 1` further ones multiply the rate once.
    falls = [max(0, step // TRAIN.eval_every - 1) // (patience + 1) for step in range(21)]
    expected = [LR * warm(step, warmup_steps) * 0.1**n for step, n in enumerate(falls)]
    limit = [value for value in expected if value > 1e-6]  # below, torch lets the rate be
    assert found[: len(limit)] == pytest.approx(limit)
    assert falls[len(limit) - 1] >= 2


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_plateau_knows_which_scores_are_better(higher_is_better):
    options = {"schedule": "plateau", "plateau_patience": 0, "higher_is_better": higher_is_better}
    rising, falling = rates(8, count(1), **options), rates(8, count(-1, -1), **options)
    better, worse = (rising, falling) if higher_is_better else (falling, rising)
    assert better == [LR] * 9
    assert worse[-1] < LR


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["optimizer.schedule=constant"], lambda step: 1),
        (["optimizer.warmup_steps=3"], lambda step: warm(step, 3)),
        (["optimizer.schedule=cosine"], lambda step: cosine(step, 6)),
        (
            ["optimizer.schedule=cosine", "optimizer.warmup_steps=3"],
            lambda step: warm(step, 3) * cosine(step, 6),
        ),
        (
            ["optimizer.schedule=plateau", "optimizer.plateau_patience=0"],
            lambda step: 0.5 ** max(0, step // 2 - 1),
        ),
    ],
    ids=["constant", "warm-up", "cosine", "warm-up-cosine", "plateau"],
)
def test_lightning_trains_at_the_scheduled_rates(configure, overrides, expected):
    config = configure(
        *overrides,
        "optimizer=sgd",
        "optimizer.momentum=0",
        "optimizer.lr=1e-6",  # so low that no score improves
        "train.max_steps=6",
        "train.eval_every=2",
        "train.batch_size=3",
        "task.eval_sequences=9",
        "cell.hidden_size=3",
    )
    prepared = prepare(config)
    module = SequenceModule(prepared.model, prepared.task, config.optimizer, config.train)
    found: list[float] = []

    class Watch(Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            found.append(optimizer.param_groups[0]["lr"])

    with tamed():
        Trainer(
            accelerator="cpu", devices=1, max_steps=6, val_check_interval=2,
            check_val_every_n_epoch=None, num_sanity_val_steps=0, logger=False,
            callbacks=[Watch()], enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(module, datamodule=prepared.task)  # fmt: skip
    assert found == pytest.approx([1e-6 * expected(step) for step in range(6)])
