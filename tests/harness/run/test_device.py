"""A run trains on the device that `trainer` names, or is refused."""

import pytest
import torch

from recurbench.harness.errors import UserError
from recurbench.harness.run.device import choose_device


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
    assert choose_device(accelerator).type == device


def test_a_gpu_that_is_asked_for_and_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device is available"):
        choose_device("gpu")
