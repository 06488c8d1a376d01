"""Forecasts see only the past, are scaled by the train split, and are judged as published."""

import math
import os
from itertools import islice
from pathlib import Path

import pytest
import torch

from tasks.base import TaskError
from tasks.common.forecasts import naive_forecasts
from tasks.forecasting import ETTH1_SPLIT, Forecasting


@pytest.fixture
def ready(tmp_path):
    """Builds the task on a table of one's own; its first column counts the rows."""

    def build(
        rows: int = 203, *, batch_size: int = 4, seed: int = 0, names=("row", "wave"), **knobs
    ) -> Forecasting:
        path = tmp_path / "table.csv"
        lines = [f"{i},{10 * math.sin(i / 3) + i % 7}" for i in range(rows)]
        path.write_text("\n".join([",".join(names), *lines]))
        defaults = {"dataset": "csv", "file": str(path), "window": 9, "horizon": 5}
        task = Forecasting(**{**defaults, **knobs})
        task.bind(batch_size=batch_size, seed=seed)
        task.setup()
        return task

    return build


@pytest.fixture
def etth1():
    if not (Path(os.environ.get("RECURBENCH_DATA", "/nowhere")) / "ett/ETTh1.csv").is_file():
        pytest.skip("needs ett/ETTh1.csv in the folder RECURBENCH_DATA")

    def build(**knobs) -> Forecasting:
        task = Forecasting(dataset="etth1", **knobs)
        task.setup()
        return task

    return build


def row_numbers(task: Forecasting, values: torch.Tensor) -> torch.Tensor:
    """The rows of the table that standardised values came from."""
    return (values[..., 0].double() * task.deviation[0] + task.mean[0]).round().long()


def steps(task: Forecasting) -> int:
    """Training batches of an epoch."""
    return (task.ends[0] - task.window - task.horizon + 1) // task.batch_size


def scores(task: Forecasting, naive: str) -> dict[str, float]:
    """The test metrics of a naive forecast."""
    metrics = task.metrics()
    for inputs, targets, _ in task.test_dataloader():
        forecast = naive_forecasts(inputs, task.horizon, task.season)[naive]
        metrics.update(forecast.flatten(1), targets)
    return {name: float(value) for name, value in metrics.compute().items()}


def same(first, second) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
        for a, b in zip(first, second, strict=True)
    )


def test_targets_follow_their_window_and_stay_in_their_split(ready):
    task = ready()
    assert task.ends == (142, 162, 203)
    splits = {
        range(9, 142): islice(task.train_dataloader(), steps(task)),
        range(142, 162): task.val_dataloader(),
        range(162, 203): task.test_dataloader(),
    }
    for rows, batches in splits.items():
        for batch in batches:
            inputs, targets = (row_numbers(task, part) for part in batch[:2])
            both = torch.cat([inputs, targets], 1)
            assert (both.diff(dim=1) == 1).all()
            assert set(targets.unique().tolist()) <= set(rows)


def test_evaluation_has_every_window_once(ready):
    task = ready()
    for batches, begin, end in (
        (task.val_dataloader(), 142, 162),
        (task.test_dataloader(), 162, 203),
    ):
        firsts = torch.cat([row_numbers(task, batch.targets)[:, 0] for batch in batches])
        assert firsts.tolist() == list(range(begin, end - 5 + 1))


def test_evaluation_of_many_windows_comes_in_several_batches():
    task = Forecasting()
    task.setup()
    assert [len(batch.inputs) for batch in task.test_dataloader()] == [256, 256, 77]


def test_an_epoch_of_training_repeats_no_window_and_the_next_has_another_order(ready):
    task = ready(seed=1)
    count = steps(task)
    epochs = [
        torch.cat(
            [row_numbers(task, b.inputs)[:, 0] for b in islice(task.train_dataloader(), *cut)]
        )
        for cut in ((0, count), (count, 2 * count))
    ]
    for starts in epochs:
        assert starts.unique().numel() == starts.numel() == 4 * count
    assert not torch.equal(*epochs)


def test_training_depends_on_the_seed_alone(ready):
    def first(seed):
        return list(islice(ready(seed=seed).train_dataloader(), 70))

    assert same(first(3), first(3))
    assert not same(first(3), first(4))


def test_evaluation_depends_on_neither_seed_nor_batch_size(ready):
    one, other = ready(seed=0, batch_size=4), ready(seed=1, batch_size=7)
    assert same(one.val_dataloader(), other.val_dataloader())
    assert same(one.test_dataloader(), other.test_dataloader())
    assert one.fingerprint() == other.fingerprint()


def test_the_scale_is_that_of_the_train_split(ready):
    task = ready()
    train = task.standardised[:142].double()
    assert train.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert train.std(0, correction=0).tolist() == pytest.approx([1, 1])
    assert task.mean[0] == sum(range(142)) / 142


def test_the_loss_is_the_mean_squared_error_that_is_reported(ready):
    task = ready()
    inputs, targets, _ = next(iter(task.test_dataloader()))
    outputs = torch.randn(len(inputs), task.spec.output_size)
    metrics = task.metrics()
    metrics.update(outputs[:3], targets[:3])
    metrics.update(outputs[3:], targets[3:])
    loss = task.loss(outputs, targets)
    assert metrics.compute()["mse"].item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("season", [1, 4])
def test_errors_are_those_computed_by_hand(ready, season):
    task = ready(season=season)
    series = task.series.values
    errors = torch.stack(
        [series[t : t + 5] - series[t - 1] for t in range(162, 203 - 5 + 1)]
    )  # of repeating the last row, in the columns' own units
    mae = errors.abs().mean((0, 1))
    seasonal = [
        sum(abs(series[t, c] - series[t - season, c]) for t in range(season, 142)) / (142 - season)
        for c in range(2)
    ]
    scaled = errors / series[:142].std(0, correction=0)
    assert scores(task, "repeat_last") == pytest.approx(
        {
            "mse": float(scaled.square().mean()),
            "mae": float(scaled.abs().mean()),
            "mase": float((mae[0] / seasonal[0] + mae[1] / seasonal[1]) / 2),
            "mae_original": float(mae.mean()),
            "mae_original_row": float(mae[0]),
            "mae_original_wave": float(mae[1]),
        },
        rel=1e-5,
    )


def test_a_single_column_has_no_figures_of_its_own(ready):
    task = ready(columns=["wave"])
    assert set(task.metrics()) == {"mse", "mae", "mase", "mae_original"}
    assert (task.spec.input_size, task.spec.output_size) == (1, 5)


def test_a_dot_in_a_column_name_is_allowed(ready):
    assert "mae_original_a_b" in ready(names=("a.b", "c")).metrics()


def test_naive_forecasts_continue_the_window_as_their_names_say():
    inputs = torch.tensor([1.0, 2, 3, 7])[None, :, None]
    forecasts = naive_forecasts(inputs, horizon=5, season=3)
    assert {name: forecast.flatten().tolist() for name, forecast in forecasts.items()} == {
        "mean": [0, 0, 0, 0, 0],
        "repeat_last": [7, 7, 7, 7, 7],
        "drift": [9, 11, 13, 15, 17],
        "repeat_season": [2, 3, 7, 2, 3],
    }


@pytest.mark.parametrize(
    ("window", "season", "names"),
    [
        (1, 1, {"mean", "repeat_last"}),
        (4, 1, {"mean", "repeat_last", "drift"}),
        (4, 5, {"mean", "repeat_last", "drift"}),
        (4, 4, {"mean", "repeat_last", "drift", "repeat_season"}),
    ],
)
def test_a_naive_forecast_that_the_window_does_not_allow_is_left_out(window, season, names):
    assert set(naive_forecasts(torch.randn(2, window, 3), 6, season)) == names


def test_references_are_the_scores_of_the_naive_forecasts(ready):
    task = ready(season=7)
    references = task.references()
    assert set(references) == {"mean", "repeat_last", "drift", "repeat_season"}
    for name, value in references.items():
        assert value == pytest.approx(scores(task, name)["mse"])


def test_by_default_it_needs_no_file_and_a_season_fits_the_window():
    task = Forecasting()
    task.setup()
    assert task.references() == pytest.approx(
        {"mean": 0.987, "repeat_last": 0.854, "drift": 0.929, "repeat_season": 0.559}, abs=1e-3
    )


@pytest.mark.parametrize(
    ("name", "mse", "mae"), [("repeat_last", 1.294, 0.713), ("repeat_season", 0.512, 0.433)]
)
def test_etth1_has_the_published_naive_errors(etth1, name, mse, mae):
    task = etth1(window=96, horizon=96)
    found = scores(task, name)
    assert (found["mse"], found["mae"]) == pytest.approx((mse, mae), abs=5e-4)
    assert task.references()[name] == found["mse"]


def test_etth1_is_split_by_months_and_may_be_read_in_part(etth1):
    task = etth1(columns=["OT"], horizon=24)
    assert task.ends == ETTH1_SPLIT
    assert sum(len(batch.inputs) for batch in task.test_dataloader()) == 2880 - 24 + 1
    assert task.spec.input_size == 1


def test_the_fingerprint_tells_data_and_cuts_apart_and_nothing_else(ready):
    same_twice = {ready().fingerprint(), ready(batch_size=5).fingerprint()}
    others = {
        ready(204).fingerprint(),
        ready(window=10).fingerprint(),
        ready(horizon=4).fingerprint(),
        ready(season=2).fingerprint(),
        ready(columns=["wave", "row"]).fingerprint(),
    }
    assert len(same_twice) == 1
    assert len(others - same_twice) == 5


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
            "dataset must be one of mackey_glass, etth1, csv, not etth2; did you mean etth1?",
        ),
        ({"window": 0}, "window must be above 0, not 0"),
        ({"horizon": -3}, "horizon must be above 0, not -3"),
        ({"season": 0}, "season must be above 0, not 0"),
        ({"dataset": "csv"}, "dataset=csv needs file=<path of a table>"),
        ({"file": "a.csv"}, "file=a.csv is not a knob of dataset=mackey_glass"),
        (
            {"dataset": "etth1", "time_column": "date"},
            "time_column=date is not a knob of dataset=etth1",
        ),
        ({"columns": ["x"]}, "columns=['x'] is not a knob of dataset=mackey_glass"),
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
            "the train split has 14 of 20 rows, "
            "but window=9, horizon=5, season=1 and batch_size=4 need 17",
        ),
        (
            40,
            {},
            "the val split has 4 of 40 rows, "
            "but window=9, horizon=5, season=1 and batch_size=4 need 5",
        ),
        (
            100,
            {"season": 70},
            "the train split has 70 of 100 rows, "
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
    task = Forecasting(dataset="csv", file=str(path), window=9, horizon=5, season=season)
    with pytest.raises(TaskError) as error:
        task.setup()
    assert str(error.value) == f"{path}: {message}"


def test_the_docstring_shows_windows_that_follow_each_other(tmp_path):
    lines = [line.split()[1:] for line in Forecasting.__doc__.splitlines() if ". ." in line]
    shown = [[int(cell) for cell in line if cell != "."] for line in lines]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["x", *map(str, range(1, 101))]))
    task = Forecasting(dataset="csv", file=str(path), columns=["x"], window=3, horizon=2)
    task.bind(batch_size=4, seed=0)
    task.setup()
    epoch = list(islice(task.train_dataloader(), steps(task)))
    inputs = torch.cat([row_numbers(task, batch.inputs) for batch in epoch]).tolist()
    targets = torch.cat([row_numbers(task, batch.targets) for batch in epoch]).tolist()
    pairs = list(zip(inputs, targets, strict=True))
    assert (shown[0][:3], shown[1][:2]) in pairs
    assert (shown[0][3:], shown[1][2:]) in pairs
