"""An interrupted run resumes where it was saved, and ends as if nothing had happened."""

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from program import start

from recurbench.harness.cli import main
from recurbench.harness.results.leases import PROGRESS
from recurbench.harness.run.execute import execute
from recurbench.harness.run.saving import load, save

SHORT = [
    "train.max_steps=11", "train.eval_every=3", "train.batch_size=4", "train.save_every=0",
    "cell.hidden_size=8", "model.embedding_size=5",
]  # fmt: skip

VARIED = {
    "copying": ["task=copying", "task.eval_sequences=20"],
    "dropout and cosine": [
        "task=copying", "task.eval_sequences=20", "model.dropout=0.3", "model.depth=2",
        "optimizer=adamw", "optimizer.schedule=cosine", "optimizer.warmup_steps=5",
    ],
    "plateau": [
        "task=adding", "task.length=7", "task.eval_sequences=20", "train.patience=3",
        "optimizer=sgd", "optimizer.schedule=plateau", "optimizer.plateau_patience=0",
        "optimizer.lr=1",
    ],
    "the state carried from batch to batch": [
        "task=language", "task.dataset=file", "task.file=text.txt", "task.length=5",
        "task.eval_streams=2", "cell=attention_gru", "model.depth=2", "model.encoder=causal_conv",
    ],
    "epochs of packed sequences": [
        "task=digits", "cell=lstm", "model.bidirectional=true", "model.readout=attention",
    ],
}  # fmt: skip


def lasting(record: dict) -> dict:
    """What of a record must not depend on when it was made."""
    curve = [{k: v for k, v in point.items() if k != "seconds"} for point in record["curve"]]
    cost = {key: record["cost"][key] for key in ("steps", "tokens", "parameters")}
    kept = {name: record[name] for name in ("run_id", "metrics", "best_step")}
    return {"curve": curve, "cost": cost, **kept}


@pytest.mark.parametrize("options", VARIED.values(), ids=VARIED)
def test_a_run_that_was_cut_off_twice_ends_as_if_it_had_not_been(
    options: list[str], cut_off: Callable, configure: Callable, workplace: Path,
    read_records: Callable, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    (workplace / "text.txt").write_text("she sells sea shells on the sea shore\n" * 30)
    config = configure("logger=none", *options, *SHORT)
    assert execute(config).ok
    (undisturbed,) = read_records()
    (path,) = (workplace / "results/runs").rglob("*.json")
    path.unlink()
    cut_off(lambda: execute(config), 5)
    cut_off(lambda: execute(config), 8)
    assert read_records() == []
    capsys.readouterr()
    assert execute(config).ok
    assert "resumes after step 6" in capsys.readouterr().out
    (record,) = read_records()
    assert lasting(record) == lasting(undisturbed)
    assert (undisturbed["resumed_after"], record["resumed_after"]) == (None, 6)
    seconds = [point["seconds"] for point in record["curve"]]
    assert seconds == sorted(seconds)
    assert record["cost"]["train_seconds"] >= seconds[-1]
    assert [path.name for path in (workplace / "results/unfinished").rglob("*")] == []


@pytest.fixture
def config(configure: Callable, workplace: Path) -> Any:
    return configure("logger=none", *VARIED["copying"], *SHORT)


@pytest.fixture
def progress(config: Any, cut_off: Callable, workplace: Path) -> Path:
    """What a run saved before it was cut off after step 5."""
    cut_off(lambda: execute(config), 5)
    (path,) = (workplace / "results/unfinished").rglob(PROGRESS)
    return path


def cut_short(content: dict, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def change_a_byte(content: dict, path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


def fill_with_something_else(content: dict, path: Path) -> None:
    torch.save({"some": "thing"}, path)


def empty(content: dict, path: Path) -> None:
    path.write_bytes(b"")


def make_with_another(name: str, value: object) -> Callable[[dict, Path], None]:
    def change(content: dict, path: Path) -> None:
        content["made_with"][name] = value
        save(content, path)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut_short, "is damaged"),
        (change_a_byte, "is damaged"),
        (empty, "is damaged"),
        (fill_with_something_else, "is damaged"),
        (make_with_another("torch", "1.0"), f"torch was 1.0 and is {torch.__version__}"),
        (make_with_another("device", "cuda"), "device was cuda and is cpu"),
        (make_with_another("source", "abc"), "source was abc and is "),
    ],
)
def test_what_cannot_be_continued_is_said_and_starts_anew(
    change: Callable, said: str, config: Any, progress: Path, read_records: Callable,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    change(load(progress), progress)
    capsys.readouterr()
    assert execute(config).ok
    output = capsys.readouterr()
    assert "resumes" not in output.out
    (line,) = output.err.splitlines()
    assert said in line
    assert line.endswith("; the run starts anew")
    (record,) = read_records()
    assert record["cost"]["tokens"] == 11 * 4 * 25


def test_the_best_checkpoint_is_the_one_of_when_it_was_saved(
    cut_off: Callable, configure: Callable, workplace: Path
) -> None:
    # Nothing is better than the first evaluation when nothing is learnt.
    config = configure("logger=none", *VARIED["copying"], *SHORT, "optimizer.lr=1e-12")
    cut_off(lambda: execute(config), 5)
    (best,) = (workplace / "results/unfinished").rglob("*.ckpt")
    best.unlink()
    assert execute(config).ok


def test_rerun_starts_anew(
    config: Any, progress: Path, configure: Callable, capsys: pytest.CaptureFixture
) -> None:
    capsys.readouterr()
    assert execute(configure("logger=none", "rerun=true", *VARIED["copying"], *SHORT)).ok
    assert "resumes" not in capsys.readouterr().out
    assert not progress.parent.exists()


def test_without_saving_nothing_is_left(
    cut_off: Callable, configure: Callable, workplace: Path
) -> None:
    config = configure("logger=none", *VARIED["copying"], *SHORT, "train.save_every=null")
    cut_off(lambda: execute(config), 5)
    assert {path.name for path in workplace.rglob("*") if path.is_file()} <= {"known.sqlite"}


def test_a_run_that_fails_leaves_nothing_to_go_on_with(
    config: Any, progress: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("recurbench.harness.run.training.Training.test", broken)
    assert execute(config).status == "failed"
    assert not progress.parent.exists()


def test_a_kept_checkpoint_outlives_a_rerun_that_is_cut_off(
    cut_off: Callable, configure: Callable, workplace: Path
) -> None:
    options = ["logger=none", *VARIED["copying"], *SHORT, "train.keep_checkpoint=true"]
    assert execute(configure(*options)).ok
    (kept,) = (workplace / "results/checkpoints").rglob("*.ckpt")
    content = kept.read_bytes()
    cut_off(lambda: execute(configure(*options, "rerun=true")), 8)
    assert kept.read_bytes() == content


def test_a_full_disk_does_not_end_the_run(
    config: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recurbench.harness.run.resume.save", full)
    assert execute(config).ok
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device; an interrupted run will have to start anew" in line


def test_loggers_are_shown_all_of_the_curve(
    cut_off: Callable, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    config = configure("logger=csv", *VARIED["copying"], *SHORT)
    cut_off(lambda: execute(config), 8)
    assert execute(config).ok
    (table,) = workplace.rglob("metrics.csv")
    (record,) = read_records()
    steps = {int(row["step"]) for row in csv.DictReader(table.read_text().splitlines())}
    assert {point["step"] for point in record["curve"]} <= steps


PROGRAM = [
    "logger=none", "task.eval_sequences=20",
    "train.max_steps=200", "train.eval_every=20", "train.save_every=0",
]  # fmt: skip


def test_a_killed_program_goes_on_by_the_same_command(
    workplace: Path, command: Callable, capsys: pytest.CaptureFixture
) -> None:
    with start("run", *PROGRAM) as process:
        assert process.stdout
        for line in process.stdout:
            if "step 60/" in line:
                process.kill()
    assert process.returncode == -signal.SIGKILL
    done = command("run", *PROGRAM)
    assert done.returncode == 0, done.stderr
    assert "resumes after step " in done.stdout
    assert "step 20/" not in done.stdout
    (path,) = (workplace / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    assert record["cost"]["steps"] == 200
    assert main(["show", path.stem]) == 0
    assert f"resumed after step {record['resumed_after']}" in capsys.readouterr().out


def test_of_two_programs_with_one_run_the_second_waits_for_the_first(workplace: Path) -> None:
    with start("run", *PROGRAM) as first:
        assert first.stdout
        assert any("step 20/" in line for line in first.stdout)
        first.send_signal(signal.SIGSTOP)  # alive, and in nobody's way
        with start("run", *PROGRAM) as second:
            assert second.stdout
            assert any("waits for it" in line for line in second.stdout)
            first.send_signal(signal.SIGCONT)
            assert sum(line.startswith("skipped") for line in second.stdout) == 1
        first.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    (path,) = (workplace / "results/runs").rglob("*.json")
    assert json.loads(path.read_text())["status"] == "completed"
    assert list((workplace / "results/unfinished").iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP"])
def test_a_signal_saves_the_step_and_the_same_command_goes_on_from_there(
    name: str, workplace: Path, configure: Callable, read_records: Callable
) -> None:
    number = getattr(signal, name)
    options = [*PROGRAM, "train.save_every=3600"]
    with start("run", *options) as process:
        assert process.stdout
        assert process.stderr
        assert any("step 40/" in line for line in process.stdout)
        process.send_signal(number)
        assert f"stopped by {name}; the same command goes on" in process.stderr.read()
    assert process.returncode == 128 + number
    assert execute(configure(*options)).ok
    (record,) = read_records()
    assert 40 <= record["resumed_after"] < 200
    (path,) = (workplace / "results/runs").rglob("*.json")
    path.unlink()
    assert execute(configure(*options)).ok
    (undisturbed,) = read_records()
    assert lasting(record) == lasting(undisturbed)
