"""Loggers show the record, join by one file, and nothing that they do can fail a run."""

import csv
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from recurbench.harness.cli import main
from recurbench.harness.errors import UserError
from recurbench.harness.plugins import discovery
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.execute import execute
from recurbench.harness.run.loggers import lightning
from recurbench.harness.run.loggers.together import Loggers


def test_several_loggers_show_one_run(
    configure: Callable, unlogged: list, workplace: Path, read_records: Callable
) -> None:
    execute(configure("logger=[csv,tensorboard]", *unlogged))
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
        self.act("init")

    def act(self, action):
        if action in self.fails:
            raise OSError(f"{action} went wrong")
        if f"{action} exits" in self.fails:
            raise SystemExit(f"{action} went wrong")

    def start(self, run):
        self.act("start")
        return {"name": "faulty", "run_id": run.run_id}

    def log(self, step, point):
        self.act("log")

    def finish(self, summary, status):
        type(self).closed += 1
        self.act("finish")
'''


@pytest.fixture
def faulty(plugin_folder: Path) -> Callable[[], int]:
    """A logger in a folder of plugins; tells how often it was closed."""
    (plugin_folder / "faulty.py").write_text(FAULTY)
    return lambda: registry().plugins["logger"]["faulty"].cls.closed


@pytest.mark.parametrize(
    "fails",
    [["start"], ["log"], ["finish"], ["log", "finish"], ["start exits"], ["log exits"]],
    ids="+".join,
)
def test_a_logger_that_raises_is_switched_off_and_the_run_completes(
    fails: list,
    faulty: Callable,
    configure: Callable,
    unlogged: list,
    workplace: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    options = ["logger=faulty", f"logger.faulty.fails=[{','.join(fails)}]"]
    assert main(["run", *options, *unlogged]) == 0
    assert capsys.readouterr().err.count("went wrong") == 1
    assert faulty() == (0 if "start" in fails[0] else 1)


HARMFUL = '''
"""A logger that changes all that it is given, and answers what no record can hold."""
from recurbench.harness.plugins.logger import Logger


class Harmful(Logger):
    name = "harmful"

    def __init__(self, *, answer: str = "entry"):
        self.answer = answer

    def start(self, run):
        run.config["cell"].clear()
        return {"entry": {"name": "other", "run_id": "x"}, "none": None, "odd": {"run_id": 3}}[
            self.answer
        ]

    def log(self, step, point):
        point.clear()

    def finish(self, summary, status):
        summary.clear()
'''


@pytest.mark.parametrize("answer", ["entry", "none", "odd"])
def test_no_logger_changes_a_run_or_its_record(
    answer: str, plugin_folder: Path, configure: Callable, unlogged: list, workplace: Path,
    read_records: Callable, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    (plugin_folder / "harmful.py").write_text(HARMFUL)
    options = ["logger=[harmful,csv]", f"logger.harmful.answer={answer}"]
    assert execute(configure(*options, *unlogged)).ok
    (record,) = read_records()
    assert record["cell"]["name"] == "gru"
    assert all("train/loss" in point for point in record["curve"])
    assert (
        "test/accuracy"
        in (workplace / record["logger"][-1]["directory"] / "metrics.csv").read_text()
    )
    kept = [{"name": "harmful", "run_id": "x"}] if answer == "entry" else []
    assert record["logger"][:-1] == kept
    complaints = capsys.readouterr().err.splitlines()
    assert [line.count("start failed, this logger is off") for line in complaints] == [1] * (
        answer != "entry"
    )


def test_a_repeated_run_leaves_the_rows_of_the_last_one(
    configure: Callable, unlogged: list, workplace: Path, read_records: Callable
) -> None:
    for rerun in ("false", "true"):
        execute(configure("logger=[csv,tensorboard]", f"rerun={rerun}", *unlogged))
    (record,) = read_records()
    (file,) = workplace.rglob("metrics.csv")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    losses = [float(row["train/loss"]) for row in rows if row["train/loss"]]
    assert losses == pytest.approx([point["train/loss"] for point in record["curve"]])
    assert float(rows[-1]["cost/train_seconds"]) == record["cost"]["train_seconds"]
    assert len(list(workplace.rglob("events.out.tfevents.*"))) == 1


def test_a_logger_that_cannot_be_made_is_refused_before_the_run(
    faulty: Callable, configure: Callable, unlogged: list, workplace: Path
) -> None:
    with pytest.raises(UserError, match="logger=faulty: OSError: init went wrong"):
        execute(configure("logger=faulty", "logger.faulty.fails=[init]", *unlogged))
    assert list(workplace.rglob("*.json")) == []


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_a_logger_whose_package_is_missing_is_refused_before_the_run(
    name: str, configure: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lightning, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=rf"logger={name}: .*install 'recurbench\[{name}\]'"):
        Loggers(configure(f"logger={name}"))


def test_a_logger_in_one_file_of_a_folder_is_chosen_by_its_name(
    faulty: Callable, configure: Callable, unlogged: list, read_records: Callable
) -> None:
    execute(configure("logger=[csv,faulty]", *unlogged))
    (record,) = read_records()
    assert [entry["name"] for entry in record["logger"]] == ["csv", "faulty"]
    assert faulty() == 1


def test_a_logger_joins_by_an_entry_point(
    configure: Callable,
    unlogged: list,
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
        config = configure("logger=faulty", *unlogged)
        assert execute(config).status == "completed"
        assert registry().plugins["logger"]["faulty"].cls.closed == 1
    finally:
        registry.cache_clear()


def test_an_option_that_a_logger_does_not_have_is_refused(configure: Callable) -> None:
    with pytest.raises(UserError, match=r"logger\.csv has no option colour"):
        configure("logger=csv", "+logger.csv.colour=red")
