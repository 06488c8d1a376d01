"""Linear regression from windows to what follows them, at any of several penalties.

Legend: B batch, W window, H horizon, C columns, N windows, F = C W, T targets.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

Forecaster = Callable[[Tensor], Tensor]
"""Gives forecasts `(B, H, C)` from windows `(B, W, C)`."""

PENALTIES = (1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 1e1)
"""Of the reference `ridge`, in mean variances of a window's values; validation chooses among them.
A smooth series without noise wants the smallest, measured ones a large one."""

LARGEST = 2**24
"""The most numbers that `Ridge` is fitted on."""


class Ridge:
    """The linear forecast with the least squares on the train split, plus a penalty on its weights.

    Every value of the horizon is a weighted sum of all values of the window and a constant. If the
    windows of the split hold more numbers than `LARGEST`, fewer windows are used, evenly spaced.
    Fitting is done once for all penalties.

    Args:
        rows: the train split `(rows, C)`, standardised; NaN are no targets.
        window: W.
        horizon: H.
        centred: subtract the mean of each window from it and from what followed it.
        seen: what the windows show of the rows, if that is something else.
    """

    def __init__(
        self, rows: Tensor, window: int, horizon: int, *, centred: bool = False,
        seen: Tensor | None = None,
    ) -> None:  # fmt: skip
        count = len(rows) - window - horizon + 1
        most = max(LARGEST // ((window + horizon) * rows.shape[1]), 1)
        starts = torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).long()
        x, y = (
            part.unfold(0, window + horizon, 1)[starts].double()
            for part in (rows if seen is None else seen, rows)
        )
        x, y = x[..., :window], y[..., window:]
        if centred:
            zero = x.mean(-1, keepdim=True)
            x, y = x - zero, y - zero
        x, y = x.flatten(1), y.flatten(1)
        # Targets that are known in the same windows are fitted together, without other windows.
        known, groups = y.isnan().logical_not().unique(dim=1, return_inverse=True)
        self._width, self._fits = y.shape[1], []
        for group, windows in enumerate(known.T):
            if windows.any():
                targets = (groups == group).nonzero()[:, 0]
                self._fits.append((targets, _Fit(x[windows], y[windows][:, targets])))

    def forecaster(self, penalty: float) -> Forecaster:
        """What forecasts with a penalty; it says 0 where no target was known."""
        return partial(self._forecast, penalty=penalty)

    def _forecast(self, inputs: Tensor, penalty: float) -> Tensor:
        x = inputs.transpose(1, 2).flatten(1).double()
        y = x.new_zeros(len(x), self._width)
        for targets, fit in self._fits:
            y[:, targets] = fit(x, penalty)
        forecasts: Tensor = y.float().unflatten(1, (inputs.shape[2], -1)).transpose(1, 2)
        return forecasts


class _Fit:
    """Ridge regression of targets `(N, T)` on inputs `(N, F)` by eigenvalues.

    With centred X = U S V' the weights are V (S^2 + penalty)^-1 V' X' Y, or X' U (S^2 +
    penalty)^-1 U' Y, whichever has the smaller matrix.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x_mean, self.y_mean = x.mean(0), y.mean(0)
        x, y = x - self.x_mean, y - self.y_mean
        if len(x) >= x.shape[1]:
            self.squares, self.basis = torch.linalg.eigh(x.T @ x)
            self.along = self.basis.T @ (x.T @ y)
        else:
            self.squares, rows = torch.linalg.eigh(x @ x.T)
            self.basis, self.along = x.T @ rows, rows.T @ y
        self.unit = float(x.square().sum()) / x.shape[1]

    def __call__(self, x: Tensor, penalty: float) -> Tensor:
        """Predictions `(B, T)` for inputs `(B, F)`."""
        squares = self.squares.clamp(min=0) + penalty * self.unit
        # A direction in which the inputs do not vary at all says nothing.
        along = torch.where(squares[:, None] > 0, self.along / squares[:, None], 0.0)
        predictions: Tensor = (x - self.x_mean) @ self.basis @ along + self.y_mean
        return predictions
