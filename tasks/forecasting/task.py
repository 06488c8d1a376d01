"""Forecasting: predict the next values of a series from a window of past ones."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    FreeRun,
    Predictor,
    Task,
    TaskError,
    TaskSpec,
    dense,
    generator,
    hash_data,
)
from recurbench.tasks.common.files import own_files
from recurbench.tasks.common.metrics import MeanSquaredError
from recurbench.tasks.common.rows import Rows
from recurbench.tasks.forecasting.forecasts import Ridge, forecast_figures, naive_forecasts
from recurbench.tasks.forecasting.plots import plot_forecasts, require_matplotlib
from recurbench.tasks.forecasting.series import require_variation, write_example
from recurbench.tasks.forecasting.sources import (
    EQUATIONS,
    Equation,
    ETTh1,
    Needs,
    OwnTable,
    SeriesSource,
)

Dataset = Literal["mackey_glass", "lorenz", "etth1", "file"]
Method = Literal["direct", "recursive"]
Zero = Literal["train", "window"]

SEASONS = {"mackey_glass": 50, "lorenz": 15, "etth1": 24, "file": 1}
"""Rows after which each dataset roughly repeats, unless `season` says otherwise."""

PLOTTED = 4
"""How many windows a plot shows, and at most how many columns."""


class Forecasting(Task):
    """Forecasts the next `horizon` rows of a series from the last `window` rows.

    Columns are standardised by the mean and deviation of the train split. A single column
    1 2 3 4 5 ... with `window=3, horizon=2` gives, among others:

        input    1 2 3 . .       2 3 4 . .
        target   . . . 4 5       . . . 5 6

        >>> rows = torch.arange(1.0, 8.0)[:, None]
        >>> inputs, targets, _ = Forecasting(window=3, horizon=2).cut(rows)
        >>> inputs[:2, :, 0].tolist(), targets[:2, :, 0].tolist()
        ([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], [[4.0, 5.0], [5.0, 6.0]])

    With `method=direct` the model says all rows of the horizon at once, after the window's last.
    With `method=recursive` it predicts the next row at each step. In training it is given the right
    rows, through window and horizon; to forecast, it reads the window and then its own predictions.
    The same figures judge both methods. `step_mse` of `recursive` is the error of the next row when
    all rows so far are right, over all steps of window and horizon.

    The splits follow each other in time: the first 70 % train, the next 10 % validate, the last
    20 % test. The rows to forecast stay inside their split. The first windows of val and test reach
    back into the split before, as is the custom for ETT, so that `step_mse` counts those rows too.
    Training takes all windows of the train split in a new random order each epoch.

    Args:
        dataset: `mackey_glass` and `lorenz`, 3,000 points of chaotic equations, of one and three
            columns; `etth1`, hourly load and oil temperature of a transformer (Zhou et al.,
            "Informer", 2021), split 12/4/4 months; `file`, tables of one's own.
        file: with `dataset=file`, a comma-separated table whose first row names the columns.
        val_file: a table with the same columns for validation; `file` has no validation split then.
        test_file: a table with the same columns for test; `file` has no test split then.
        columns: which columns of a table to read and forecast; all numeric ones by default.
        time_column: a column of one's tables with evenly spaced ISO 8601 times, which is checked
            and not forecast.
        window: rows that the model sees.
        horizon: rows that it forecasts.
        method: how it forecasts them.
        season: rows after which the series roughly repeats, for MASE and `repeat_season`; by
            default 50 (`mackey_glass`), 15 (`lorenz`), 24 (`etth1`) or 1 (`file`).
        zero: which mean is subtracted from standardised values: that of the `train` split, or that
            of each `window`, for series whose level drifts (the centring of Kim et al., "Reversible
            instance normalization", 2022). Errors are in the same units either way.
        plot: put a picture of some forecasts on test beside the record; it needs matplotlib.

    Raises:
        TaskError: a knob is out of its range, or not one of this dataset.
    """

    name = "forecasting"
    primary = "mse"
    measures = "regression: the state of a process that is seen in part, and where it goes"
    default_references = {
        "mean": 0.9874,
        "repeat_last": 0.8543,
        "drift": 0.9293,
        "repeat_season": 0.5591,
        "ridge": 0.108,
    }
    seconds = 30
    paths = Task.paths | {"plot"}

    def __init__(
        self,
        *,
        dataset: Dataset = "mackey_glass",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        columns: list[str] | None = None,
        time_column: str | None = None,
        window: Annotated[int, Ge(1)] = 50,
        horizon: Annotated[int, Ge(1)] = 12,
        method: Method = "direct",
        season: Annotated[int, Ge(1)] | None = None,
        zero: Zero = "train",
        plot: bool = False,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        if columns is not None and dataset in EQUATIONS:
            raise TaskError(f"columns={columns} goes with tables, not dataset={dataset}")
        if time_column is not None and not self.files:
            raise TaskError(f"time_column={time_column} goes with dataset=file, not {dataset}")
        if columns is not None and len(set(columns)) < max(len(columns), 1):
            raise TaskError(f"columns must be different names, at least one, not {columns}")
        if plot:
            require_matplotlib()
        self.dataset, self.columns, self.plot = dataset, columns, plot
        self.time_column = time_column
        self.window, self.horizon, self.method = window, horizon, method
        self.season, self.zero = season or SEASONS[dataset], zero

    def load(self) -> TaskSpec:
        """Loads, splits and standardises the series.

        Raises:
            TaskError: the series cannot be had, is too short, or has a column without variation.
        """
        source = self._source()
        series = source.read()
        self.names = series.columns
        needs = Needs(self.window, self.horizon, self.season, self.batch_size)
        self.rows = needs.split(source, series)
        train = self.rows["train"]
        require_variation(train, self.season, self.names, source.place)
        self.mean, self.deviation = train.mean(0), train.std(0, correction=0)
        self.standardised = {
            split: ((rows - self.mean) / self.deviation).float()
            for split, rows in self.rows.items()
        }
        self.windows = {split: self.cut(rows) for split, rows in self.standardised.items()}
        count = len(self.names)
        if self.method == "recursive":
            return TaskSpec(count, False, output_size=count, scope="step", predicts_next=True)
        return TaskSpec(count, False, output_size=self.horizon * count, scope="sequence")

    def cut(self, rows: Tensor) -> Rows:
        """All windows of rows `(n, C)`, and what is to be said of each."""
        cuts = rows.unfold(0, self.window + self.horizon, 1).transpose(1, 2)
        window, horizon = cuts.split([self.window, self.horizon], dim=1)
        zero = window.mean(1, keepdim=True) if self.zero == "window" else None
        if self.method == "recursive":
            return Rows(cuts[:, :-1], cuts[:, 1:], zero)
        return Rows(window, horizon, zero)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean squared error of standardised values."""
        return F.mse_loss(outputs, targets.flatten(1))

    def metrics(self) -> MetricCollection:
        """The figures of forecasts; with `method=recursive`, `step_mse` alone."""
        if self.method == "recursive":
            return MetricCollection({"step_mse": MeanSquaredError()})
        return self._figures()

    def free_run_metrics(self) -> MetricCollection:
        """With `method=recursive`, the figures of forecasts."""
        return self._figures() if self.method == "recursive" else MetricCollection({})

    def free_run(self, batch: Batch) -> FreeRun | None:
        """With `method=recursive`, the windows and the rows that followed each."""
        if self.method == "direct":
            return None
        return FreeRun(self._window_of(batch), self._answers(batch), stop=None)

    def predictors(self) -> dict[str, Predictor]:
        """The `naive_forecasts`, and `ridge`, linear regression on the train split."""

        def naive(name: str) -> Callable[[Tensor], Tensor]:
            return lambda window: naive_forecasts(window, self.horizon, self.season)[name]

        def player(forecast: Callable[[Tensor], Tensor]) -> Predictor:
            def play(batch: Batch) -> Tensor:
                said = forecast(self._window_of(batch))
                return said if self.method == "recursive" else said.flatten(1)

            return play

        @cache
        def ridge() -> Ridge:
            centred = self.zero == "window"
            return Ridge(self.standardised["train"], self.window, self.horizon, centred=centred)

        window = torch.zeros(1, self.window, len(self.names))
        names = naive_forecasts(window, self.horizon, self.season)
        simple = {name: player(naive(name)) for name in names}
        if self.zero == "window":
            simple["window_mean"] = simple.pop("mean")  # that is what 0 is then
        return simple | {"ridge": player(lambda window: ridge()(window))}

    def fingerprint(self) -> str:
        """A hash of the rows used and all that decides how they are cut and scaled.

        The rows are hashed as read, because standardising may round differently elsewhere.
        """
        rows = list(self.rows.values())
        return hash_data(self.names, rows, self.window, self.horizon, self.method, self.zero)

    def train_dataloader(self) -> Batches:
        """Windows in random order; each epoch has every window once."""
        return self.windows["train"].epochs(self.batch_size, self.name, "train", self.seed)

    def val_dataloader(self) -> Batches:
        """Every window whose targets lie in the validation split."""
        return self.windows["val"].once(EVAL_ROWS)

    def test_dataloader(self) -> Batches:
        """Every window whose targets lie in the test split."""
        return self.windows["test"].once(EVAL_ROWS)

    def plots(self, predict: Predictor) -> dict[str, bytes]:
        """With `plot=true`, `forecasts` of some windows of the test split, in their own units."""
        if not self.plot:
            return {}
        windows = self.windows["test"]
        last = len(windows.targets) - 1
        chosen = torch.linspace(0, last, min(PLOTTED, last + 1)).long()
        batch = windows.take(chosen)
        answers = self._answers(batch)
        zero = 0.0 if windows.zero is None else windows.zero[chosen]
        window, came, said = (
            ((part + zero) * self.deviation + self.mean)[..., :PLOTTED]
            for part in (self._window_of(batch), answers, predict(batch).reshape(answers.shape))
        )
        return {"forecasts": plot_forecasts(window, came, said, self.names[:PLOTTED])}

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes a table of hours with two columns that follow the day, and noise."""
        path = folder / f"table-{seed}.csv"
        write_example(path, generator(cls.name, "example", seed))
        return path

    def _figures(self) -> MetricCollection:
        return forecast_figures(self.rows["train"], self.season, self.names)

    def _window_of(self, batch: Batch) -> Tensor:
        """What the model sees before it forecasts, `(B, window, C)`."""
        return dense(batch.inputs)[:, : self.window]

    def _answers(self, batch: Batch) -> Tensor:
        """The rows to forecast, `(B, horizon, C)`."""
        return dense(batch.targets)[:, -self.horizon :]

    def _source(self) -> SeriesSource:
        """Where the series comes from."""
        if self.files:
            return OwnTable(self.files, self.columns, self.time_column)
        return ETTh1(self.columns) if self.dataset == "etth1" else Equation(self.dataset)
