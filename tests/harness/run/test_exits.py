"""A run that ends otherwise than it should has failed, says so, and spoils nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

import recurbench
from recurbench.harness.cli import main
from recurbench.harness.errors import UserError
from recurbench.harness.run.execute import execute

CELL = '''
import sys
from recurbench.cells.rnn import RNN

class OddCell(RNN):
    """Ends the program from its fifth training step on, whatever it is asked."""
    name = "odd"
    steps = 0

    def project(self, x):
        self.steps += self.training
        if self.steps >= 5:
            sys.exit(0)
        return super().project(x)
'''


def test_a_plugin_that_ends_the_program_in_training_leaves_a_record_and_an_exit_code(
    discover: Callable,
    small: list,
    workplace: Path,
    config_store,
    read_records: Callable,
    capsys: pytest.CaptureFixture,
) -> None:
    """Also where what the run cost is counted afterwards, by the same plugin."""
    discover(odd=CELL)
    command = ["run", "cell=odd", "task=copying", *small, "train.max_steps=20"]
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 1
    (record,) = read_records()
    assert (record["status"], record["error"]["type"]) == ("failed", "SystemExit")
    assert "failed " in capsys.readouterr().out


def test_a_repetition_that_fails_leaves_the_completed_run_as_it_was(
    configure: Callable,
    small: list,
    workplace: Path,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = [*small, "train.keep_checkpoint=true"]
    assert execute(configure(*options)).ok
    before = read_records()
    (kept,) = (workplace / "results/checkpoints").rglob("*.ckpt")

    def broken(*_: object) -> None:
        raise RuntimeError("a wheel came off")

    with monkeypatch.context() as patch:
        patch.setattr("recurbench.harness.run.training.Training.test", broken)
        outcome = execute(configure(*options, "rerun=true"))
        with pytest.raises(UserError, match="the completed run's record stays"):
            recurbench.run(*options, "rerun=true")
    assert outcome.status == "failed"
    assert outcome.line.endswith("a wheel came off; the completed run's record stays")
    assert read_records() == before
    assert kept.exists()
    assert execute(configure(*options, "rerun=true")).ok
    assert read_records() != before
