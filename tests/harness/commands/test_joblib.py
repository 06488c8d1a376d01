"""A sweep over processes of joblib's: what happens to one job happens to no other."""

from collections.abc import Callable
from pathlib import Path

KILLER = '''
import os, signal
from torch import nn
from recurbench.cells.base import HiddenState, RecurrentCell


class Killer(RecurrentCell[HiddenState]):
    """Kills its own process, as the kernel does when memory is short."""

    name = "killer"

    def __init__(self, input_size: int, hidden_size: int = 8) -> None:
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size):
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        return self.linear(x)

    def recur(self, u, state):
        os.kill(os.getpid(), signal.SIGKILL)
'''


def test_a_job_that_kills_its_process_costs_itself_alone(
    command: Callable, workplace: Path, read_records: Callable
) -> None:
    Path("plugins").mkdir()
    Path("plugins/killer.py").write_text(KILLER)
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    small = ["logger=none", "train.max_steps=3", "train.eval_every=2", "cell.hidden_size=8"]
    done = command(
        "run", "-m", *launcher, "task=parity", "cell=lstm,killer,gru", "sweep=s", *small,
        RECURBENCH_PLUGINS="plugins",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "sweep s: 2 completed, 1 not" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    statuses = {record["cell"]["name"]: record["status"] for record in read_records()}
    assert statuses == {"lstm": "completed", "killer": "killed", "gru": "completed"}
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  killed"))
    assert "the process was ended by SIGKILL" in line
    assert (Path("results/sweeps/s/logs/1.log")).exists()
