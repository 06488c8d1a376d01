"""Forecasting: predict the next values of a series from a window of past ones."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

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
from recurbench.tasks.forecasting.columns import Decimal
from recurbench.tasks.forecasting.forecasts import (
    forecast_figures,
    known_mse,
    naive_forecasters,
    require_variation,
    scale_of,
)
from recurbench.tasks.forecasting.plots import PLOTTED, plot_forecasts, require_matplotlib
from recurbench.tasks.forecasting.ridge import PENALTIES, Forecaster, Ridge
from recurbench.tasks.forecasting.series import Missing, Options, write_example
from recurbench.tasks.forecasting.sources import SEASONS, Needs, require_table, source_of
from recurbench.tasks.forecasting.table import Format, Separator

Dataset = Literal["mackey_glass", "lorenz", "etth1", "file"]
Method = Literal["direct", "recursive"]
Zero = Literal["train", "window"]


class Forecasting(Task):
    """Forecasts the next `horizon` rows of a series from the last `window` rows.

    Columns are standardised by the mean and deviation of the train split. A single column
    1 2 3 4 5 ... with `window=3, horizon=2` gives, among others:

        input    1 2 3 . .       2 3 4 . .
        target   . . . 4 5       . . . 5 6

        >>> import torch
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
        file: with `dataset=file`, a table of one's own. How it is written is found out, and said
            if it is not the usual way; what may be read in two ways is refused. Comments (`#`),
            columns of text and a written index are left out.
        val_file: a table with the same columns for validation; `file` has no validation split then.
        test_file: a table with the same columns for test; `file` has no test split then.
        columns: which columns of a table to read and forecast, by name or by number from 0; all
            columns of numbers by default.
        time_column: a column of one's tables with times in even steps, which is checked and not
            forecast: equal steps, months, quarters, years or working days; Unix time too.
        time_format: how the times are written, such as `%d.%m.%y %H:%M` (as `strptime` has it), or
            `dayfirst` or `monthfirst`; by default ISO 8601 and forms that leave no doubt.
        missing: what to do with missing values, and with rows that `time_column` shows to be
            missing; None refuses them. `forward_fill` puts the value before in their place. `mask`
            shows that to the model (the train mean if none is before), but takes it as no target:
            it counts in no loss, figure, reference or scale.
        separator: what stands between the cells of one's tables; `none` if there is one column.
        decimal: the sign before decimals; the other one may part thousands.
        encoding: that of one's tables, such as `cp1252`.
        header: the row of the file that names the columns, from 1; 0 if none does: they are called
            0, 1, 2 then.
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
        TaskError: a knob is out of its range, or does not go with another.
    """

    name = "forecasting"
    primary = "mse"
    measures = "regression: the state of a process that is seen in part, and where it goes"
    default_references = {
        "mean": 0.9874,
        "repeat_last": 0.8543,
        "drift": 0.9293,
        "repeat_season": 0.5591,
        "ridge": 0.056,
    }
    seconds = 30
    paths = Task.paths | {"plot", "time_format", "separator", "decimal", "encoding", "header"}

    def __init__(
        self,
        *,
        dataset: Dataset = "mackey_glass",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        columns: list[str] | None = None,
        time_column: str | None = None,
        time_format: str | None = None,
        missing: Missing | None = None,
        separator: Separator | None = None,
        decimal: Decimal | None = None,
        encoding: str | None = None,
        header: Annotated[int, Ge(0)] | None = None,
        window: Annotated[int, Ge(1)] = 50,
        horizon: Annotated[int, Ge(1)] = 12,
        method: Method = "direct",
        season: Annotated[int, Ge(1)] | None = None,
        zero: Zero = "train",
        plot: bool = False,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        form = Format(separator, decimal, encoding, header)
        self.options = Options(columns, time_column, time_format, missing, form)
        require_table(dataset, self.options)
        if window == 1 and zero == "window":
            raise TaskError("window=1 zero=window leaves nothing: a single row is its own mean")
        if plot:
            require_matplotlib()
        self.dataset, self.plot = dataset, plot
        self.window, self.horizon, self.method = window, horizon, method
        self.season, self.zero = season or SEASONS[dataset], zero

    def load(self) -> TaskSpec:
        """Loads, splits and standardises the series.

        Raises:
            TaskError: the series cannot be had, is too short, or has a column without variation.
        """
        source = source_of(self.dataset, self.files, self.options)
        series = source.read()
        self.names = series.columns
        splits = Needs(self.window, self.horizon, self.season, self.batch_size).split(
            source, series
        )
        self.notes += [note for part in splits.values() for note in part.notes]
        self.rows = {split: part.values for split, part in splits.items()}
        require_variation(self.rows["train"], self.season, self.names, source.place)
        self.mean, self.deviation = scale_of(self.rows["train"])
        self.standardised = {split: self._scaled(rows) for split, rows in self.rows.items()}
        self.seen = {name: self._scaled(part.shown).nan_to_num(0) for name, part in splits.items()}
        self.windows = {
            split: self.cut(rows, self.seen[split]) for split, rows in self.standardised.items()
        }
        width = len(self.names)
        if self.method == "recursive":
            return TaskSpec(width, False, output_size=width, scope="step", predicts_next=True)
        return TaskSpec(width, False, output_size=self.horizon * width, scope="sequence")

    def cut(self, rows: Tensor, seen: Tensor | None = None) -> Rows:
        """All windows of rows `(n, C)`, and what is to be said of each.

        Args:
            rows: the values; NaN are no targets.
            seen: what the model sees of them, if that is something else.
        """
        shown, said = (
            part.unfold(0, self.window + self.horizon, 1).transpose(1, 2)
            for part in (rows if seen is None else seen, rows)
        )
        zero = shown[:, : self.window].mean(1, keepdim=True) if self.zero == "window" else None
        if self.method == "recursive":
            return Rows(shown[:, :-1], said[:, 1:], zero)
        return Rows(shown[:, : self.window], said[:, self.window :], zero)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean squared error of standardised values, but for those that are missing."""
        if self.options.missing == "mask":
            return known_mse(outputs, targets.flatten(1))
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

    def references_of(self, split: str) -> dict[str, float]:
        """On validation, the only other split; `ridge` is better there, where it was chosen."""
        return self.play_all(self.val_dataloader())

    def predictors(self) -> dict[str, Predictor]:
        """The `naive_forecasts`, and `ridge`."""
        forecasts = naive_forecasters(self.window, self.horizon, self.season, len(self.names))
        if self.zero == "window":
            forecasts["window_mean"] = forecasts.pop("mean")  # that is what 0 is then
        forecasts["ridge"] = lambda window: self.ridge(window)
        return {name: self._player(forecast) for name, forecast in forecasts.items()}

    @cached_property
    def ridge(self) -> Forecaster:
        """Linear regression on the train split, with the penalty that is best on validation."""
        train, seen, centred = self.standardised["train"], self.seen["train"], self.zero == "window"
        fitted = Ridge(train, self.window, self.horizon, centred=centred, seen=seen)
        batches, tried = self.val_dataloader(), map(fitted.forecaster, PENALTIES)
        return min(tried, key=lambda one: self.play(self._player(one), batches))

    def fingerprint(self) -> str:
        """A hash of the rows used and all that decides how they are cut and scaled."""
        # As they were read, because standardising may round differently elsewhere.
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
        batch, zero = self.windows["test"].spread(PLOTTED)
        answers = self._answers(batch)
        parts = self._window_of(batch), answers, predict(batch).reshape(answers.shape)
        window, came, said = ((part + zero) * self.deviation + self.mean for part in parts)
        return {"forecasts": plot_forecasts(window, came, said, self.names)}

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes a table of hours with two columns that follow the day, and noise."""
        path = folder / f"table-{seed}.csv"
        write_example(path, generator(cls.name, "example", seed))
        return path

    def _player(self, forecast: Forecaster) -> Predictor:
        def play(batch: Batch) -> Tensor:
            said = forecast(self._window_of(batch))
            return said if self.method == "recursive" else said.flatten(1)

        return play

    def _figures(self) -> MetricCollection:
        return forecast_figures(self.rows["train"], self.season, self.names)

    def _scaled(self, rows: Tensor) -> Tensor:
        """Rows of the series by the scale of the train split."""
        return ((rows - self.mean) / self.deviation).float()

    def _window_of(self, batch: Batch) -> Tensor:
        """What the model sees before it forecasts, `(B, window, C)`."""
        return dense(batch.inputs)[:, : self.window]

    def _answers(self, batch: Batch) -> Tensor:
        """The rows to forecast, `(B, horizon, C)`."""
        return dense(batch.targets)[:, -self.horizon :]
