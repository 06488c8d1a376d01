"""A run trains on the device that `trainer` names, or is refused; kernels change no result."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from recurbench.cells.parts import native
from recurbench.harness.cli import main
from recurbench.harness.config.sections import TrainerConfig
from recurbench.harness.errors import UserError
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.execute import execute


@pytest.mark.parametrize(
    ("accelerator", "there_is_one", "device"),
    [
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("gpu", True, "cuda"),
    ],
)
def test_a_gpu_is_taken_if_it_is_there_and_not_ruled_out(
    accelerator: str, there_is_one: bool, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device(TrainerConfig(accelerator)).type == device


def test_a_gpu_that_is_asked_for_and_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device is available"):
        choose_device(TrainerConfig("gpu"))


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device(TrainerConfig("gpu", devices=2), rank=1) == torch.device("cuda", 1)
    with pytest.raises(UserError, match=r"trainer.devices=3: there are 2 CUDA devices"):
        choose_device(TrainerConfig("auto", devices=3))


@pytest.mark.parametrize("cell", ["gru", "lstm", "mgu", "attention_gru"])
def test_a_kernel_changes_neither_what_a_run_is_nor_its_scores(
    cell: str, configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    records = []
    for kernel in ("reference", "fused", "auto"):
        settings = [f"cell={cell}", "task=copying", f"cell.kernel={kernel}", "rerun=true"]
        execute(configure(*settings, *small))
        records += read_records()
    reference, fused, auto = records
    assert reference["run_id"] == fused["run_id"] == auto["run_id"]
    assert reference["environment"]["kernel"] == "reference"
    assert fused["environment"]["kernel"] == "fused"
    assert auto["environment"]["kernel"] in ("fused", "native")
    for record in (fused, auto):
        for split, scores in reference["metrics"].items():
            assert record["metrics"][split] == pytest.approx(scores, rel=1e-4, abs=1e-6)


def test_a_kernel_that_cannot_be_built_is_a_line_and_the_run_goes_on(
    small: list,
    workplace: Path,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(workplace / "extensions"))
    monkeypatch.setenv("CXX", "false")
    native.loops.cache_clear()
    try:
        main(["run", "cell=gru", "task=copying", *small])
    finally:
        native.loops.cache_clear()
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if "kernel" in line)
    assert line.startswith("  the kernel native cannot be built: ")
    assert line.endswith("; using kernel=fused")
    assert read_records()[0]["environment"]["kernel"] == "fused"
