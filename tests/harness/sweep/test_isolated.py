"""Whatever a run does to its process costs this run alone, and is said in its record."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.sweep.engine import Engine
from recurbench.harness.sweep.jobs import Job
from recurbench.harness.sweep.stop import Stop
from recurbench.harness.sweep.view import SilentView


@pytest.fixture
def odd_run(odd_cell: Path, workplace: Path, small: list, configure: Callable) -> Callable:
    """Runs a cell that does harm, in a process of its own."""

    def run(harm: str, *options: str) -> Outcome:
        config = configure("cell=odd", f"cell.harm={harm}", "task=parity", *small, *options)
        jobs = [Job(0, config, workplace / "run.log")]
        ((_, outcome),) = Engine(Stop(), SilentView()).outcomes(jobs)
        return outcome

    return run


def test_a_harmless_run_gives_its_outcome_its_record_and_its_log(odd_run, read_records, workplace):
    outcome = odd_run("none")
    assert (outcome.status, outcome.ok) == ("completed", True)
    assert [record["status"] for record in read_records()] == ["completed"]
    said = (workplace / "run.log").read_text()
    assert "about to do harm: none" in said
    assert "step 3/3" in said


@pytest.mark.parametrize(
    ("harm", "status", "message"),
    [
        ("kill", "killed", "ended by SIGKILL"),
        ("terminate", "killed", "ended by SIGTERM"),
        ("segfault", "killed", "ended by SIGSEGV"),
        ("abort", "killed", "ended by SIGABRT"),
        ("exit", "failed", "SystemExit: 0"),
        ("exit_at_once", "failed", "a plugin ended the process with exit code 0"),
        ("memory", "out_of_memory", "MemoryError"),
        ("raise", "failed", "ValueError: harm"),
        ("state", "failed", "ValueError: no state"),
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
    left = [path.name for path in Path("results/unfinished").glob("*/*")]
    assert ("progress.pt" in left) == (harm == "terminate"), "which finished its step and saved"
    assert bool(left) == (harm == "terminate")


@pytest.mark.parametrize("harm", ["hang", "stubborn", "close"])
def test_a_run_that_takes_too_long_is_ended(odd_run, read_records, harm):
    outcome = odd_run(harm, "run.timeout=4")
    (record,) = read_records()
    assert (outcome.status, record["status"]) == ("timed_out", "timed_out")
    assert "more than run.timeout=4 seconds" in outcome.line
    assert list(Path("results/unfinished").iterdir()) == []


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


def test_what_runs_are_forked_from_has_imported_what_they_need():
    """A failure there would only cost time, in silence."""
    code = (
        "import signal, sys, recurbench.harness.sweep.preloaded\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN\n"
        "assert 'recurbench.cells.gru' in sys.modules\n"
        "assert 'recurbench.tasks.parity' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)
