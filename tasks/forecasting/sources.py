"""Where series come from, equations or tables, and how they are split."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import OwnFiles
from recurbench.tasks.forecasting.series import Options, Series, read_series

SEASONS = {"mackey_glass": 50, "lorenz": 15, "etth1": 24, "file": 1}
"""Rows after which each dataset roughly repeats, unless `season` says otherwise."""


def mackey_glass(points: int) -> Series:
    """The chaotic series of Mackey & Glass, "Oscillation and Chaos in Physiological Control", 1977.

        dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t)

    One point per unit of time, by Runge-Kutta steps of 0.1 (the delayed value at half a step is the
    mean of its neighbours), from x = 1.2 before time 0; the first 500 units are dropped. Being
    chaotic, the path depends on the step's size, its statistics do not. It repeats about every 50
    units: the autocorrelation of 3,000 points peaks at lags 49 (0.69) and 100 (0.80).
    """
    per_unit, delay, washout = 10, 17, 500
    step, lag = 1 / per_unit, delay * per_unit
    path = [1.2] * (lag + 1)

    def slope(x: float, delayed: float) -> float:
        # Products are the same to the last bit on every machine, which `**` need not be.
        square = delayed * delayed
        fourth = square * square
        return 0.2 * delayed / (1 + fourth * fourth * square) - 0.1 * x

    for now in range(lag, lag + (washout + points) * per_unit):
        x, before, after = path[now], path[now - lag], path[now - lag + 1]
        middle = (before + after) / 2
        k1 = slope(x, before)
        k2 = slope(x + step / 2 * k1, middle)
        k3 = slope(x + step / 2 * k2, middle)
        k4 = slope(x + step * k3, after)
        path.append(x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))

    kept = path[lag + (washout + 1) * per_unit :: per_unit]
    return Series(["x"], torch.tensor(kept, dtype=torch.float64)[:, None])


def lorenz(points: int) -> Series:
    """The chaotic flow of Lorenz, "Deterministic Nonperiodic Flow", 1963.

        dx/dt = 10 (y - x),  dy/dt = x (28 - z) - y,  dz/dt = x y - 8/3 z

    One point per 0.05 units of time, by Runge-Kutta steps of 0.01, from (1, 1, 1); the first 50
    units are dropped. Errors grow e-fold in about 22 points (the largest Lyapunov exponent is 0.906
    per unit). A turn round a wing takes about 15: there the autocorrelation of z over 3,000 points
    peaks (0.51); x and y change between the wings and do not repeat.
    """
    per_point, step, washout = 5, 0.01, 1000

    def slope(x: float, y: float, z: float) -> tuple[float, ...]:
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    def ahead(state: tuple[float, ...], by: float, change: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(a + by * b for a, b in zip(state, change, strict=True))

    state: tuple[float, ...] = (1.0, 1.0, 1.0)
    path = []
    for _ in range((washout + points) * per_point):
        path.append(state)
        k1 = slope(*state)
        k2 = slope(*ahead(state, step / 2, k1))
        k3 = slope(*ahead(state, step / 2, k2))
        k4 = slope(*ahead(state, step, k3))
        mean = (a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
        state = ahead(state, step / 6, tuple(mean))
    kept = path[washout * per_point :: per_point]
    return Series(["x", "y", "z"], torch.tensor(kept, dtype=torch.float64))


EQUATIONS = {"mackey_glass": mackey_glass, "lorenz": lorenz}

POINTS = 3000
"""How many points of an equation are used."""

ETTH1_SPLIT = 8640, 11520, 14400
"""Where the splits end: 12, 4 and 4 months of 30 days in hours; later rows are not used."""


def require_table(dataset: str, options: Options) -> None:
    """Refuses options of tables where there is none, and options that do not fit.

    Raises:
        TaskError: names the knob and the dataset.
    """
    if options.columns is not None and dataset in EQUATIONS:
        raise TaskError(f"columns={options.columns} goes with tables, not dataset={dataset}")
    own = {"time_column": options.time_column, "missing": options.missing, **vars(options.form)}
    for knob, value in own.items():
        if value is not None and dataset != "file":
            raise TaskError(f"{knob}={value} goes with dataset=file, not {dataset}")
    if options.time_format is not None and options.time_column is None:
        raise TaskError(f"time_format={options.time_format} needs time_column=NAME")
    if options.columns is not None and len(set(options.columns)) < max(len(options.columns), 1):
        raise TaskError(f"columns must be different names, at least one, not {options.columns}")


class SeriesSource(ABC):
    """A series, and where its splits end.

    Attributes:
        place: where it comes from, as the user knows it.
    """

    place: str | Path

    @abstractmethod
    def read(self) -> Series:
        """The series for training and for all splits that have no table of their own."""

    def ends(self, rows: int) -> tuple[int, int, int]:
        """Where train, val and test end: they have 7, 1 and 2 tenths of the rows."""
        return rows * 7 // 10, rows * 8 // 10, rows

    def own_table(self, split: str, series: Series) -> tuple[Path, Series] | None:
        """The path and content of the table that `val` or `test` has of its own, if it has one."""
        return None


class Equation(SeriesSource):
    """A series that an equation makes."""

    def __init__(self, name: str) -> None:
        self.place = name

    def read(self) -> Series:
        """The first `POINTS` points."""
        return EQUATIONS[str(self.place)](POINTS)


class ETTh1(SeriesSource):
    """Hours of an electricity transformer, split as in the literature."""

    place = "etth1"

    def __init__(self, columns: list[str] | None) -> None:
        self.options = Options(columns, time_column="date")

    def read(self) -> Series:
        """The published table."""
        return read_series(fetch("ett/ETTh1.csv"), self.options)

    def ends(self, rows: int) -> tuple[int, int, int]:
        """12, 4 and 4 months."""
        return ETTH1_SPLIT


class OwnTable(SeriesSource):
    """A table of the user's own, and tables of the splits that have one."""

    def __init__(self, files: OwnFiles, options: Options) -> None:
        self.place, self.options = files.file, options
        self.tables = {"val": files.val_file, "test": files.test_file}

    def read(self) -> Series:
        """The table to train on."""
        return read_series(Path(self.place), self.options)

    def ends(self, rows: int) -> tuple[int, int, int]:
        """As usual, but training takes the rows of a split that has a table of its own."""
        test_tenths = 0 if self.tables["test"] else 2
        val_tenths = 0 if self.tables["val"] else 1
        return rows * (10 - val_tenths - test_tenths) // 10, rows * (10 - test_tenths) // 10, rows

    def own_table(self, split: str, series: Series) -> tuple[Path, Series] | None:
        """The split's own table, with the columns that are trained on."""
        path = self.tables[split]
        if path is None:
            return None
        return path, read_series(path, replace(self.options, columns=series.columns))


def source_of(dataset: str, files: OwnFiles | None, options: Options) -> SeriesSource:
    """Where the series of a dataset comes from."""
    if files:
        return OwnTable(files, options)
    return ETTh1(options.columns) if dataset == "etth1" else Equation(dataset)


@dataclass(frozen=True)
class Needs:
    """What decides how many rows a split must have."""

    window: int
    horizon: int
    season: int
    batch_size: int

    def split(self, source: SeriesSource, series: Series) -> dict[str, Series]:
        """Cuts a series into splits.

        Val and test begin with the last `window` rows of the split before, unless they have a table
        of their own.

        Raises:
            TaskError: a split holds no batch of windows or no season (train), no horizon, or no
                value of a column.
        """
        train_end, val_end, test_end = source.ends(len(series.values))
        batch = self.window + self.horizon + self.batch_size - 1
        self._require(source.place, "train", train_end, max(batch, self.season + 1))
        splits = {"train": series.part(0, train_end)}
        for split, begin, end in (("val", train_end, val_end), ("test", val_end, test_end)):
            if own := source.own_table(split, series):
                place, table = own
                self._require(place, split, len(table.values), self.window + self.horizon)
                splits[split] = table
            else:
                self._require(source.place, split, end - begin, self.horizon)
                splits[split] = series.part(begin - self.window, end)._replace(notes=())
        for split, part in splits.items():
            unknown = part.values[self.window :].isnan().all(0).tolist()
            if any(unknown):
                name = series.columns[unknown.index(True)]
                raise TaskError(f"{source.place}: the {split} split has no value of column {name}")
        return splits

    def _require(self, place: str | Path, split: str, rows: int, needed: int) -> None:
        if rows < needed:
            raise TaskError(
                f"{place}: the {split} split has {rows} rows, but "
                f"window={self.window}, horizon={self.horizon}, season={self.season} and "
                f"batch_size={self.batch_size} need {needed}"
            )
