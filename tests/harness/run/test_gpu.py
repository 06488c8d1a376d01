"""Runs on a GPU: scores of the CPU, exact resuming, and memory that is CUDA's."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from recurbench.harness.run.execute import execute
from recurbench.harness.run.memory import resident

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here"),
]

SETTINGS = [
    "logger=none", "task=copying", "task.eval_sequences=100", "train.max_steps=40",
    "train.eval_every=10", "train.save_every=0", "cell.hidden_size=32",
]  # fmt: skip


@pytest.mark.parametrize("cell", ["gru", "torch_gru", "lstm", "lru", "mlstm", "attention_gru"])
def test_a_run_on_a_gpu_reaches_the_scores_of_the_cpu(
    cell: str, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    for device in ("cpu", "gpu"):
        config = configure(f"cell={cell}", *SETTINGS, f"trainer={device}", f"results_dir={device}")
        assert execute(config).ok
    (cpu,), (gpu,) = read_records("cpu"), read_records("gpu")
    assert gpu["environment"]["device"] == "cuda"
    assert gpu["environment"]["hardware"] == torch.cuda.get_device_name()
    assert gpu["run_id"] == cpu["run_id"]
    for split, scores in cpu["metrics"].items():
        assert gpu["metrics"][split]["loss"] == pytest.approx(scores["loss"], rel=0.01)


def test_a_run_on_a_gpu_resumes(
    cut_off: Callable, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    settings = ["cell=lstm", "model.dropout=0.2", *SETTINGS, "trainer=gpu"]
    assert execute(configure(*settings, "results_dir=undisturbed")).ok
    config = configure(*settings)
    cut_off(lambda: execute(config), 25)
    assert execute(config).ok
    (whole,), (resumed,) = read_records("undisturbed"), read_records()
    assert resumed["resumed_after"] == 20
    for split, scores in whole["metrics"].items():
        assert resumed["metrics"][split]["loss"] == pytest.approx(scores["loss"], rel=1e-3)


def test_peak_memory_is_what_torch_has_allocated_on_the_device(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    assert execute(configure("cell=gru", *SETTINGS, "trainer=gpu")).ok
    (record,) = read_records()
    cost = record["cost"]
    process = resident("VmHWM")
    assert process is not None
    assert 0 < cost["peak_memory_bytes"] < process / 10
    assert cost["training_memory_bytes"] == cost["peak_memory_bytes"]
