"""Lightning decides nothing by the cluster or the folder that it happens to run in."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.run.execute import execute
from recurbench.harness.run.recorder import Recorder

SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "sweep", "SLURM_NTASKS": "2", "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NODELIST": "here",
}  # fmt: skip


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a job of two tasks."""
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)


def test_a_run_in_a_job_of_slurm_is_like_any_other(
    slurm: None, configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    assert execute(configure(*small)).status == "completed"
    (there,) = read_records()
    for name in SLURM:
        del os.environ[name]
    assert execute(configure("rerun=true", *small)).status == "completed"
    (here,) = read_records()
    assert there["metrics"] == here["metrics"]


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2"])
def test_a_signal_of_slurms_leaves_no_checkpoint_behind(
    name: str,
    slurm: None,
    configure: Callable,
    small: list,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number, heard = getattr(signal, name), []
    before = signal.signal(number, lambda *_: heard.append(name))
    undisturbed = Recorder.on_train_batch_end

    def signalled(self: Recorder, *arguments: object) -> None:
        os.kill(os.getpid(), number)
        undisturbed(self, *arguments)

    monkeypatch.setattr(Recorder, "on_train_batch_end", signalled)
    try:
        assert execute(configure(*small)).status == "completed"
    finally:
        signal.signal(number, before)
    assert heard, "the signal reaches whoever waited for it"
    assert list(workplace.rglob("*.ckpt")) == []


def test_a_checkpoint_of_lightnings_in_the_working_folder_is_not_loaded(
    configure: Callable, small: list, workplace: Path
) -> None:
    (workplace / "hpc_ckpt_1.ckpt").write_bytes(b"nothing that could be loaded")
    assert execute(configure(*small)).status == "completed"
