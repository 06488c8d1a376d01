"""The command as a program: from a run to the leaderboard, its exit codes, and its subcommands."""

import errno
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from program import start

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
    ("sent", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143)],
)
def test_a_signal_ends_the_program_with_its_code_and_no_traceback(
    sent: signal.Signals, code: int, workplace: Path
) -> None:
    process = start("run", "logger=none", "train.max_steps=1000000")
    assert process.stdout
    for line in process.stdout:
        if "step" in line:
            process.send_signal(sent)
            break
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said == f"recurbench: stopped by {sent.name}; the same command goes on\n"
    left = {path.name for path in workplace.rglob("*") if path.is_file()}
    assert {"owner.json", "progress.pt"} <= left
    assert left <= {"owner.json", "progress.pt", "best.ckpt", "known.sqlite"}, "no record"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("list", 0), ("--help", 0), ("run logger=none train.max_steps=99", 141)],
)
def test_a_closed_pipe_ends_the_command_quietly(arguments: str, code: int, workplace: Path) -> None:
    """A run that nobody listens to any more is no failed run."""
    program = f"{sys.executable} -m recurbench {arguments} | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=120)
    assert (result.stderr, result.returncode) == ("", code)
    assert list(workplace.rglob("*.json")) == []


@pytest.mark.parametrize("arguments", ["list", "list cells", "run logger=none train.max_steps=2"])
def test_output_onto_a_full_disk_is_one_line(arguments: str, workplace: Path) -> None:
    program = f"{sys.executable} -m recurbench {arguments} > /dev/full"
    result = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stderr == "recurbench: output: No space left on device\n"
    assert result.returncode == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_output_is_readable_in_any_encoding(
    encoding: str, two_seeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {}
    for arguments in (
        ["leaderboard"],
        ["show", next((two_seeds / "results/runs").rglob("*.json")).stem],
    ):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(arguments) == 0
        runs[arguments[0]] = stream.buffer.getvalue().decode(encoding)
    assert ("+/-" if encoding == "ascii" else "±") in runs["leaderboard"]
    for said in runs.values():
        rows = [line.rstrip() for line in said.splitlines() if line.startswith(("|", "+"))]
        assert len(rows) > 4
        assert len(set(map(len, rows))) == 1, "the columns stand below each other"
        assert "?" not in said


@pytest.fixture
def two_seeds(workplace: Path, config_store: ConfigStore, small: list) -> Path:
    """A folder of an entry with two seeds."""
    assert main(["run", "-m", "seed=0,1", *small]) == 0
    return workplace


def test_the_program_speaks_where_the_locale_is_ascii(workplace: Path, small: list) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        """A fresh interpreter, which reads these variables when it starts."""
        program = [sys.executable, "-m", "recurbench", *arguments]
        return subprocess.run(
            program, env={**os.environ, **plain}, capture_output=True, text=True, timeout=240
        )

    run = call("run", *small, "study=größe")
    assert run.returncode == 2
    assert "PYTHONUTF8=1" in run.stderr
    run = call("run", *small)
    assert (run.returncode, run.stderr) == (0, "")
    assert call("list").returncode == 0


def test_a_record_that_finds_no_space_is_one_line(
    workplace: Path, config_store: ConfigStore, small: list, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("recurbench.harness.run.outcome.write", full)
    with pytest.raises(SystemExit) as exit_:
        main(["run", *small])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("No space left on device; the run has no record")


@pytest.mark.parametrize("folder", ["tasks", "cells", "harness", "conf"])
def test_a_folder_of_the_users_own_hides_none_of_ours(
    folder: str, command: Callable, small: list, workplace: Path
) -> None:
    (workplace / folder).mkdir()
    (workplace / folder / "__init__.py").write_text("raise RuntimeError('not yours')")
    path = f".{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    run = command("run", "task=parity", *small, PYTHONPATH=path)
    assert run.returncode == 0, run.stderr
