"""The command as a program: from a run to the leaderboard, its exit codes, and its subcommands."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness import commands
from recurbench.harness.cli import main

SUBCOMMAND = '''
"""Counts."""

HELP = "count up to a number"


def add_arguments(parser):
    parser.add_argument("number", type=int)


def call(options):
    print(*range(1, options.number + 1))
    return 0
'''


def test_another_subcommand_is_one_more_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "count.py").write_text(SUBCOMMAND)
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    assert main(["count", "3"]) == 0
    assert capsys.readouterr().out == "1 2 3\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    assert re.search(r"^ +count +count up to a number$", capsys.readouterr().out, re.MULTILINE)


def test_the_program_trains_ranks_and_shows(command: Callable, small: list) -> None:
    run = command("run", *small)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    last = run.stdout.splitlines()[-1]
    path = re.search(r"results/runs/copying/gru/(\w+)\.json", last)
    assert path, last
    for words in ("completed", "test accuracy", "chance 0.125", " s, "):
        assert words in last
    board = command("leaderboard")
    assert board.returncode == 0
    assert "chance" in board.stdout
    assert command("show", path[1][:6]).returncode == 0


def test_wrong_input_to_the_program_shows_no_traceback(command: Callable) -> None:
    run = command("run", "cell=nothing")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("sent", "code", "complaint"),
    [
        (signal.SIGINT, 130, "recurbench: interrupted; the run under way left no record\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_a_signal_ends_the_program_with_its_code_and_no_traceback(
    sent: signal.Signals, code: int, complaint: str, workplace: Path
) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "recurbench.harness.cli",
            "run",
            "logger=none",
            "train.max_steps=1000000",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        # A shell that started the tests in the background has made them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout
    for line in process.stdout:
        if "step" in line:
            process.send_signal(sent)
            break
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said == complaint
    assert [path for path in workplace.rglob("*") if path.is_file()] == []


def test_output_into_a_closed_pipe_is_no_error(command: Callable, workplace: Path) -> None:
    program = f"{sys.executable} -m recurbench.harness.cli list | head -n 1"
    result = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
