"""What forecasting refuses, and in which words."""

import os
from pathlib import Path

import pytest
import torch
from forecasting_kit import ready, row_numbers, scores, windows  # noqa: F401

from recurbench.tasks.base import Batch, TaskError, generator
from recurbench.tasks.forecasting.series import write_example
from recurbench.tasks.forecasting.sources import ETTH1_SPLIT
from recurbench.tasks.forecasting.task import Forecasting


@pytest.fixture
def etth1():
    if not (Path(os.environ.get("RECURBENCH_DATA", "/nowhere")) / "ett/ETTh1.csv").is_file():
        pytest.skip("needs ett/ETTh1.csv in the folder RECURBENCH_DATA")

    def build(**knobs) -> Forecasting:
        task = Forecasting(dataset="etth1", **knobs)
        task.setup()
        return task

    return build


def test_tables_of_ones_own_for_val_and_test_leave_the_whole_file_to_training(ready, tmp_path):
    def write(name: str, rows: range) -> str:
        path = tmp_path / name
        path.write_text("\n".join(["wave,row", *(f"{i % 5},{i}" for i in rows)]))
        return str(path)

    val, test = write("val.csv", range(300, 331)), write("test.csv", range(400, 414))
    task = ready(val_file=val, test_file=test)
    assert windows(task) == 203 - 9 - 5 + 1
    for batches, begin, end in (
        (task.val_dataloader(), 309, 331),
        (task.test_dataloader(), 409, 414),
    ):
        firsts = torch.cat([row_numbers(task, batch.targets)[:, 0] for batch in batches])
        assert firsts.tolist() == list(range(begin, end - 5 + 1))
    assert ready(val_file=val).rows["train"].shape[0] == 203 * 8 // 10
    assert ready(test_file=test).rows["train"].shape[0] == 203 * 9 // 10
    with pytest.raises(TaskError, match=r"val\.csv: no column noise"):
        ready(names=("row", "noise"), val_file=val)
    short = write("short.csv", range(13))
    with pytest.raises(TaskError, match=r"short\.csv: the test split has 13 rows, .* need 14"):
        ready(test_file=short)


@pytest.mark.parametrize("method", ["direct", "recursive"])
def test_a_plot_is_made_if_it_is_asked_for(ready, method):
    asked = []

    def predict(batch: Batch) -> torch.Tensor:
        asked.append(batch)
        return torch.zeros(len(batch.inputs), 5 * 2)

    assert ready(method=method).plots(predict) == {}
    assert not asked
    plots = ready(method=method, plot=True).plots(predict)
    assert plots["forecasts"].startswith(b"\x89PNG\r\n")
    assert [len(batch.inputs) for batch in asked] == [4]


def test_a_plot_does_not_make_another_run(ready):
    assert "plot" in Forecasting.paths
    assert ready(plot=True).fingerprint() == ready().fingerprint()


def test_a_plot_without_matplotlib_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("recurbench.tasks.forecasting.plots.find_spec", lambda _: None)
    with pytest.raises(TaskError) as error:
        Forecasting(plot=True)
    assert str(error.value) == "plot=true needs matplotlib: pip install 'recurbench[plot]'"


@pytest.mark.parametrize(
    ("name", "mse", "mae"), [("repeat_last", 1.294, 0.713), ("repeat_season", 0.512, 0.433)]
)
def test_etth1_has_the_published_naive_errors(etth1, name, mse, mae):
    task = etth1(window=96, horizon=96)
    found = scores(task, name)
    assert (found["mse"], found["mae"]) == pytest.approx((mse, mae), abs=5e-4)
    assert task.play(task.predictors()[name]) == found["mse"]


def test_etth1_is_split_by_months_and_may_be_read_in_part(etth1):
    task = etth1(columns=["OT"], horizon=24)
    assert len(task.rows["train"]) == ETTH1_SPLIT[0]
    assert sum(len(batch.inputs) for batch in task.test_dataloader()) == 2880 - 24 + 1
    assert task.spec.input_size == 1


def test_the_fingerprint_tells_data_and_cuts_apart_and_nothing_else(ready):
    same_twice = {
        ready().fingerprint(),
        ready(batch_size=5).fingerprint(),
        ready(season=2).fingerprint(),
    }
    others = {
        ready(204).fingerprint(),
        ready(window=10).fingerprint(),
        ready(horizon=4).fingerprint(),
        ready(method="recursive").fingerprint(),
        ready(columns=["wave", "row"]).fingerprint(),
    }
    assert len(same_twice) == 1
    assert len(others - same_twice) == 5


def test_a_plain_table_has_the_fingerprint_that_it_always_had(tmp_path):
    path = tmp_path / "table.csv"
    write_example(path, generator("any", 0))
    task = Forecasting(dataset="file", file=str(path), time_column="time")
    assert task.ready(batch_size=4, seed=0).fingerprint() == "e6829ed15f2abf92"
    assert task.notes == []


def test_how_a_table_is_written_does_not_make_another_run():
    told = {"separator", "decimal", "encoding", "header", "time_format"}
    assert told <= Forecasting.paths
    assert "missing" not in Forecasting.paths


def test_setting_up_again_changes_nothing(ready):
    task = ready()
    before = task.standardised
    task.setup("test")
    assert task.standardised is before


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"dataset": "etth2"},
            "dataset must be one of mackey_glass, lorenz, etth1, file, not etth2; "
            "did you mean etth1?",
        ),
        ({"window": 0}, "window must be at least 1, not 0"),
        ({"horizon": -3}, "horizon must be at least 1, not -3"),
        ({"season": 0}, "season must be at least 1, not 0"),
        ({"method": "both"}, "method must be one of direct, recursive, not both"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"file": "a.csv"}, "file=a.csv goes with dataset=file, not dataset=mackey_glass"),
        (
            {"dataset": "lorenz", "test_file": "a.csv"},
            "test_file=a.csv goes with dataset=file, not dataset=lorenz",
        ),
        (
            {"dataset": "etth1", "time_column": "date"},
            "time_column=date goes with dataset=file, not etth1",
        ),
        (
            {"dataset": "etth1", "missing": "mask"},
            "missing=mask goes with dataset=file, not etth1",
        ),
        ({"separator": "tab"}, "separator=tab goes with dataset=file, not mackey_glass"),
        ({"header": 0}, "header=0 goes with dataset=file, not mackey_glass"),
        (
            {"dataset": "file", "file": "a.csv", "time_format": "dayfirst"},
            "time_format=dayfirst needs time_column=NAME",
        ),
        (
            {"window": 1, "zero": "window"},
            "window=1 zero=window leaves nothing: a single row is its own mean",
        ),
        ({"columns": ["x"]}, "columns=['x'] goes with tables, not dataset=mackey_glass"),
        (
            {"dataset": "etth1", "columns": ["OT", "OT"]},
            "columns must be different names, at least one, not ['OT', 'OT']",
        ),
        (
            {"dataset": "etth1", "columns": []},
            "columns must be different names, at least one, not []",
        ),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Forecasting(**knobs)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("rows", "knobs", "message"),
    [
        (
            20,
            {},
            "the train split has 14 rows, "
            "but window=9, horizon=5, season=1 and batch_size=4 need 17",
        ),
        (
            40,
            {},
            "the val split has 4 rows, but window=9, horizon=5, season=1 and batch_size=4 need 5",
        ),
        (
            100,
            {"season": 70},
            "the train split has 70 rows, "
            "but window=9, horizon=5, season=70 and batch_size=4 need 71",
        ),
        (
            203,
            {"columns": ["rows"]},
            "no column rows among row, wave; did you mean row?",
        ),
    ],
)
def test_a_table_that_does_not_do_is_named_with_what_is_needed(ready, rows, knobs, message):
    with pytest.raises(TaskError) as error:
        ready(rows, **knobs)
    assert str(error.value).endswith(f"table.csv: {message}")


@pytest.mark.parametrize(
    ("value", "season", "message"),
    [
        (lambda i: 7 + (i > 90), 1, "column x is constant in the train split"),
        (
            lambda i: i % 4 + (i > 90),
            4,
            "column x repeats exactly every season=4 rows of the train split, which leaves MASE "
            "without a scale; choose another season",
        ),
    ],
)
def test_a_column_that_has_no_scale_is_named(tmp_path, value, season, message):
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["x", *(str(value(i)) for i in range(100))]))
    task = Forecasting(dataset="file", file=str(path), window=9, horizon=5, season=season)
    with pytest.raises(TaskError) as error:
        task.setup()
    assert str(error.value) == f"{path}: {message}"
