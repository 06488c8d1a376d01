"""What forecasts are judged by, the simple ones to beat, and values that count in neither."""

import math
import os
from pathlib import Path

import pandas as pd
import pytest
import torch
from forecasting_kit import ready, row_numbers, scores, windows  # noqa: F401

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.baselines import Linear
from recurbench.tasks.forecasting.forecasts import naive_forecasts
from recurbench.tasks.forecasting.ridge import PENALTIES, Ridge
from recurbench.tasks.forecasting.series import Options, read_series
from recurbench.tasks.forecasting.task import Forecasting


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


@pytest.mark.parametrize("scale", [1e-3, 1e1])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("rows", [40, 300])  # fewer windows than weights, and more
def test_ridge_is_the_penalised_least_squares_of_the_train_windows(columns, rows, scale):
    torch.manual_seed(0)
    series = torch.randn(rows, columns).cumsum(0)
    window, horizon = 13, 5
    starts = range(rows - window - horizon + 1)
    x = torch.stack([series[i : i + window].T.flatten() for i in starts]).double()
    y = torch.stack([series[i + window :][:horizon].T.flatten() for i in starts]).double()
    centred = x - x.mean(0)
    penalty = scale * centred.square().sum() / x.shape[1]
    # Rows that ask each weight to be 0 make an ordinary problem of it.
    asked = torch.cat([centred, penalty.sqrt() * torch.eye(x.shape[1]).double()])
    given = torch.cat([y - y.mean(0), torch.zeros(x.shape[1], y.shape[1]).double()])
    weights = torch.linalg.lstsq(asked, given).solution
    expected = ((x[:7] - x.mean(0)) @ weights + y.mean(0)).unflatten(1, (columns, horizon))
    inputs = torch.stack([series[i : i + window] for i in range(7)])
    found = Ridge(series, window, horizon).forecaster(scale)(inputs)
    torch.testing.assert_close(found, expected.transpose(1, 2).float(), rtol=1e-4, atol=1e-4)


def test_ridge_of_a_large_problem_takes_windows_from_all_over_the_split(monkeypatch):
    monkeypatch.setattr("recurbench.tasks.forecasting.ridge.LARGEST", 20 * 30)
    line = torch.cat([torch.zeros(500), torch.linspace(0, 9, 500)])[:, None]
    forecast = Ridge(line, 20, 10).forecaster(1e-3)(line[None, 900:920])
    torch.testing.assert_close(forecast[0], line[920:930], rtol=0.05, atol=0.05)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_columns_that_stand_still_in_every_window_leave_ridge_finite(penalty):
    still = torch.ones(60, 1)
    forecast = Ridge(still, 5, 2, centred=True).forecaster(penalty)(torch.zeros(3, 5, 1))
    assert torch.equal(forecast, torch.zeros(3, 2, 1))


class TestPenalty:
    """The penalty of the reference is the one that is best on validation, whatever test says."""

    def played(self, task: Forecasting, split: str) -> list[float]:
        ridge = Ridge(task.standardised["train"], task.window, task.horizon)
        batches = task.val_dataloader() if split == "val" else task.test_dataloader()
        return [
            task.play(lambda batch, one=one: one(batch.inputs).flatten(1), batches)
            for one in map(ridge.forecaster, PENALTIES)
        ]

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_it_is_chosen_on_validation(self, seed, tmp_path):
        noise = torch.randn(300, generator=torch.Generator().manual_seed(seed))
        values = torch.sin(torch.arange(300) / 5) + noise
        path = tmp_path / "noisy.csv"
        path.write_text("\n".join(["x", *(f"{value:.5f}" for value in values)]))
        task = Forecasting(dataset="file", file=str(path), window=30, horizon=4)
        task.ready(batch_size=4, seed=0)
        val, test = self.played(task, "val"), self.played(task, "test")
        chosen = val.index(min(val))
        assert PENALTIES[chosen] > 1e-3  # noise wants a large one
        assert task.references()["ridge"] == pytest.approx(test[chosen])

    def test_a_series_without_noise_wants_the_smallest(self):
        task = Forecasting().ready(batch_size=4, seed=0)
        val, test = self.played(task, "val"), self.played(task, "test")
        assert val == sorted(val)
        assert task.references()["ridge"] == pytest.approx(test[0])
        assert test[0] == pytest.approx(0.056, abs=1e-4)

    @pytest.mark.skipif("RECURBENCH_DATA" not in os.environ, reason="needs etth1")
    def test_measured_load_wants_more_than_a_thousandth(self):
        task = Forecasting(dataset="etth1", window=96, horizon=96, zero="window")
        references = task.ready(batch_size=4, seed=0).references()
        assert references["ridge"] == pytest.approx(0.3838, abs=1e-4)


class TestMissing:
    """A table with gaps: x is missing in every tenth row, y in its first three."""

    @pytest.fixture
    def gappy(self, tmp_path):
        torch.manual_seed(3)
        x, y = (torch.sin(torch.arange(200) / 4)[:, None] + torch.randn(200, 2) / 9).double().T
        path = tmp_path / "gaps.csv"

        def build(changed=None, **knobs) -> Forecasting:
            rows = []
            for i in range(200):
                first = "" if i % 10 == 7 else f"{x[i]:.4f}"
                rows.append(f"{first},{'NA' if i < 3 else f'{y[i]:.4f}'}")
            for row, text in (changed or {}).items():
                rows[row] = text
            path.write_text("\n".join(["x,y", *rows]))
            task = Forecasting(dataset="file", file=str(path), window=6, horizon=3, **knobs)
            return task.ready(batch_size=4, seed=0)

        return build

    def test_it_is_refused_unless_the_knob_says_what_to_do(self, gappy):
        with pytest.raises(TaskError, match=r"row 2, column y: 'NA' stands for a missing value"):
            gappy()
        with pytest.raises(TaskError, match=r"column y has no value before row 5, .* missing=mask"):
            gappy(missing="forward_fill")

    def test_forward_fill_is_the_table_that_was_filled_before(self, gappy, tmp_path):
        filled = gappy(columns=["x"], missing="forward_fill")
        assert filled.notes == ["gaps.csv: missing values are filled with the one before: 20 in x"]
        frame = pd.read_csv(tmp_path / "gaps.csv").ffill()
        frame.to_csv(tmp_path / "filled.csv", index=False)
        plain = Forecasting(
            dataset="file", file=str(tmp_path / "filled.csv"), columns=["x"], window=6, horizon=3
        ).ready(batch_size=4, seed=0)
        assert filled.fingerprint() == plain.fingerprint()
        assert filled.references() == plain.references()

    @pytest.mark.parametrize("method", ["direct", "recursive"])
    def test_the_scale_and_the_inputs_of_a_mask_know_no_missing_value(self, gappy, method):
        task = gappy(missing="mask", method=method)
        assert task.notes == ["gaps.csv: missing values are no targets: 20 in x, 3 in y"]
        train = task.rows["train"]
        for column in range(2):
            known = train[:, column][~train[:, column].isnan()]
            assert task.mean[column] == pytest.approx(known.mean())
            assert task.deviation[column] == pytest.approx(known.std(correction=0))
        expected = (
            pd.DataFrame(task.standardised["train"].numpy()).ffill().fillna(0).to_numpy(copy=True)
        )
        assert torch.equal(task.seen["train"], torch.from_numpy(expected))
        for batch in [*task.val_dataloader(), *task.test_dataloader()]:
            assert batch.inputs.isfinite().all()
            assert batch.targets.isnan().any()

    def test_a_gap_shows_what_was_before_it_also_across_splits(self, gappy):
        task = gappy(missing="mask")
        # Val begins with row 134 of the table, which is shown before it; row 137 is missing there.
        before, gap = task.seen["val"][2:4, 0]
        assert task.standardised["val"][3, 0].isnan()
        assert before == gap

    @pytest.mark.parametrize("method", ["direct", "recursive"])
    @pytest.mark.parametrize("zero", ["train", "window"])
    def test_what_is_said_of_a_missing_value_changes_nothing(self, gappy, method, zero):
        task = gappy(missing="mask", method=method, zero=zero)
        (batch,) = task.test_dataloader()
        targets = task.targets_of(batch)
        outputs = torch.randn(len(targets), task.spec.output_size)
        unknown = targets.flatten(1).isnan()
        results = []
        for said in (outputs, outputs.masked_fill(unknown, 1e6)):
            leaf = said.clone().requires_grad_()
            loss = task.loss(leaf, targets)
            (gradient,) = torch.autograd.grad(loss, leaf)
            assert not gradient[unknown].any()
            metrics = task.metrics()
            metrics.update(said, targets)
            results.append([loss.item(), *(float(value) for value in metrics.compute().values())])
        assert results[0] == results[1]
        assert all(math.isfinite(value) for value in results[0])
        errors = (outputs - targets.flatten(1))[~unknown]
        assert results[0][0] == pytest.approx(errors.square().mean().item(), rel=1e-5)

    def test_a_batch_without_a_target_has_no_loss(self, gappy):
        task = gappy(missing="mask")
        outputs = torch.randn(2, 6, requires_grad=True)
        loss = task.loss(outputs, torch.full((2, 3, 2), math.nan))
        loss.backward()
        assert (loss.item(), outputs.grad.any().item()) == (0, False)

    def test_figures_are_means_over_the_known_values_of_each_column(self, gappy):
        task = gappy(missing="mask", season=2)
        (batch,) = task.test_dataloader()
        errors = batch.targets.double()  # of saying 0
        each = errors.square().nanmean((0, 1))
        assert scores(task, "mean")["mse"] == pytest.approx(each.mean().item())
        train = task.rows["train"]
        seasonal = (train[2:] - train[:-2]).abs().nanmean(0)
        own = errors.abs().nanmean((0, 1)) * task.deviation
        assert scores(task, "mean")["mase"] == pytest.approx((own / seasonal).mean().item())

    def test_the_ridge_of_a_target_is_fitted_where_it_is_known(self, gappy):
        task = gappy(missing="mask")
        train, seen = task.standardised["train"], task.seen["train"]
        ridge = Ridge(train, 6, 3, seen=seen).forecaster(1e-3)(seen[None, 50:56])
        for step in range(3):
            for column in range(2):
                starts = [
                    s for s in range(len(train) - 8) if not train[s + 6 + step, column].isnan()
                ]
                x = torch.stack([seen[s : s + 6].T.flatten() for s in starts]).double()
                y = torch.stack([train[s + 6 + step, column] for s in starts]).double()
                penalty = 1e-3 * float((x - x.mean(0)).square().sum()) / 12
                alone = Linear(x, y[:, None], penalty)(seen[50:56].T.flatten()[None].double())
                assert ridge[0, step, column].item() == pytest.approx(alone.item(), abs=1e-5)

    def test_other_missing_values_are_other_data(self, gappy):
        masked = gappy(missing="mask").fingerprint()
        assert masked == gappy(missing="mask").fingerprint()
        assert masked != gappy({9: ",0.5"}, missing="mask").fingerprint()

    def test_a_split_without_a_value_of_a_column_is_refused(self, gappy):
        with pytest.raises(TaskError, match="the test split has no value of column x"):
            gappy(dict.fromkeys(range(160, 200), ",0.5"), missing="mask")


def test_a_single_value_ahead_of_a_single_column_is_forecast(ready):
    assert set(ready(columns=["wave"], horizon=1).references()) >= {"mean", "ridge"}
