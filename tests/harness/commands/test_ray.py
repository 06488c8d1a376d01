"""Sweeps by Ray: on this machine, and on a cluster that runs already."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harmful import CELL
from slurm_kit import free_ports, wait_until

SMALL = ["task=parity", "logger=none", "train.max_steps=3", "train.eval_every=2"]


@pytest.fixture(autouse=True)
def ray_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray sends none home, and leaves no token there."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)


def test_whatever_a_run_does_costs_itself_alone(
    command: Callable, plugin_folder: Path, read_records: Callable
) -> None:
    (plugin_folder / "odd.py").write_text(CELL)
    done = command(
        "run", "-m", "cell=odd", "cell.harm=hang,kill,memory,none", *SMALL, "sweep=s",
        "run.timeout=40", "hydra/launcher=ray_local", "+hydra.launcher.ray.init.num_cpus=2",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "sweep s: 1 completed, 3 not" in done.stdout
    assert {record["cell"]["harm"]: record["status"] for record in read_records()} == {
        "kill": "killed", "hang": "timed_out", "memory": "out_of_memory", "none": "completed",
    }  # fmt: skip


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster with two cores and a GPU, started in a folder elsewhere."""
    (port,) = free_ports(1)
    ray = Path(sys.executable).with_name("ray")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    head = [
        ray, "start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--num-gpus=1",
        "--include-dashboard=false",
    ]  # fmt: skip
    log = elsewhere / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            head, cwd=elsewhere, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(lambda: "runtime started" in log.read_text(), "Ray runs")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
        with suppress(ProcessLookupError):  # what it started and did not end
            os.killpg(process.pid, signal.SIGKILL)


def test_a_running_cluster_is_joined_and_two_runs_share_its_gpu(
    cluster: str, command: Callable, read_records: Callable
) -> None:
    done = command(
        "run", "-m", "cell=lstm,gru", *SMALL, "hydra/launcher=ray_cluster",
        f"hydra.launcher.ray.init.address={cluster}", "hydra.launcher.ray.remote.num_gpus=0.5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {record["cell"]["name"] for record in read_records()} == {"lstm", "gru"}
