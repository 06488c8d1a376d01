"""How a sweep looks while it runs."""

import os
import pty
import re
from collections.abc import Callable
from pathlib import Path

from program import start

from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.results.tally import Tally

SWEEP = [
    "run", "-m", "logger=none", "task=parity", "task.eval_sequences=20", "cell.hidden_size=8",
    "train.max_steps=40", "train.eval_every=10", "seed=0,1,2", "sweep=s",
]  # fmt: skip


def test_through_a_pipe_there_is_a_line_for_each_run(command: Callable) -> None:
    done = command(*SWEEP)
    lines = done.stdout.splitlines()
    assert lines[0] == "sweep s: 3 runs"
    assert [line.split()[0] for line in lines[1:4]] == ["completed"] * 3
    assert lines[4:] == ["sweep s: 3 completed, 0 not"]


def test_on_a_terminal_it_shows_how_the_sweep_stands_and_what_runs(workplace: Path) -> None:
    ours, theirs = pty.openpty()
    terminal = {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    process = start(*SWEEP, "workers=2", stdout=theirs, stderr=theirs, environment=terminal)
    os.close(theirs)
    seen = b""
    while True:
        try:
            found = os.read(ours, 1 << 16)
        except OSError:  # the other end has gone
            break
        if not found:
            break
        seen += found
    os.close(ours)
    assert process.wait() == 0
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen).decode()
    assert "sweep s: 0 of 3 done" in text
    assert re.search(r"sweep s: [12] of 3 done, about 0:00:\d\d left", text)
    assert re.search(r"parity · gru hidden_size=8 · seed 0  +\d+%  step \d+/40", text)
    assert "sweep s: 3 completed, 0 not" in text


def test_the_rest_takes_as_long_as_what_ran_and_not_what_was_skipped() -> None:
    tally = Tally(10, since=60)
    assert tally.seconds_left() is None
    tally.count(Outcome("skipped", ""))
    assert tally.seconds_left() is None
    tally.count(Outcome("completed", ""))
    tally.count(Outcome("failed", ""))
    assert 30 * 7 <= (tally.seconds_left() or 0) < 30 * 7 + 1
    assert str(tally).startswith("3 of 10 done, 1 skipped, 1 failed, about 0:03:30 left")
    assert "left" not in str(Tally(None, since=60))
