"""A sweep on a real Slurm: a job array with a run that dies and a job that is pre-empted."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harmful import CELL
from slurm_kit import Slurm, slurm, wait_until

from recurbench.harness.run.execute import execute

__all__ = ["slurm"]

TRAINING = [
    "cell=odd", "task=parity", "logger=none", "train.max_steps=40", "train.eval_every=5",
    "task.eval_sequences=20",
]  # fmt: skip


@pytest.mark.slurm
def test_a_pre_empted_run_resumes_and_a_killed_one_costs_itself_alone(
    slurm: Slurm, plugin_folder: Path, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    (plugin_folder / "odd.py").write_text(CELL)
    sweep = subprocess.Popen(
        [sys.executable, "-m", "recurbench.harness.cli", "run", "-m", *TRAINING,
         "cell.harm=slow,kill", "hydra/launcher=slurm", "sweep=s"],
        env=os.environ | slurm.environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    folder = workplace / "results/sweeps/s"
    assert execute(configure(*TRAINING, "cell.harm=slow", "results_dir=undisturbed")).ok
    (undisturbed,) = read_records("undisturbed")
    log = folder / "logs/0.log"
    wait_until(lambda: log.exists() and "step 10/40" in log.read_text(), "the run trains")
    wait_until(lambda: "killed" in str(read_records()), "the other run has ended")
    (job,) = {path.name.partition("_")[0] for path in (folder / "slurm").glob("*_?")}
    slurm.preempt(f"{job}_0")
    said, _ = sweep.communicate(timeout=240)
    assert "sweep s: 1 completed, 1 not" in said
    assert sweep.returncode == 1
    records = {record["cell"]["harm"]: record for record in read_records()}
    assert (records["slow"]["status"], records["kill"]["status"]) == ("completed", "killed")
    assert f"resumes after step {records['slow']['resumed_after']}" in log.read_text()
    assert lasting(records["slow"]) == lasting(undisturbed)


def lasting(record: dict) -> dict:
    """What of a record must not depend on when it was made."""
    curve = [{k: v for k, v in point.items() if k != "seconds"} for point in record["curve"]]
    return {"id": record["run_id"], "curve": curve, "metrics": record["metrics"]}
