"""The command: wrong input, Ctrl-C and the way from a run to the leaderboard."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.core.config_store import ConfigStore

from recurbench.harness.cli import main

NOTHING = ["logger=none", "train.max_steps=2"]


def write_table(path: Path, rows: int = 400, changes: dict[int, str] | None = None) -> None:
    """A table with a time column and two columns of numbers; `changes` replaces whole lines."""
    lines = ["time,load,heat"]
    lines += [f"2024-01-{1 + i // 24:02d}T{i % 24:02d}:00:00,{i % 24},{i}" for i in range(rows)]
    for line, text in (changes or {}).items():
        lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def refused(
    workplace: Path, config_store: ConfigStore, capsys: pytest.CaptureFixture
) -> Callable[..., str]:
    """Runs the command with wrong input and gives its one line of complaint."""

    def run(*arguments: str) -> str:
        before = sorted(workplace.rglob("*"))
        try:
            code = main(arguments)
        except SystemExit as exit_:
            code = exit_.code
        output = capsys.readouterr()
        assert code == 2, output
        assert output.out == ""
        assert sorted(workplace.rglob("*")) == before, "nothing may be written"
        (line,) = output.err.splitlines()
        assert line.startswith("recurbench: ")
        return line

    return run


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["cell=gruu"], "cell=gruu; did you mean gru?"),
        (["task=copyng"], "task=copyng; did you mean copying?"),
        (["optimizer=adamm"], "did you mean adam"),
        (["logger=wandbb"], "did you mean wandb?"),
        (["-m", "cell=gru,lstmm"], "cell=lstmm; did you mean lstm?"),
        (["cell.hiden_size=3"], "cell (gru) has no option hiden_size; did you mean hidden_size?"),
        (["+cell.colour=red"], "has no option colour"),
        (["train.max_step=3"], "did you mean max_steps?"),
        (["speed=3"], "has no option speed"),
        (["cell.hidden_size=many"], "cell.hidden_size: Value 'many'"),
        (["cell.hidden_size=0"], "hidden_size must be at least 1, not 0"),
        (["cell.hidden_size=-3"], "hidden_size must be at least 1, not -3"),
        (["train.batch_size=0"], "train.batch_size must be at least 1, not 0"),
        (["train.eval_every=0"], "train.eval_every must be at least 1, not 0"),
        (["model.depth=0"], "model.depth must be at least 1, not 0"),
        (["model.dropout=1"], "model.dropout must be below 1, not 1.0"),
        (["optimizer.lr=0"], "optimizer.lr must be above 0, not 0.0"),
        (["optimizer.schedule=cosin"], "did you mean cosine?"),
        (["seed=-1"], "seed must be at least 0, not -1"),
        (["task.delay=0"], "delay"),
        (["task.score=evry"], "did you mean every?"),
        (["cell=attention_gru", "cell.heads=3"], "hidden_size=64 is not a multiple of 3"),
        (["cell=attention_gru", "cell.window=0"], "window"),
        (["seed=0,1"], "run -m"),
        (["--multi", "seed=0,1"], "--multi: no such flag; did you mean --multirun?"),
        (["cell"], "cannot read the override"),
        (["budget.parameters=12"], "no hidden size comes within 2%"),
        (["results_dir=/dev/null/x"], "cannot write to /dev/null/x"),
        (["task=language", "task.dataset=file"], "file"),
        (["task=language", "task.dataset=file", "task.file=nowhere.txt"], "nowhere.txt"),
        (["task=forecasting", "task.dataset=file", "task.file=nowhere.csv"], "nowhere.csv"),
        (["task=language", "model.bidirectional=true"], "predicts the next step"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_run_is_one_clear_line(overrides: list, words: str, refused: Callable) -> None:
    repeated = {override.partition("=")[0] for override in overrides}
    rest = [item for item in NOTHING if item.partition("=")[0] not in repeated]
    assert words in refused("run", *overrides, *rest)


def test_zero_steps_are_refused(refused: Callable) -> None:
    assert "train.max_steps must be at least 1, not 0" in refused("run", "train.max_steps=0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_named(refused: Callable) -> None:
    assert "no CUDA device" in refused("run", "trainer=gpu", *NOTHING)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({7: "2024-01-01T05:00:00,warm,5"}, ["table.csv", "7", "load", "warm"]),
        ({9: "2024-01-01T07:00:00,,7"}, ["table.csv", "9", "load"]),
        ({11: "2024-01-01T09:00:00,9"}, ["table.csv", "11"]),
        ({12: "2024-01-01T10:30:00,10,10"}, ["table.csv", "12", "time"]),
    ],
    ids=["text", "gap", "short row", "time"],
)
def test_a_bad_table_is_named_with_row_and_column(
    changes: dict, words: list, workplace: Path, refused: Callable
) -> None:
    write_table(workplace / "table.csv", changes=changes)
    options = ["task.dataset=file", "task.file=table.csv", "task.time_column=time"]
    line = refused("run", "task=forecasting", *options, *NOTHING)
    assert all(word in line for word in words), line


def test_a_table_with_too_few_rows_is_told_how_many_it_needs(
    workplace: Path, refused: Callable
) -> None:
    write_table(workplace / "table.csv", rows=20)
    options = ["task.dataset=file", "task.file=table.csv", "task.time_column=time"]
    assert "rows" in refused("run", "task=forecasting", *options, *NOTHING)


def test_an_empty_corpus_is_named(workplace: Path, refused: Callable) -> None:
    (workplace / "empty.txt").touch()
    options = ["task.dataset=file", "task.file=empty.txt"]
    assert "empty.txt" in refused("run", "task=language", *options, *NOTHING)


def test_real_data_that_cannot_be_had_is_named_with_its_address(
    refused: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import pooch

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.delenv("RECURBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", offline)
    line = refused("run", "task=language", "task.dataset=shakespeare", *NOTHING)
    for word in ("https://", "shakespeare/input.txt", "RECURBENCH_DATA"):
        assert word in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["leaderboard"], "no records in results/runs"),
        (["leaderboard", "--format", "markdwn"], "did you mean markdown?"),
        (["show", "abc"], "run id abc: no such run"),
    ],
)
def test_a_wrong_question_is_one_clear_line(arguments: list, words: str, refused: Callable) -> None:
    assert words in refused(*arguments)


@pytest.fixture
def two_runs(
    workplace: Path, config_store: ConfigStore, small: list, capsys: pytest.CaptureFixture
) -> Path:
    """A folder with two completed runs."""
    assert main(["run", "-m", "cell=rnn,torch_rnn", *small]) == 0
    capsys.readouterr()
    return workplace


def test_a_users_own_text_and_table_run(
    workplace: Path, config_store: ConfigStore, small: list
) -> None:
    (workplace / "mine.txt").write_text("to be, or not to be, that is the question. " * 200)
    text = ["task=language", "task.dataset=file", "task.file=mine.txt"]
    assert main(["run", *text, *small]) == 0
    write_table(workplace / "table.csv")
    table = ["task=forecasting", "task.dataset=file", "task.file=table.csv"]
    columns = ["task.columns=[heat]", "task.time_column=time"]
    assert main(["run", *table, *columns, *small]) == 0


def test_a_damaged_record_is_named_and_the_rest_still_shown(
    two_runs: Path, capsys: pytest.CaptureFixture
) -> None:
    damaged, whole = sorted((two_runs / "results/runs").rglob("*.json"))
    damaged.write_text(damaged.read_text()[:100])
    assert main(["leaderboard"]) == 0
    output = capsys.readouterr()
    assert f"{damaged.relative_to(two_runs)}: skipped: not JSON" in output.err
    assert json.loads(whole.read_text())["entry"]["label"] in output.out


def test_the_leaderboard_goes_to_a_file_and_an_unwritable_one_is_named(
    two_runs: Path, refused: Callable
) -> None:
    assert main(["leaderboard", "--format", "markdown", "--output", "board.md"]) == 0
    assert "torch_rnn" in (two_runs / "board.md").read_text()
    assert "--output nowhere/board.md" in refused("leaderboard", "--output", "nowhere/board.md")
    assert "did you mean copying?" in refused("leaderboard", "--task", "copyng")


def test_show_takes_any_unambiguous_beginning_of_a_run_id(
    two_runs: Path, capsys: pytest.CaptureFixture, refused: Callable
) -> None:
    path = next((two_runs / "results/runs").rglob("*.json"))
    record = json.loads(path.read_text())
    for length in (12, 7):
        assert main(["show", path.stem[:length]]) == 0
        output = capsys.readouterr().out
        assert path.stem in output
        assert f"{record['metrics']['test']['accuracy']:.4g}" in output
    assert "fits" in refused("show", "")


def test_list_shows_cells_and_tasks_with_knobs_and_what_is_broken(
    plugin_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    (plugin_folder / "crooked.py").write_text("import nothing_of_that_name\n")
    assert main(["list"]) == 0
    output = capsys.readouterr().out
    for words in ("cell.reset_after=true", "task.dataset=stdlib", "cells/lstm.py", "additive|dot"):
        assert words in output
    assert re.search(r"not usable .*crooked\.py.*crooked\.py:1.*nothing_of_that_name", output)


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
