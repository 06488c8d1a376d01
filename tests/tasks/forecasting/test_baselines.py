"""What forecasts are judged by, and the simple ones to beat."""

from pathlib import Path

import pytest
import torch
from forecasting_kit import ready, row_numbers, scores, windows  # noqa: F401

from recurbench.tasks.forecasting.forecasts import PENALTY, Ridge, naive_forecasts
from recurbench.tasks.forecasting.series import Options, read_series


@pytest.mark.parametrize("season", [1, 4])
def test_errors_are_those_computed_by_hand(ready, season):
    task = ready(season=season)
    series = read_series(Path(task.files.file), Options()).values
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
