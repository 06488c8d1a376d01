"""MLflow shows what the record holds; a resumed run goes on as the run that it was."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recurbench.harness.cli import main
from recurbench.harness.errors import UserError
from recurbench.harness.run.execute import execute
from recurbench.harness.run.loggers.together import Loggers

MlflowClient = pytest.importorskip("mlflow", reason="needs the extra mlflow").MlflowClient


@pytest.fixture(autouse=True)
def no_variables(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No server or experiment of the machine that runs the tests, and none left to later ones."""
    import mlflow

    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    yield
    mlflow.set_tracking_uri(None)


def only_run(uri: str, experiment: str = "recurbench") -> tuple[Any, Any]:
    """The client, and the one run of an experiment."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    return client, run


def test_a_database_in_the_results_holds_what_the_record_holds(
    configure: Callable, unlogged: list, workplace: Path, read_records: Callable
) -> None:
    options = ["logger.mlflow.tags=[kind:a:b]", "sweep=mine", "seed=3"]
    assert execute(configure("logger=mlflow", *options, *unlogged)).ok
    (record,) = read_records()
    (entry,) = record["logger"]
    assert entry["url"] == f"sqlite:///{workplace}/results/mlflow.db"
    client, run = only_run(entry["url"])
    assert entry["run_id"] == run.info.run_id
    assert (run.info.run_name, run.info.status) == ("gru/3", "FINISHED")
    tags = {name: run.data.tags[name] for name in ("task", "sweep", "kind", "status")}
    assert tags == {"task": "copying", "sweep": "mine", "kind": "a:b", "status": "completed"}
    assert run.data.params["run_id"] == record["run_id"]
    assert run.data.params["cell/hidden_size"] == "8"
    assert (workplace / run.data.params["record"]).is_file()
    metrics = run.data.metrics
    assert metrics["test/accuracy"] == pytest.approx(record["metrics"]["test"]["accuracy"])
    assert metrics["cost/train_seconds"] == pytest.approx(record["cost"]["train_seconds"])
    history = client.get_metric_history(run.info.run_id, "train/loss")
    shown = {point.step: point.value for point in history}
    assert shown == pytest.approx({p["step"]: p["train/loss"] for p in record["curve"]})


def test_mlflows_own_variables_are_obeyed(
    unlogged: list, workplace: Path, config_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{workplace}/theirs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "cells")
    assert main(["run", "logger=mlflow", "logger.mlflow.run_name=mine", *unlogged]) == 0
    _, run = only_run(uri, "cells")
    assert run.info.run_name == "mine"
    assert not (workplace / "results/mlflow.db").exists()


def test_a_resumed_run_goes_on_as_the_run_that_it_was(
    configure: Callable, resumable: list, cut_off: Callable, read_records: Callable
) -> None:
    config = configure("logger=mlflow", *resumable)
    cut_off(lambda: execute(config), 5)
    assert execute(config).ok
    (record,) = read_records()
    assert record["resumed_after"] == 3
    (entry,) = record["logger"]
    client, run = only_run(entry["url"])
    assert entry["run_id"] == run.info.run_id
    assert (run.info.status, run.data.tags["status"]) == ("FINISHED", "completed")
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in history] == [point["step"] for point in record["curve"]]


def test_a_repeated_run_is_another_one(
    configure: Callable, unlogged: list, read_records: Callable
) -> None:
    ids = set()
    for options in ([], ["rerun=true"]):
        execute(configure("logger=mlflow", *options, *unlogged))
        ids.add(read_records()[0]["logger"][0]["run_id"])
    assert len(ids) == 2


def test_a_tag_without_a_value_is_refused(configure: Callable) -> None:
    with pytest.raises(UserError, match="'a': write key:value"):
        Loggers(configure("logger=mlflow", "logger.mlflow.tags=[a]"))
