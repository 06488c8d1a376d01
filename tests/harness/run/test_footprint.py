"""Memory is what training adds: not what was there before, and not what evaluation needs."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from recurbench.harness.run.execute import execute
from recurbench.harness.run.footprint import counting_saved

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells and resets the peak")
STEPS = ["logger=none", "task=copying", "train.max_steps=4", "train.eval_every=2",
         "cell=torch_gru", "cell.hidden_size=64"]  # fmt: skip


def cost(configure: Callable, read_records: Callable, *overrides: str) -> dict:
    place = f"results_dir=results/{len(list(Path('results').glob('*')))}"
    assert execute(configure(*STEPS, *overrides, place)).ok
    (record,) = read_records(place.removeprefix("results_dir="))
    return record["cost"]


@linux
def test_a_larger_batch_adds_what_it_saves(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    large = ["task.delay=200", "train.batch_size=256", "task.eval_sequences=4"]
    small = ["task.delay=200", "train.batch_size=2", "task.eval_sequences=4"]
    few, many = (cost(configure, read_records, *options) for options in (small, large))
    assert many["saved_bytes"] > 100 * few["saved_bytes"] > 0
    added = many["training_memory_bytes"] - few["training_memory_bytes"]
    assert many["saved_bytes"] - few["saved_bytes"] < added < 4 * many["saved_bytes"]
    assert few["training_memory_bytes"] < 40 << 20
    assert few["peak_memory_bytes"] > 200 << 20, "libraries alone are more"


@linux
def test_evaluation_is_left_out(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    options = ["task.delay=200", "train.batch_size=2", "model.embedding_size=512"]
    few = cost(configure, read_records, *options, "task.eval_sequences=4")
    many = cost(configure, read_records, *options, "task.eval_sequences=2000")
    assert many["peak_memory_bytes"] - few["peak_memory_bytes"] > 100 << 20
    assert abs(many["training_memory_bytes"] - few["training_memory_bytes"]) < 40 << 20


@linux
def test_what_the_process_had_before_is_left_out(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    ballast = torch.ones(50 << 20)
    heavy = cost(configure, read_records)
    assert ballast.nbytes == 200 << 20
    assert heavy["training_memory_bytes"] < 40 << 20


def test_a_step_keeps_its_inputs_and_outputs_but_not_the_weights() -> None:
    model, x = nn.Linear(3, 5, bias=False), torch.ones(7, 3)
    with counting_saved(model) as saved:
        y = torch.tanh(model(x))
    assert saved == [4 * (7 * 3 + 7 * 5)]
    y.sum().backward()
    expected = (torch.cosh(x @ model.weight.T) ** -2).T @ x
    torch.testing.assert_close(model.weight.grad, expected)


def test_what_is_kept_twice_counts_once() -> None:
    x = torch.ones(6, requires_grad=True)
    with counting_saved(nn.Identity()) as saved:
        x * x * x
    assert saved == [4 * (6 + 6)]
