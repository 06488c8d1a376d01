"""Forecasts see only the past, are scaled by the train split, and are judged as published."""

import math
import os
from itertools import islice
from pathlib import Path

import pytest
import torch

from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.forecasting.forecasts import PENALTY, Ridge, naive_forecasts
from recurbench.tasks.forecasting.series import read_csv
from recurbench.tasks.forecasting.sources import ETTH1_SPLIT
from recurbench.tasks.forecasting.task import Forecasting


@pytest.fixture
def ready(tmp_path):
    """Builds the task on a table of one's own; its first column counts the rows."""

    def build(
        rows: int = 203, *, batch_size: int = 4, seed: int = 0, names=("row", "wave"), **knobs
    ) -> Forecasting:
        path = tmp_path / "table.csv"
        lines = [f"{i},{10 * math.sin(i / 3) + i % 7}" for i in range(rows)]
        path.write_text("\n".join([",".join(names), *lines]))
        defaults = {"dataset": "file", "file": str(path), "window": 9, "horizon": 5}
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


def windows(task: Forecasting) -> int:
    """Those of the train split."""
    return len(task.rows["train"]) - task.window - task.horizon + 1


def epoch(task: Forecasting, number: int) -> list[Batch]:
    """The batches of a pass over the train split."""
    batches = task.train_dataloader()
    return [batches.make(number * batches.epoch + index) for index in range(batches.epoch)]


def scores(task: Forecasting, naive: str) -> dict[str, float]:
    """The test metrics of a naive forecast, made at once or row by row."""
    metrics = task.metrics() if task.method == "direct" else task.free_run_metrics()
    for batch in task.test_dataloader():
        forecast = naive_forecasts(batch.inputs[:, : task.window], task.horizon, task.season)
        metrics.update(forecast[naive].flatten(1), batch.targets[:, -task.horizon :])
    return {name: float(value) for name, value in metrics.compute().items()}


def same(first, second) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
        for a, b in zip(first, second, strict=True)
    )


def test_targets_follow_their_window_and_stay_in_their_split(ready):
    task = ready()
    splits = {
        range(9, 142): epoch(task, 0),
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


def test_an_epoch_of_training_has_every_window_once_and_the_next_another_order(ready):
    task = ready(seed=1)
    epochs = [
        torch.cat([row_numbers(task, batch.inputs)[:, 0] for batch in epoch(task, number)])
        for number in (0, 1)
    ]
    for starts in epochs:
        assert sorted(starts.tolist()) == list(range(windows(task)))
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
    train = task.standardised["train"].double()
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
    series = read_csv(Path(task.files.file)).values
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


def test_any_sign_in_a_column_name_is_allowed(ready):
    assert {"mae_original_a_b", "mae_original_a_b_"} <= set(ready(names=("a.b", "a b")).metrics())


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


@pytest.mark.parametrize("method", ["direct", "recursive"])
def test_references_are_the_scores_of_simple_forecasts(ready, method):
    task = ready(season=7, method=method)
    references = task.references()
    assert set(references) == {"mean", "repeat_last", "drift", "repeat_season", "ridge"}
    for name in set(references) - {"ridge"}:
        assert references[name] == pytest.approx(scores(task, name)["mse"])


@pytest.mark.parametrize("method", ["direct", "recursive"])
def test_counting_from_the_windows_own_mean_moves_inputs_and_targets_alike(ready, method):
    plain, centred = (ready(season=7, method=method, zero=zero) for zero in ("train", "window"))
    before, after = (next(iter(task.test_dataloader())) for task in (plain, centred))
    zero = before.inputs[:, : plain.window].mean(1, keepdim=True)
    torch.testing.assert_close(after.inputs, before.inputs - zero)
    torch.testing.assert_close(after.targets, before.targets - zero)
    assert plain.fingerprint() != centred.fingerprint()


def test_errors_are_the_same_wherever_values_are_counted_from(ready):
    plain, centred = (ready(season=7, zero=zero).references() for zero in ("train", "window"))
    for name in ("repeat_last", "drift", "repeat_season"):
        assert centred[name] == pytest.approx(plain[name])
    assert set(centred) == {"window_mean", "repeat_last", "drift", "repeat_season", "ridge"}


def test_by_default_it_needs_no_file_and_has_the_references_that_it_says():
    task = Forecasting()
    task.setup()
    assert task.references() == pytest.approx(dict(Forecasting.default_references), abs=1e-4)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [40, 300])  # fewer windows than weights, and more
def test_ridge_is_the_penalised_least_squares_of_the_train_windows(columns, rows):
    torch.manual_seed(0)
    series = torch.randn(rows, columns).cumsum(0)
    window, horizon = 13, 5
    starts = range(rows - window - horizon + 1)
    x = torch.stack([series[i : i + window].T.flatten() for i in starts]).double()
    y = torch.stack([series[i + window :][:horizon].T.flatten() for i in starts]).double()
    centred = x - x.mean(0)
    penalty = PENALTY * centred.square().sum() / x.shape[1]
    # Rows that ask each weight to be 0 make an ordinary problem of it.
    asked = torch.cat([centred, penalty.sqrt() * torch.eye(x.shape[1]).double()])
    given = torch.cat([y - y.mean(0), torch.zeros(x.shape[1], y.shape[1]).double()])
    weights = torch.linalg.lstsq(asked, given).solution
    expected = ((x[:7] - x.mean(0)) @ weights + y.mean(0)).unflatten(1, (columns, horizon))
    inputs = torch.stack([series[i : i + window] for i in range(7)])
    found = Ridge(series, window, horizon)(inputs)
    torch.testing.assert_close(found, expected.transpose(1, 2).float(), rtol=1e-4, atol=1e-4)


def test_ridge_of_a_large_problem_takes_windows_from_all_over_the_split(monkeypatch):
    monkeypatch.setattr("recurbench.tasks.forecasting.forecasts.LARGEST", 20 * 30)
    line = torch.cat([torch.zeros(500), torch.linspace(0, 9, 500)])[:, None]
    forecast = Ridge(line, 20, 10)(line[None, 900:920])
    torch.testing.assert_close(forecast[0], line[920:930], rtol=0.05, atol=0.05)


class TestRecursive:
    def test_the_next_row_is_predicted_at_every_step(self, ready):
        task = ready(method="recursive")
        assert (task.spec.scope, task.spec.predicts_next, task.spec.output_size) == (
            "step",
            True,
            2,
        )
        for batch in [*epoch(task, 0), *task.test_dataloader()]:
            assert batch.inputs.shape[1:] == batch.targets.shape[1:] == (9 + 5 - 1, 2)
            assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])

    def test_free_runs_are_the_windows_and_answers_of_direct_forecasts(self, ready):
        direct, recursive = ready(), ready(method="recursive")
        for one, other in zip(direct.test_dataloader(), recursive.test_dataloader(), strict=True):
            run = recursive.free_run(other)
            assert torch.equal(run.prompts, one.inputs)
            assert torch.equal(run.answers, one.targets)
            assert run.stop is None
            assert direct.free_run(one) is None

    def test_the_same_figures_judge_both_methods(self, ready):
        direct, recursive = ready(), ready(method="recursive")
        assert scores(direct, "drift") == scores(recursive, "drift")
        assert direct.references() == recursive.references()
        assert set(recursive.metrics()) == {"step_mse"}

    def test_the_truth_has_no_error(self, ready):
        task = ready(method="recursive")
        assert task.play(task.oracle) == 0.0


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


def test_lorenz_has_three_columns():
    task = Forecasting(dataset="lorenz")
    task.setup()
    assert task.names == ["x", "y", "z"]
    assert task.spec.output_size == 3 * 12
    assert task.references()["ridge"] < task.references()["mean"]


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


def test_the_docstring_shows_windows_that_follow_each_other(tmp_path):
    lines = [line.split()[1:] for line in Forecasting.__doc__.splitlines() if ". ." in line]
    shown = [[int(cell) for cell in line if cell != "."] for line in lines]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["x", *map(str, range(1, 101))]))
    task = Forecasting(dataset="file", file=str(path), columns=["x"], window=3, horizon=2)
    task.bind(batch_size=4, seed=0)
    task.setup()
    inputs = torch.cat([row_numbers(task, batch.inputs) for batch in epoch(task, 0)]).tolist()
    targets = torch.cat([row_numbers(task, batch.targets) for batch in epoch(task, 0)]).tolist()
    pairs = list(zip(inputs, targets, strict=True))
    assert (shown[0][:3], shown[1][:2]) in pairs
    assert (shown[0][3:], shown[1][2:]) in pairs
