"""How forecasts are judged: their errors column by column, and the simple forecasts to beat.

Legend: B batch, W window, H horizon, C columns, N windows.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from recurbench.tasks.common.baselines import Linear

PENALTY = 1e-3
"""Of `Ridge`, in mean variances of a window's values."""

LARGEST = 2**24
"""The most numbers that `Ridge` is fitted on."""


class ForecastError(Metric):
    """A weighted sum over columns of the mean absolute or squared error of each.

    All figures of one collection keep the same sums, so that its compute groups update them once.

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
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds forecasts, and what came `(N, ..., C)`, of as many numbers."""
        errors = (outputs.reshape(targets.shape).double() - targets).flatten(0, -2)
        self.absolute_sum += errors.abs().sum(0)
        self.squared_sum += errors.square().sum(0)
        self.count += len(errors)

    def compute(self) -> Tensor:
        """The figure so far; NaN when nothing was added."""
        sums = self.squared_sum if self.squared else self.absolute_sum
        return (self.weights * sums).sum() / self.count


def forecast_figures(train: Tensor, season: int, columns: Sequence[str]) -> MetricCollection:
    """Errors of standardised values, errors in the columns' own units, and MASE.

    MASE is the mean absolute error over that of repeating the value one season before within
    the train split (Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006);
    it and `mae_original` are taken for each column and averaged. Several columns have their own
    `mae_original_<column>` too.

    Args:
        train: the rows `(n, C)` of the train split in their own units.
        season: rows after which the series roughly repeats.
        columns: their names.
    """
    equal = torch.full((len(columns),), 1 / len(columns), dtype=torch.float64)
    deviation = train.std(0, correction=0)
    seasonal = (train[season:] - train[:-season]).abs().mean(0)
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


class Ridge:
    """The linear forecast with the least squares on the train split, plus a small penalty.

    Every value of the horizon is a weighted sum of all values of the window and a constant. If the
    windows of the split hold more numbers than `LARGEST`, fewer windows are used, evenly spaced.

    Args:
        rows: the train split `(rows, C)`, standardised.
        window: W.
        horizon: H.
        centred: subtract the mean of each window from it and from what followed it.
    """

    def __init__(self, rows: Tensor, window: int, horizon: int, *, centred: bool = False) -> None:
        count = len(rows) - window - horizon + 1
        most = max(LARGEST // ((window + horizon) * rows.shape[1]), 1)
        starts = torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).long()
        cuts = rows.unfold(0, window + horizon, 1)[starts].double()
        if centred:
            cuts = cuts - cuts[..., :window].mean(-1, keepdim=True)
        x, y = (part.flatten(1) for part in cuts.split([window, horizon], -1))
        self._model = Linear(x, y, PENALTY * float((x - x.mean(0)).square().sum()) / x.shape[1])

    def __call__(self, inputs: Tensor) -> Tensor:
        """Forecasts `(B, H, C)` from windows `(B, W, C)`."""
        y = self._model(inputs.transpose(1, 2).flatten(1).double())
        forecasts: Tensor = y.float().unflatten(1, (inputs.shape[2], -1)).transpose(1, 2)
        return forecasts
