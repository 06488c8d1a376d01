"""What a sweep says at its end, and the code it exits with."""

import signal
from pathlib import Path

import pytest

from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.sweep.ending import say_ending

GOOD = Outcome("completed", "completed  a", run_id="a")
SKIPPED = Outcome("skipped", "skipped    b", run_id="b")
BAD = Outcome("failed", "failed     c", log="logs/2.log")
REFUSED = Outcome("refused", "no such file")
STOPPED = Outcome("interrupted", "interrupted d")


@pytest.mark.parametrize(
    ("outcomes", "jobs", "number", "code", "said"),
    [
        ([GOOD, SKIPPED], 2, None, 0, "sweep s: 2 completed, 0 not"),
        ([GOOD, BAD], 2, None, 1, "1 completed, 1 not\n  failed     c, log: logs/2.log"),
        ([GOOD], 3, None, 1, "1 completed, 2 not\n  2 without an outcome"),
        ([REFUSED, REFUSED], 2, None, 2, "0 completed, 2 not\n  no such file"),
        ([GOOD, REFUSED], 2, None, 1, "1 completed, 1 not\n  no such file"),
        ([GOOD, STOPPED], 4, signal.SIGINT, 130, "stopped by SIGINT: 1 of 4 runs are done"),
        ([GOOD, BAD], None, None, 1, "1 completed, 1 not"),
        ([], 4, signal.SIGTERM, 143, "stopped by SIGTERM: 0 of 4 runs are done"),
    ],
)
def test_the_end_names_what_failed_and_why(outcomes, jobs, number, code, said, capsys, tmp_path):
    assert say_ending("s", outcomes, jobs, number, tmp_path) == code
    assert said in capsys.readouterr().out


def test_wandbs_runs_that_wait_are_named_once(capsys, tmp_path):
    waiting = [Outcome("completed", "c", offline=f"my wandb/offline-run-{i}") for i in range(2)]
    say_ending("s", waiting, 2, None, tmp_path)
    assert capsys.readouterr().out.count("wandb sync 'my wandb'/offline-run-*") == 1


def test_the_leaderboard_of_what_ran_comes_before_the_end(capsys, workplace: Path, command):
    small = ["logger=none", "train.max_steps=3", "train.eval_every=2", "cell.hidden_size=8"]
    done = command("run", "-m", "task=parity", "cell=gru,rnn", "sweep=s", *small)
    board, _, ending = done.stdout.partition("sweep s: 2 completed")
    assert ending
    for word in ("rank", "gru", "rnn", "chance"):
        assert word in board
