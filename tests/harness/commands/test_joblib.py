"""A sweep over processes of joblib's: what happens to one job happens to no other."""

from collections.abc import Callable
from pathlib import Path

from harmful import CELL


def test_a_job_that_kills_its_process_costs_itself_alone(
    command: Callable, plugin_folder: Path, read_records: Callable
) -> None:
    (plugin_folder / "odd.py").write_text(CELL)
    small = ["logger=none", "train.max_steps=3", "train.eval_every=2", "cell.hidden_size=8"]
    done = command(
        "run", "-m", "hydra/launcher=all_cores", "task=parity", "cell=odd",
        "cell.harm=none,kill", "sweep=s", *small,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "sweep s: 1 completed, 1 not" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    statuses = {record["cell"]["harm"]: record["status"] for record in read_records()}
    assert statuses == {"none": "completed", "kill": "killed"}
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  killed"))
    assert "the process was ended by SIGKILL" in line
    assert (Path("results/sweeps/s/logs/1.log")).exists()
