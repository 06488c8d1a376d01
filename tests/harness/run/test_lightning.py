"""Lightning decides nothing by the cluster or the folder that it happens to run in."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.run.execute import execute
from recurbench.harness.run.recorder import Recorder

SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "sweep", "SLURM_NTASKS": "2", "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1", "SLURM_NODEID": "0", "SLURM_NODELIST": "here",
}  # fmt: skip
SPREAD = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"}
CLUSTERS = {
    "slurm": SLURM,
    "torchelastic": SPREAD | {"TORCHELASTIC_RUN_ID": "7", "GROUP_RANK": "0"},
    "kubeflow": SPREAD | {"KUBERNETES_PORT": "tcp://127.0.0.1:443"},
    "lsf": {
        "LSB_JOBID": "7", "LSB_DJOB_RANKFILE": "no/such", "LSB_DJOB_NUMPROC": "2",
        "JSM_NAMESPACE_RANK": "1", "JSM_NAMESPACE_LOCAL_RANK": "1", "JSM_NAMESPACE_SIZE": "2",
    },
    "mpi": {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "PMI_RANK": "1"},
}  # fmt: skip


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a job of two tasks."""
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("variables", CLUSTERS.values(), ids=CLUSTERS)
def test_a_run_on_a_cluster_is_like_any_other(
    variables: dict, command: Callable, small: list, read_records: Callable
) -> None:
    """As a program, since Lightning reads some variables when it is imported."""
    found = []
    for environment in (variables, {}):
        done = command("run", "rerun=true", *small, "logger=csv", **environment)
        assert (done.returncode, done.stderr) == (0, "")
        (record,) = read_records()
        logged = Path(record["logger"][0]["directory"]) / "metrics.csv"
        found.append((record["metrics"], logged.read_text().splitlines()[0]))
    assert found[0] == found[1]


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
