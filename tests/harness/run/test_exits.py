"""A plugin that ends the program in the middle of a run has failed, and says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main

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
