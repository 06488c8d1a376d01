"""Forecasting: predict the next values of a series from a window of past ones."""

from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Task,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
    require_choice,
    require_positive,
)
from tasks.common.forecasts import ForecastError, naive_forecasts
from tasks.common.series import Series, mackey_glass, read_csv
from tasks.corpora import fetch

Dataset = Literal["mackey_glass", "etth1", "csv"]

SEASONS = {"mackey_glass": 50, "etth1": 24, "csv": 1}
"""Rows after which each dataset about repeats, unless `season` says otherwise."""

KNOBS = {"mackey_glass": (), "etth1": ("columns",), "csv": ("file", "columns", "time_column")}
"""Which of the knobs that describe a table each dataset takes."""

MACKEY_GLASS_POINTS = 3000

ETTH1_SPLIT = 8640, 11520, 14400
"""Where the splits end: 12, 4 and 4 months of 30 days in hours; later rows are not used."""

SPLITS = "train", "val", "test"


class Forecasting(Task):
    """Forecasts the next `horizon` rows of a series from the last `window` rows.

    Columns are standardised by the mean and deviation of the train split. A single column
    1 2 3 4 5 ... with `window=3, horizon=2` gives, among others:

        input    1 2 3 . .       2 3 4 . .
        target   . . . 4 5       . . . 5 6

    The splits follow each other in time. Targets stay inside their split; the windows of the first
    ones reach back into the split before, as is the custom for ETT. Training takes all windows of
    the train split in a new random order each epoch and leaves out what does not fill a batch.

    Args:
        dataset: `mackey_glass`, 3,000 points of a chaotic equation; `etth1`, hourly load and oil
            temperature of a transformer (Zhou et al., "Informer", 2021), split 12/4/4 months;
            `csv`, the table in `file`. All but `etth1` are split 70/10/20 %.
        file: a comma-separated table of one's own, whose first row names the columns.
        columns: which to read and forecast; all numeric ones by default.
        time_column: a column of evenly spaced ISO 8601 times, which is checked and not forecast.
        window: rows that the model sees.
        horizon: rows that it forecasts at once.
        season: rows after which the series about repeats, for MASE and `repeat_season`; by default
            50 (`mackey_glass`), 24 (`etth1`) or 1 (`csv`).

    Raises:
        TaskError: a knob is out of its range, or not one of this dataset.
    """

    name = "forecasting"
    primary = "mse"

    def __init__(
        self,
        *,
        dataset: Dataset = "mackey_glass",
        file: str | None = None,
        columns: list[str] | None = None,
        time_column: str | None = None,
        window: int = 50,
        horizon: int = 12,
        season: int | None = None,
    ) -> None:
        super().__init__()
        require_choice(get_args(Dataset), dataset=dataset)
        require_positive(window=window, horizon=horizon, season=season)
        for knob, value in (("file", file), ("columns", columns), ("time_column", time_column)):
            if value is not None and knob not in KNOBS[dataset]:
                raise TaskError(f"{knob}={value} is not a knob of dataset={dataset}")
        if dataset == "csv" and file is None:
            raise TaskError("dataset=csv needs file=<path of a table>")
        if columns is not None and len(set(columns)) < max(len(columns), 1):
            raise TaskError(f"columns must be different names, at least one, not {columns}")
        self.dataset, self.file, self.columns = dataset, file, columns
        self.time_column = "date" if dataset == "etth1" else time_column
        self.window, self.horizon = window, horizon
        self.season = season or SEASONS[dataset]
        self.source = file or dataset

    def load(self) -> TaskSpec:
        """Loads, splits and standardises the series.

        Raises:
            TaskError: the series cannot be had, is too short, or has a column without variation.
        """
        self.series = self._load()
        rows, columns = self.series.values.shape
        etth1 = self.dataset == "etth1"
        self.ends = ETTH1_SPLIT if etth1 else (rows * 7 // 10, rows * 8 // 10, rows)
        self._require_rows()
        train = self.series.values[: self.ends[0]]
        self._require_variation(train)
        self.mean, self.deviation = train.mean(0), train.std(0, correction=0)
        self.standardised = ((self.series.values - self.mean) / self.deviation).float()
        return TaskSpec(
            input_size=columns, tokens=False, output_size=self.horizon * columns, scope="sequence"
        )

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean squared error of standardised values."""
        return F.mse_loss(outputs, targets.flatten(1))

    def metrics(self) -> MetricCollection:
        """Errors of standardised values, errors in the columns' own units, and MASE.

        MASE is the mean absolute error over that of repeating the value one season before within
        the train split (Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006);
        it and `mae_original` are taken for each column and averaged.
        """
        names = self.series.columns
        equal = torch.full((len(names),), 1 / len(names), dtype=torch.float64)
        train = self.series.values[: self.ends[0]]
        seasonal = (train[self.season :] - train[: -self.season]).abs().mean(0)
        figures = {
            "mse": ForecastError(equal, squared=True),
            "mae": ForecastError(equal),
            "mase": ForecastError(equal * self.deviation / seasonal),
            "mae_original": ForecastError(equal * self.deviation),
        }
        if len(names) > 1:
            for name, weights in zip(names, self.deviation.diag(), strict=True):
                # A dot would be read as a submodule.
                figures[f"mae_original_{name.replace('.', '_')}"] = ForecastError(weights)
        return MetricCollection(dict(figures), compute_groups=[list(figures)])

    def references(self) -> dict[str, float]:
        """The mean squared errors of `naive_forecasts` on test."""
        metrics: dict[str, MetricCollection] = {}
        for inputs, targets, _ in self.test_dataloader():
            assert isinstance(inputs, Tensor)
            for name, forecast in naive_forecasts(inputs, self.horizon, self.season).items():
                metrics.setdefault(name, self.metrics()).update(forecast.flatten(1), targets)
        return {name: metric.compute()[self.primary].item() for name, metric in metrics.items()}

    def fingerprint(self) -> str:
        """A hash of the rows used and all that decides how they are cut, scaled and scored.

        The rows are hashed as read, because standardising may round differently elsewhere.
        """
        used = self.series.values[: self.ends[-1]]
        knobs = self.window, self.horizon, self.season
        return hash_data(self.series.columns, used, self.ends, knobs)

    def train_dataloader(self) -> Batches:
        """Windows in random order; each epoch has every window at most once."""
        windows = self.ends[0] - self.window - self.horizon + 1
        per_epoch = windows // self.batch_size

        @lru_cache(maxsize=1)
        def order(epoch: int) -> Tensor:
            return torch.randperm(
                windows, generator=generator(self.name, "train", self.seed, epoch)
            )

        def make(position: int) -> Batch:
            epoch, index = divmod(position, per_epoch)
            first = index * self.batch_size
            return self._windows(order(epoch)[first : first + self.batch_size])

        return Batches(make)

    def val_dataloader(self) -> Batches:
        """Every window whose targets lie in the validation split."""
        return self._evaluation(self.ends[0], self.ends[1])

    def test_dataloader(self) -> Batches:
        """Every window whose targets lie in the test split."""
        return self._evaluation(self.ends[1], self.ends[2])

    def _load(self) -> Series:
        if self.dataset == "mackey_glass":
            return mackey_glass(MACKEY_GLASS_POINTS)
        path = fetch("ett/ETTh1.csv") if self.file is None else Path(self.file).expanduser()
        return read_csv(path, self.columns, self.time_column)

    def _windows(self, starts: Tensor) -> Batch:
        """The windows that start at the given rows, and the rows that follow each."""
        cuts = self.standardised.unfold(0, self.window + self.horizon, 1)[starts]
        return Batch(*cuts.transpose(1, 2).split([self.window, self.horizon], dim=1))

    def _evaluation(self, begin: int, end: int) -> Batches:
        starts = torch.arange(begin - self.window, end - self.window - self.horizon + 1)
        batches = starts.split(EVAL_ROWS)
        return Batches(lambda i: self._windows(batches[i]), len(batches))

    def _require_rows(self) -> None:
        """Refuses splits that hold no batch of windows or no season (train), or no horizon."""
        batch = self.window + self.horizon + self.batch_size - 1
        needs = max(batch, self.season + 1), self.horizon, self.horizon
        begins = 0, *self.ends[:2]
        for split, begin, end, needed in zip(SPLITS, begins, self.ends, needs, strict=True):
            if end - begin < needed:
                raise TaskError(
                    f"{self.source}: the {split} split has {end - begin} of {self.ends[-1]} rows, "
                    f"but window={self.window}, horizon={self.horizon}, season={self.season} and "
                    f"batch_size={self.batch_size} need {needed}"
                )

    def _require_variation(self, train: Tensor) -> None:
        """Refuses columns that cannot be standardised, or whose MASE would divide by zero."""
        constant = (train == train[0]).all(0)
        periodic = (train[self.season :] == train[: -self.season]).all(0)
        for name, same, repeats in zip(self.series.columns, constant, periodic, strict=True):
            if same:
                raise TaskError(f"{self.source}: column {name} is constant in the train split")
            if repeats:
                raise TaskError(
                    f"{self.source}: column {name} repeats exactly every season={self.season} rows "
                    "of the train split, which leaves MASE without a scale; choose another season"
                )
