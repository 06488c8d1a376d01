"""Whatever a run does to its process costs this run alone, and is said in its record."""

import time
from pathlib import Path

import pytest

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.run.isolated import run_isolated

CELL = """
import ctypes, os, signal, sys, time
from torch import nn
from recurbench.cells.base import HiddenState, RecurrentCell

class Odd(RecurrentCell[HiddenState]):
    \"\"\"Does harm.\"\"\"
    name = "odd"

    def __init__(self, input_size: int, hidden_size: int = 8, *, harm: str = "none") -> None:
        super().__init__(input_size, hidden_size)
        self.harm, self.lin = harm, nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size):
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        return self.lin(x)

    def recur(self, u, state):
        if self.training:
            print("about to do harm:", self.harm)
            exec(HARMS[self.harm])
        return u, HiddenState(u)

HARMS = {
    "none": "pass",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "terminate": "os.kill(os.getpid(), signal.SIGTERM)",
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "exit": "sys.exit(0)",
    "exit_at_once": "os._exit(0)",
    "memory": "raise MemoryError",
    "raise": "raise ValueError('harm')",
    "stop_iteration": "raise StopIteration",
    "fork": "os.system('sleep 600 &'); os.kill(os.getpid(), signal.SIGKILL)",
}
"""


@pytest.fixture
def odd_run(plugin_folder: Path, workplace: Path, small):
    """Runs a cell that does harm, in a process of its own."""
    (plugin_folder / "odd.py").write_text(CELL)

    def run(harm: str):
        register()
        words = ["cell=odd", f"cell.harm={harm}", "task=parity", *small]
        (composed,), _ = compose_jobs(words, False)
        return run_isolated(resolve(composed), workplace / "logs" / "run.log")

    return run


def test_a_harmless_run_gives_its_outcome_and_its_record(odd_run, read_records, workplace, capsys):
    outcome = odd_run("none")
    assert (outcome.status, outcome.ok) == ("completed", True)
    assert [record["status"] for record in read_records()] == ["completed"]
    said = capsys.readouterr().out
    assert "about to do harm: none" in said
    assert (workplace / "logs/run.log").read_text() == said


@pytest.mark.parametrize(
    ("harm", "status", "message"),
    [
        ("kill", "killed", "ended by SIGKILL"),
        ("terminate", "killed", "ended by SIGTERM"),
        ("segfault", "killed", "ended by SIGSEGV"),
        ("abort", "killed", "ended by SIGABRT"),
        ("exit", "failed", "a plugin ended the process with exit code 0"),
        ("exit_at_once", "failed", "a plugin ended the process with exit code 0"),
        ("memory", "out_of_memory", "MemoryError"),
        ("raise", "failed", "ValueError: harm"),
        ("stop_iteration", "failed", "let a StopIteration escape"),
    ],
)
def test_harm_is_recorded_as_what_it_was(odd_run, read_records, harm, status, message):
    outcome = odd_run(harm)
    (record,) = read_records()
    assert (outcome.status, record["status"]) == (status, status)
    assert message in outcome.line
    assert record["track"]["data"]  # it is on the track on which it would have been
    assert record["run_id"] in outcome.line


def test_what_a_run_has_started_ends_with_it(odd_run):
    odd_run("fork")
    deadline = time.monotonic() + 5
    while running := [
        p for p in Path("/proc").glob("[0-9]*/cmdline") if b"sleep\x00600" in text(p)
    ]:
        assert time.monotonic() < deadline, running
        time.sleep(0.05)


def text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
