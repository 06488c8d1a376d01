"""Runs and sweeps from a program, as the command makes them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

import recurbench
from recurbench.harness.errors import UserError

SMALL = ["logger=none", "task=parity", "task.eval_sequences=20", "cell.hidden_size=8"]
BRIEF = [*SMALL, "train.max_steps=4", "train.eval_every=2", "train.batch_size=4"]


@pytest.fixture(autouse=True)
def in_empty_folder(workplace: Path, config_store: ConfigStore) -> None:
    """Every test runs in a folder of its own and leaves Hydra's store as it was."""


def test_a_run_gives_its_record_and_is_not_repeated(read_records: Callable) -> None:
    record = recurbench.run("cell=rnn", *BRIEF)
    assert record.status == "completed"
    (written,) = read_records()
    assert (record.run_id, record.metrics) == (written["run_id"], written["metrics"])
    assert recurbench.run("cell=rnn", *BRIEF).finished_at == record.finished_at


def test_a_run_that_fails_gives_its_record_too(odd_cell: Path) -> None:
    record = recurbench.run("cell=odd", "cell.harm=exit", *BRIEF)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.type == "SystemExit"
    record = recurbench.run("cell=odd", "cell.harm=hang", "run.timeout=4", *BRIEF)
    assert record.status == "timed_out"


def test_a_sweep_yields_its_records(odd_cell: Path) -> None:
    records = recurbench.sweep("cell=odd", "cell.harm=none,kill,raise", "workers=2", *BRIEF)
    found = {record.cell["harm"]: record.status for record in records}
    assert found == {"none": "completed", "kill": "killed", "raise": "failed"}


def test_who_stops_listening_ends_the_sweep_and_may_go_on(read_records: Callable) -> None:
    records = recurbench.sweep("seed=0,1,2", *BRIEF)
    first = next(records)
    records.close()
    assert len(read_records()) < 3
    again = list(recurbench.sweep("seed=0,1,2", *BRIEF))
    assert len(again) == 3
    assert first in again
    assert list(Path("results/unfinished").iterdir()) == []


@pytest.mark.parametrize(
    ("call", "words", "said"),
    [
        (recurbench.run, ["cell=gruu"], "did you mean gru"),
        (recurbench.run, ["seed=0,1"], "several values need `run -m`"),
        (recurbench.run, ["experiment=demo"], "call recurbench.sweep"),
        (recurbench.run, ["workers=2"], "workers is of sweeps"),
        (recurbench.sweep, ["cell=gru,lstmm"], "did you mean lstm"),
        (
            recurbench.sweep,
            ["hydra/launcher=joblib"],
            "launchers of Hydra's need `recurbench run -m`",
        ),
        (recurbench.sweep, ["task=language", "model.bidirectional=true"], "predicts the next"),
    ],
)
def test_what_cannot_work_is_an_error_and_no_exit(call, words, said, read_records) -> None:
    with pytest.raises(UserError, match=said):
        list(call(*words, "logger=none"))
    assert read_records() == []


def test_a_script_sweeps_without_a_guard_and_is_not_started_again(workplace: Path) -> None:
    script = workplace / "script.py"
    script.write_text(
        "import recurbench\n"
        "print('begins')\n"
        f"for record in recurbench.sweep('cell=rnn,gru', *{BRIEF}):\n"
        "    print(record.cell['name'], record.status)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("begins") == 1
    assert {"rnn completed", "gru completed"} <= set(lines)
    logs = [file.read_text() for file in workplace.rglob("logs/*.log")]
    assert len(logs) == 2
    assert not any("begins" in log for log in logs)
