"""Loggers show the record, join by one file, and nothing that they do can fail a run."""

import csv
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from recurbench.harness.errors import UserError
from recurbench.harness.plugins import discovery
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.execute import execute


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
    unlogged: list,
    workplace: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    options = ["logger=faulty", f"logger.faulty.fails=[{','.join(fails)}]"]
    assert execute(configure(*options, *unlogged)).status == "completed"
    assert capsys.readouterr().err.count("went wrong") == 1
    assert faulty() == (0 if fails == ["start"] else 1)


def test_a_logger_that_cannot_be_made_is_refused_before_the_run(
    faulty: Callable, configure: Callable, unlogged: list, workplace: Path
) -> None:
    with pytest.raises(UserError, match="logger=faulty: OSError: init went wrong"):
        execute(configure("logger=faulty", "logger.faulty.fails=[init]", *unlogged))
    assert list(workplace.rglob("*.json")) == []


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
