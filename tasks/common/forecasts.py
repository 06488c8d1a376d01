"""How forecasts are judged: their errors column by column, and the naive forecasts to beat.

Legend: B batch, W window, H horizon, C columns, N windows.
"""

import torch
from torch import Tensor
from torchmetrics import Metric


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
        """Adds forecasts `(N, horizon * C)` and what came `(N, horizon, C)`."""
        errors = outputs.reshape(targets.shape).double() - targets
        self.absolute_sum += errors.abs().sum((0, 1))
        self.squared_sum += errors.square().sum((0, 1))
        self.count += errors.shape[0] * errors.shape[1]

    def compute(self) -> Tensor:
        """The figure so far; NaN when nothing was added."""
        sums = self.squared_sum if self.squared else self.absolute_sum
        return (self.weights * sums).sum() / self.count


def naive_forecasts(inputs: Tensor, horizon: int, season: int) -> dict[str, Tensor]:
    """What one would forecast without a model.

    Args:
        inputs: windows `(B, W, C)`, standardised.
        horizon: H, rows to forecast.
        season: rows after which the series about repeats.

    Returns:
        Forecasts `(B, H, C)`: `mean`, the train split's, which is 0; `repeat_last`, the last row;
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
