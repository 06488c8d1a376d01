"""Which parameters are decayed, and which have a rate of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from model_kit import model
from torch import nn

from recurbench.cells.base import RecurrentCell
from recurbench.harness.cli import main
from recurbench.harness.config.sections import OptimizerConfig
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.execute import execute
from recurbench.harness.run.optimizers import build_optimizer, parameter_groups
from recurbench.harness.run.prepare import prepare
from recurbench.harness.run.training import load_weights

CELLS = sorted(registry().plugins["cell"])

NOT_DECAYED = {
    "lru": {"log_decay", "log_phase", "log_scale"},
    "s5": {"log_decay", "frequency", "log_step"},
    "rg_lru": {"decay", "input.bias"},
    "gated_delta_net": {"log_rate", "bias"},
    "min_gru": {"input.bias"},
    "indrnn": {"u", "input.bias"},
    "orthogonal_rnn": {"skew", "bias"},
    "ligru": {"gain", "b"},
    "local_attention": {"position_bias", "output.bias"},
    "slstm": {"bias"},
    "torch_lstm": {"layer.bias_ih_l0", "layer.bias_hh_l0"},
}
OWN_RATE = {
    "lru": {"log_decay", "log_phase", "log_scale"},
    "s5": {"log_decay", "frequency", "log_step"},
    "orthogonal_rnn": {"skew"},
}


def groups(made: nn.Module, **options: float) -> dict[tuple[float, float], set[str]]:
    """The names of all parameters by rate and decay."""
    found = parameter_groups(made, OptimizerConfig(name="adamw", lr=0.5, **options))
    return {(group.lr, group.weight_decay): set(group.named) for group in found}


@pytest.mark.parametrize("cell", CELLS)
def test_each_parameter_is_in_one_group(cell: str) -> None:
    made = model(cell, depth=2, norm="layer")
    parts = parameter_groups(made, OptimizerConfig(name="adam", lr=0.5, weight_decay=0.25,
                                                   lr_factor=0.5))  # fmt: skip
    names = [name for group in parts for name in group.named]
    assert sorted(names) == sorted(name for name, _ in made.named_parameters())
    assert all(dict(made.named_parameters())[n] is p for g in parts for n, p in g.named.items())
    optimizer = build_optimizer(made, OptimizerConfig(name="adam", lr=0.5, weight_decay=0.25))
    taken = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(taken) == sorted(map(id, made.parameters()))


@pytest.mark.parametrize("cell", CELLS)
def test_without_decay_and_factor_all_are_trained_alike(cell: str) -> None:
    assert list(groups(model(cell))) == [(0.5, 0.0)]


@pytest.mark.parametrize(("cell", "expected"), NOT_DECAYED.items())
def test_what_is_not_decayed_of_a_cell(cell: str, expected: set[str]) -> None:
    place = "layers.0.cells.0."
    free = groups(model(cell, bidirectional=True, norm="layer"), weight_decay=0.25)[0.5, 0.0]
    assert {name.removeprefix(place) for name in free if name.startswith(place)} == expected
    assert {"layers.0.norm.weight", "norm.bias", "head.bias"} <= free


def test_weights_and_embeddings_are_decayed() -> None:
    decayed = groups(model("gru", tokens=True, encoder="embedding"), weight_decay=0.25)[0.5, 0.25]
    weights = {"layers.0.cells.0.weight_ih", "layers.0.cells.0.weight_hh"}
    assert decayed == {"encoder.weight", "head.weight", *weights}


@pytest.mark.parametrize("cell", CELLS)
def test_the_factor_is_for_what_a_cell_names(cell: str) -> None:
    slow = groups(model(cell), lr_factor=0.5).get((0.25, 0.0), set())
    found = {name.removeprefix("layers.0.cells.0.") for name in slow}
    assert found == OWN_RATE.get(cell, set())


def test_a_cell_within_a_cell_names_its_own() -> None:
    class Wrapper(RecurrentCell):
        initial_state = project = recur = None

    wrapper = Wrapper(3, 8)
    wrapper.inner = registry().plugins["cell"]["lru"].cls(3, 8)
    assert groups(wrapper, lr_factor=0.5)[0.25, 0.0] == {f"inner.{n}" for n in OWN_RATE["lru"]}


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_optimizer_decays_and_rates_by_group(optimizer: str) -> None:
    made = nn.Linear(2, 2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.fill_(1.0)
            parameter.grad = torch.zeros_like(parameter)
    build_optimizer(made, OptimizerConfig(name=optimizer, lr=0.125, weight_decay=0.5)).step()
    assert (made.weight < 1).all()
    assert (made.bias == 1).all()


LRU = ["cell=lru", "logger=none", "task.eval_sequences=20", "train.max_steps=200",
       "train.eval_every=50", "train.batch_size=4", "optimizer=adamw"]  # fmt: skip


def test_the_eigenvalues_of_an_lru_stay_near_the_circle_under_weight_decay(
    configure: Callable, workplace: Path, read_records: Callable, capsys: pytest.CaptureFixture
) -> None:
    """They went from 0.9 at least to 0.4 when they were decayed as weights are."""
    config = configure(*LRU, "optimizer.weight_decay=0.3", "train.keep_checkpoint=true")
    assert execute(config).ok
    (record,) = read_records()
    trained = prepare(config).model
    (kept,) = (workplace / "results/checkpoints").rglob("*.ckpt")
    load_weights(trained, kept)
    moduli = torch.exp(-torch.exp(trained.cells[0].log_decay))
    assert moduli.min() > 0.85
    by_decay = {group["weight_decay"]: group for group in record["groups"]}
    assert set(by_decay) == {0.0, 0.3}
    assert sum(group["parameters"] for group in record["groups"]) == record["cost"]["parameters"]
    assert "layers.0.cells.0.log_decay" in by_decay[0.0]["names"]
    capsys.readouterr()
    assert main(["show", record["run_id"]]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("group ")]
    assert len(lines) == 2
    assert any("weight_decay=0.3" in line and "head.weight" in line for line in lines)


def test_a_factor_slows_the_eigenvalues_alone(configure: Callable) -> None:
    """With plain gradient descent, a step is the rate times the gradient."""
    steps = []
    for factor in (1.0, 0.5):
        prepared = prepare(configure(*LRU[:3], f"optimizer.lr_factor={factor}", "optimizer=sgd"))
        made, batch = prepared.model.double(), next(iter(prepared.task.train_dataloader()))
        before = [parameter.detach().clone() for parameter in made.parameters()]
        outputs, _ = made(batch.inputs)
        prepared.task.loss(outputs, prepared.task.targets_of(batch)).backward()
        build_optimizer(made, prepared.config.optimizer).step()
        names = [name for name, _ in made.named_parameters()]
        moved = [p.detach() - b for p, b in zip(made.parameters(), before, strict=True)]
        steps.append(dict(zip(names, moved, strict=True)))
    for name, usual in steps[0].items():
        slow = name.rpartition(".")[2] in OWN_RATE["lru"]
        torch.testing.assert_close(steps[1][name], usual * (0.5 if slow else 1.0))
