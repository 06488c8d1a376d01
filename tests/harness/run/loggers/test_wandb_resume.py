"""A run that resumes goes on as one run of wandb's, online, offline, and once it is uploaded."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wandb_kit import logged_out, wandb_messages
from wandb_server import Server, Uploaded, serving

from recurbench.harness.cli import main
from recurbench.harness.run.execute import execute
from recurbench.harness.run.resume import PROGRESS

__all__ = ["logged_out"]

HEADER = 7
"""Bytes of the file of a run whose process was killed before anything was written."""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def online(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that the user is logged in to."""
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    return server


@pytest.fixture
def sync(server: Server, workplace: Path) -> Callable[[str], Server]:
    """Runs a command that uploads runs, as it is printed."""

    def run(command: str) -> Server:
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        login = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": "0" * 40, "PATH": programs}
        subprocess.run(
            command, shell=True, env=os.environ | login, cwd=workplace, check=True, timeout=120
        )
        return server

    return run


def points(curve: list[dict]) -> list[tuple]:
    """Steps and losses of a curve or a history."""
    step = "_step" if "_step" in curve[0] else "step"
    return [(point[step], pytest.approx(point["train/loss"])) for point in curve]


def require_shown(run: Uploaded, record: dict[str, Any]) -> None:
    assert points(run.history) == points(record["curve"])
    assert run.summary["test/accuracy"] == pytest.approx(record["metrics"]["test"]["accuracy"])
    assert (run.summary["status"], run.exit_code) == ("completed", 0)
    assert run.config["run_id"] == record["run_id"]


def print_command(output: str) -> str:
    (line,) = [line for line in output.splitlines() if "upload with: " in line]
    return line.partition("upload with: ")[2]


def test_online_a_resumed_run_goes_on_with_its_id(
    configure: Callable, resumable: list, cut_off: Callable, online: Server, read_records: Callable
) -> None:
    config = configure("logger=wandb", *resumable)
    cut_off(lambda: execute(config), 8)
    ((run_id, uploaded),) = online.runs.items()
    assert (uploaded.summary["status"], uploaded.exit_code) == ("interrupted", 1)
    assert execute(config).ok
    (record,) = read_records()
    assert record["resumed_after"] == 6
    assert record["logger"][0]["run_id"] == run_id
    assert list(online.runs) == [run_id]
    require_shown(uploaded, record)


def test_online_what_was_lost_before_the_interruption_is_shown_again(
    configure: Callable, resumable: list, cut_off: Callable, online: Server, read_records: Callable
) -> None:
    config = configure("logger=wandb", *resumable)
    cut_off(lambda: execute(config), 8)
    (uploaded,) = online.runs.values()
    del uploaded.lines[2:]  # as after a kill
    uploaded.summary.clear()
    assert execute(config).ok
    (record,) = read_records()
    require_shown(uploaded, record)


def test_offline_the_resumed_run_holds_all_under_one_id(
    configure: Callable, resumable: list, cut_off: Callable, workplace: Path,
    read_records: Callable, sync: Callable, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    overrides = ["logger=wandb", *resumable]
    config = configure(*overrides)
    cut_off(lambda: execute(config), 5)
    (before,) = workplace.rglob("*.wandb")
    (began,) = [m.run for m in wandb_messages(before) if m.WhichOneof("record_type") == "run"][:1]
    capsys.readouterr()
    assert main(["run", *overrides]) == 0
    (file,) = workplace.rglob("*.wandb")
    assert file != before
    messages = list(wandb_messages(file))
    runs = [m.run.run_id for m in messages if m.WhichOneof("record_type") == "run"]
    assert set(runs) == {began.run_id}
    (record,) = read_records()
    assert record["resumed_after"] == 3
    assert record["logger"][0]["run_id"] == began.run_id
    server = sync(print_command(capsys.readouterr().out))
    (uploaded,) = server.runs.values()
    require_shown(uploaded, record)


def test_a_part_that_was_uploaded_in_between_becomes_one_run_with_the_rest(
    configure: Callable, resumable: list, cut_off: Callable, workplace: Path,
    read_records: Callable, sync: Callable, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    overrides = ["logger=wandb", *resumable]
    config = configure(*overrides)
    cut_off(lambda: execute(config), 5)
    sync("wandb sync results/wandb/offline-run-*")
    (part,) = workplace.rglob("*.synced")
    capsys.readouterr()
    assert main(["run", *overrides]) == 0
    assert part.exists()
    server = sync(print_command(capsys.readouterr().out))
    (uploaded,) = server.runs.values()
    (record,) = read_records()
    require_shown(uploaded, record)


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "not saved"])
def test_a_killed_run_leaves_no_folder_that_wandb_could_not_upload(
    saved: bool, configure: Callable, resumable: list, cut_off: Callable, workplace: Path,
    read_records: Callable, sync: Callable, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    overrides = ["logger=wandb", *resumable]
    config = configure(*overrides)
    cut_off(lambda: execute(config), 5)
    (before,) = workplace.rglob("*.wandb")
    list(wandb_messages(before))  # waits until it is whole
    before.write_bytes(before.read_bytes()[:HEADER])
    (progress,) = workplace.rglob(PROGRESS)
    if not saved:
        progress.unlink()
    capsys.readouterr()
    assert main(["run", *overrides]) == 0
    assert not before.exists()
    server = sync(print_command(capsys.readouterr().out))
    (uploaded,) = server.runs.values()
    (record,) = read_records()
    require_shown(uploaded, record)


def test_the_printed_command_leaves_out_runs_that_hold_nothing(
    unlogged: list, workplace: Path, config_store: Any, sync: Callable,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    folder = workplace / "their results" / "wandb" / "offline-run-20260101_000000-abc"
    folder.mkdir(parents=True)
    (folder / "run-abc.wandb").write_bytes(b"\0" * HEADER)
    options = ["logger=wandb", "results_dir=their results"]
    assert main(["run", *options, *unlogged]) == 0
    server = sync(print_command(capsys.readouterr().out))
    assert len(server.runs) == 1
    assert "abc" not in server.runs
