"""How forecasts are judged: their errors column by column, and the simple forecasts to beat.

Legend: B batch, W window, H horizon, C columns, N windows.
"""

import math
import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from recurbench.tasks.base import TaskError


class ForecastError(Metric):
    """A weighted sum over columns of the mean absolute or squared error of each.

    All figures of one collection keep the same sums, so that its compute groups update them once.
    Targets that are NaN, of values that are missing, do not count.

    Args:
        weights: `(C,)`, the weight of each column.
        squared: squared errors instead of absolute ones.
    """

    higher_is_better = False
    full_state_update = False

    weights: Tensor
    absolute_sum: Tensor
    squared_sum: Tensor
    count: Tensor

    def __init__(self, weights: Tensor, *, squared: bool = False) -> None:
        super().__init__()
        self.squared = squared
        self.register_buffer("weights", weights, persistent=False)
        for sums in ("absolute_sum", "squared_sum"):
            zeros = torch.zeros(len(weights), dtype=torch.float64)
            self.add_state(sums, zeros, dist_reduce_fx="sum")
        zeros = torch.zeros(len(weights), dtype=torch.long)
        self.add_state("count", zeros, dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds forecasts, and what came `(N, ..., C)`, of as many numbers."""
        errors = (outputs.reshape(targets.shape).double() - targets).flatten(0, -2)
        known = targets.isnan().logical_not().flatten(0, -2)
        errors = torch.where(known, errors, 0.0)
        self.absolute_sum += errors.abs().sum(0)
        self.squared_sum += errors.square().sum(0)
        self.count += known.sum(0)

    def compute(self) -> Tensor:
        """The figure so far; NaN when nothing was added."""
        sums = self.squared_sum if self.squared else self.absolute_sum
        most = self.count.max().double()
        return (self.weights * sums * (most / self.count)).sum() / most


def known_mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean squared error over targets that are not NaN; 0 if there is none."""
    known = targets.isnan().logical_not()
    return (outputs - torch.where(known, targets, outputs)).square().sum() / known.sum().clamp(1)


def mean_of_known(values: Tensor) -> Tensor:
    """The mean over the rows of `(n, C)`, without those that are NaN."""
    return values.nanmean(0) if values.isnan().any() else values.mean(0)


def scale_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the deviation of the columns of rows `(n, C)`, without values that are NaN."""
    mean = mean_of_known(rows)
    if rows.isnan().any():
        return mean, mean_of_known((rows - mean).square()).sqrt()
    return mean, rows.std(0, correction=0)


def require_variation(train: Tensor, season: int, columns: Sequence[str], source: object) -> None:
    """Refuses columns that cannot be standardised, or whose MASE would divide by zero.

    Args:
        train: the rows `(n, C)` of the train split, NaN where values are missing.
        season: rows after which the series roughly repeats.
        columns: their names.
        source: where they come from.

    Raises:
        TaskError: names the source and the column.
    """
    lowest, highest = (train.nan_to_num(way * math.inf) for way in (1, -1))
    constant = lowest.amin(0) >= highest.amax(0)
    change = train[season:] - train[:-season]
    periodic = (change == 0).logical_or(change.isnan()).all(0)
    for name, same, repeats in zip(columns, constant, periodic, strict=True):
        if same:
            raise TaskError(f"{source}: column {name} is constant in the train split")
        if repeats:
            raise TaskError(
                f"{source}: column {name} repeats exactly every season={season} rows of the train "
                "split, which leaves MASE without a scale; choose another season"
            )


def forecast_figures(train: Tensor, season: int, columns: Sequence[str]) -> MetricCollection:
    """Errors of standardised values, errors in the columns' own units, and MASE.

    MASE is the mean absolute error over that of repeating the value one season before within
    the train split (Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006);
    it and `mae_original` are taken for each column and averaged. Several columns have their own
    `mae_original_<column>` too.

    Args:
        train: the rows `(n, C)` of the train split in their own units, NaN where one is missing.
        season: rows after which the series roughly repeats.
        columns: their names.
    """
    equal = torch.full((len(columns),), 1 / len(columns), dtype=torch.float64)
    _, deviation = scale_of(train)
    seasonal = mean_of_known((train[season:] - train[:-season]).abs())
    figures = {
        "mse": ForecastError(equal, squared=True),
        "mae": ForecastError(equal),
        "mase": ForecastError(equal * deviation / seasonal),
        "mae_original": ForecastError(equal * deviation),
    }
    if len(columns) > 1:
        for name, weights in zip(columns, deviation.diag(), strict=True):
            figure = "mae_original_" + re.sub(r"\W", "_", name)
            while figure in figures:  # names may differ in other signs alone
                figure += "_"
            figures[figure] = ForecastError(weights)
    return MetricCollection(dict(figures), compute_groups=[list(figures)])


def naive_forecasts(inputs: Tensor, horizon: int, season: int) -> dict[str, Tensor]:
    """What one would forecast without a model.

    Args:
        inputs: windows `(B, W, C)`, standardised.
        horizon: H, rows to forecast.
        season: rows after which the series roughly repeats.

    Returns:
        Forecasts `(B, H, C)`: `mean`, which is 0; `repeat_last`, the last row;
        `drift`, the line from the first row through the last (if W > 1); `repeat_season`, the last
        `season` rows over and over (if they are more than one and in the window).
    """
    window = inputs.shape[1]
    last = inputs[:, -1:].expand(-1, horizon, -1)
    forecasts = {"mean": torch.zeros_like(last), "repeat_last": last}
    if window > 1:
        slope = (inputs[:, -1:] - inputs[:, :1]) / (window - 1)
        forecasts["drift"] = last + slope * torch.arange(1, horizon + 1)[:, None]
    if 1 < season <= window:
        forecasts["repeat_season"] = inputs[:, window - season + torch.arange(horizon) % season]
    return forecasts


def naive_forecasters(
    window: int, horizon: int, season: int, columns: int
) -> dict[str, Callable[[Tensor], Tensor]]:
    """The `naive_forecasts` one by one, each from windows `(B, W, C)` alone."""

    def naive(name: str) -> Callable[[Tensor], Tensor]:
        return lambda inputs: naive_forecasts(inputs, horizon, season)[name]

    names = naive_forecasts(torch.zeros(1, window, columns), horizon, season)
    return {name: naive(name) for name in names}
