"""Loggers show the record, and nothing that they do can fail a run."""

import csv
import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from recurbench.harness.errors import UserError
from recurbench.harness.plugins import discovery
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.execute import execute, flatten_metrics
from recurbench.harness.run.loggers import wandb as wandb_logger


@pytest.fixture(autouse=True)
def logged_out(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No credentials and no choice of mode from the machine that runs the tests."""
    for variable in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_ENTITY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NETRC", str(workplace / "netrc"))
    monkeypatch.setenv("HOME", str(workplace / "home"))
    yield
    for variable in ("WANDB_MODE", "WANDB_ERROR_REPORTING"):  # set when a server is unreachable
        os.environ.pop(variable, None)
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()  # it reads the environment once per process


def wandb_messages(path: Path) -> Iterator[Any]:
    """The messages of an offline run's file: framed records in blocks of 32 KiB."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its service may still be writing; it ends with the last byte
    data = path.read_bytes()
    position, parts = 7, b""
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole message, or its last part
            message = Record()
            message.ParseFromString(parts)
            parts = b""
            yield message


def without(name: str, small: list) -> list:
    return [item for item in small if not item.startswith(name)]


def test_wandb_offline_holds_what_the_record_holds(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    config = configure(
        "logger=wandb", "sweep=mine", "cell=rnn", "seed=3", *without("logger", small)
    )
    outcome = execute(config)
    (record,) = read_records()
    (entry,) = record["logger"]
    assert entry["name"] == "wandb"
    assert outcome.offline == entry["directory"]
    (file,) = (workplace / entry["directory"]).glob("*.wandb")
    runs, settings, summary, history, exits = [], {}, {}, [], []
    for message in wandb_messages(file):
        match message.WhichOneof("record_type"):
            case "run":
                runs.append(message.run)
                settings |= {i.key: json.loads(i.value_json) for i in message.run.config.update}
            case "summary":
                for item in message.summary.update:
                    key = item.key or "/".join(item.nested_key)
                    summary[key] = json.loads(item.value_json)
            case "history":
                items = message.history.item
                history.append(
                    {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in items}
                )
            case "exit":
                exits.append(message.exit.exit_code)
    run = runs[0]
    assert (run.run_group, run.job_type, run.display_name) == ("mine", "copying", "rnn/3")
    assert run.run_id == entry["run_id"]
    for section in ("cell", "task", "model", "optimizer", "train", "budget"):
        assert settings[section] == record[section]
    assert settings["trainer"]["precision"] == record["environment"]["precision"]
    assert settings["seed"] == record["seed"]
    for key, value in flatten_metrics(record["metrics"]).items():
        assert summary[key] == pytest.approx(value)
    logged = [point["train/loss"] for point in history if "train/loss" in point]
    assert logged == pytest.approx([point["train/loss"] for point in record["curve"]])
    assert exits == [0], "the run must be finished"


def test_the_jobs_of_a_sweep_are_runs_of_their_own(
    configure: Callable, small: list, read_records: Callable
) -> None:
    for seed in (0, 1):
        execute(configure("logger=wandb", f"seed={seed}", *without("logger", small)))
    directories = {record["logger"][0]["directory"] for record in read_records()}
    assert len(directories) == 2


def test_a_failed_run_is_marked_so_in_wandb_too(
    configure: Callable, small: list, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recurbench.harness.run.module import SequenceModule

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(SequenceModule, "training_step", fail)
    execute(configure("logger=wandb", *without("logger", small)))
    (file,) = workplace.rglob("*.wandb")
    messages = list(wandb_messages(file))
    exits = [m.exit.exit_code for m in messages if m.WhichOneof("record_type") == "exit"]
    assert exits == [1]


def test_several_loggers_show_one_run(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    execute(configure("logger=[csv,tensorboard]", *without("logger", small)))
    (record,) = read_records()
    folders = {entry["name"]: workplace / entry["directory"] for entry in record["logger"]}
    assert set(folders) == {"csv", "tensorboard"}
    with (folders["csv"] / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["train/loss"]) for row in rows if row["train/loss"]]
    assert losses == pytest.approx([point["train/loss"] for point in record["curve"]])
    assert float(rows[-1]["test/accuracy"]) == record["metrics"]["test"]["accuracy"]
    assert list(folders["tensorboard"].glob("events.out.tfevents.*"))


FAULTY = '''
"""A logger that raises wherever its knob says."""
from recurbench.harness.plugins.logger import Logger


class Faulty(Logger):
    """Counts how often it was closed."""

    name = "faulty"
    closed = 0

    def __init__(self, *, fails: list[str] = []):
        self.fails = fails

    def act(self, action):
        if action in self.fails:
            raise OSError(f"{action} went wrong")

    def start(self, run):
        self.act("start")
        return {"name": "faulty", "run_id": run.run_id}

    def log(self, step, point):
        self.act("log")

    def finish(self, summary, completed):
        type(self).closed += 1
        self.act("finish")
'''


@pytest.fixture
def faulty(plugin_folder: Path) -> Callable[[], int]:
    """A logger in a folder of plugins; tells how often it was closed."""
    (plugin_folder / "faulty.py").write_text(FAULTY)
    return lambda: registry().plugins["logger"]["faulty"].cls.closed


@pytest.mark.parametrize("fails", [["start"], ["log"], ["finish"], ["log", "finish"]], ids="+".join)
def test_a_logger_that_raises_is_switched_off_and_the_run_completes(
    fails: list,
    faulty: Callable,
    configure: Callable,
    small: list,
    workplace: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    options = ["logger=faulty", f"logger.faulty.fails=[{','.join(fails)}]"]
    assert execute(configure(*options, *without("logger", small))).status == "completed"
    assert capsys.readouterr().err.count("went wrong") == 1
    assert faulty() == (0 if fails == ["start"] else 1)


def test_a_logger_in_one_file_of_a_folder_is_chosen_by_its_name(
    faulty: Callable, configure: Callable, small: list, read_records: Callable
) -> None:
    execute(configure("logger=[csv,faulty]", *without("logger", small)))
    (record,) = read_records()
    assert [entry["name"] for entry in record["logger"]] == ["csv", "faulty"]
    assert faulty() == 1


def test_a_logger_joins_by_an_entry_point(
    configure: Callable,
    small: list,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    config_store: Any,
) -> None:
    (workplace / "their_package.py").write_text(FAULTY)
    monkeypatch.syspath_prepend(workplace)
    points = {"recurbench.loggers": [EntryPoint("faulty", "their_package:Faulty", "any")]}
    monkeypatch.setattr(discovery, "entry_points", lambda group: points.get(group, []))
    registry.cache_clear()
    try:
        config = configure("logger=faulty", *without("logger", small))
        assert execute(config).status == "completed"
        assert registry().plugins["logger"]["faulty"].cls.closed == 1
    finally:
        registry.cache_clear()


def test_an_option_that_a_logger_does_not_have_is_refused(configure: Callable) -> None:
    with pytest.raises(UserError, match=r"logger\.csv has no option colour"):
        configure("logger=csv", "+logger.csv.colour=red")


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "refusing"])
def test_an_unreachable_server_leaves_the_run_complete_and_offline(
    silent: bool,
    configure: Callable,
    small: list,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()  # takes connections and never says a word
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setattr(wandb_logger, "ANSWER_SECONDS", 0.5)
        for seed in (0, 1):
            config = configure("logger=wandb", f"seed={seed}", *without("logger", small))
            assert execute(config).status == "completed"
    assert all("directory" in record["logger"][0] for record in read_records())
    complaints = capsys.readouterr().err
    assert complaints.count("going on offline") == 1, "the second run must not wait again"


def test_a_server_that_fails_later_leaves_the_run_complete_and_offline(
    configure: Callable,
    small: list,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    import wandb

    init = wandb.init

    def fail_online(*, mode: str, **arguments: Any) -> Any:
        if mode == "online":
            raise wandb.errors.CommError("the server hung up")
        return init(mode=mode, **arguments)

    monkeypatch.setattr(wandb_logger, "_mode", lambda: "online")
    monkeypatch.setattr(wandb, "init", fail_online)
    assert execute(configure("logger=wandb", *without("logger", small))).status == "completed"
    (record,) = read_records()
    assert "directory" in record["logger"][0]
    assert "the server hung up; going on offline" in capsys.readouterr().err
