"""Where series come from, equations or tables, and how they are split."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import OwnFiles
from recurbench.tasks.forecasting.series import Series, lorenz, mackey_glass, read_csv

EQUATIONS = {"mackey_glass": mackey_glass, "lorenz": lorenz}

POINTS = 3000
"""How many points of an equation are used."""

ETTH1_SPLIT = 8640, 11520, 14400
"""Where the splits end: 12, 4 and 4 months of 30 days in hours; later rows are not used."""


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

    def own_table(self, split: str, columns: Sequence[str]) -> tuple[Path, Tensor] | None:
        """The path and rows of the table that `val` or `test` has of its own; None without one."""
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
        self.columns = columns

    def read(self) -> Series:
        """The published table."""
        return read_csv(fetch("ett/ETTh1.csv"), self.columns, "date")

    def ends(self, rows: int) -> tuple[int, int, int]:
        """12, 4 and 4 months."""
        return ETTH1_SPLIT


class OwnTable(SeriesSource):
    """A table of the user's own, and tables of the splits that have one."""

    def __init__(self, files: OwnFiles, columns: list[str] | None, time_column: str | None) -> None:
        self.place, self.columns, self.time_column = files.file, columns, time_column
        self.tables = {"val": files.val_file, "test": files.test_file}

    def read(self) -> Series:
        """The table to train on."""
        return read_csv(Path(self.place), self.columns, self.time_column)

    def ends(self, rows: int) -> tuple[int, int, int]:
        """As usual, but training takes the rows of a split that has a table of its own."""
        test_tenths = 0 if self.tables["test"] else 2
        val_tenths = 0 if self.tables["val"] else 1
        return rows * (10 - val_tenths - test_tenths) // 10, rows * (10 - test_tenths) // 10, rows

    def own_table(self, split: str, columns: Sequence[str]) -> tuple[Path, Tensor] | None:
        """The split's own table, with the columns that are trained on."""
        path = self.tables[split]
        if path is None:
            return None
        return path, read_csv(path, list(columns), self.time_column).values


@dataclass(frozen=True)
class Needs:
    """What decides how many rows a split must have."""

    window: int
    horizon: int
    season: int
    batch_size: int

    def split(self, source: SeriesSource, series: Series) -> dict[str, Tensor]:
        """Cuts a series into splits.

        Val and test begin with the last `window` rows of the split before, unless they have a table
        of their own.

        Raises:
            TaskError: a split holds no batch of windows or no season (train), or no horizon.
        """
        values = series.values
        train_end, val_end, test_end = source.ends(len(values))
        batch = self.window + self.horizon + self.batch_size - 1
        self._require(source.place, "train", train_end, max(batch, self.season + 1))
        splits = {"train": values[:train_end]}
        for split, begin, end in (("val", train_end, val_end), ("test", val_end, test_end)):
            if own := source.own_table(split, series.columns):
                place, table = own
                self._require(place, split, len(table), self.window + self.horizon)
                splits[split] = table
            else:
                self._require(source.place, split, end - begin, self.horizon)
                splits[split] = values[begin - self.window : end]
        return splits

    def _require(self, place: str | Path, split: str, rows: int, needed: int) -> None:
        if rows < needed:
            raise TaskError(
                f"{place}: the {split} split has {rows} rows, but "
                f"window={self.window}, horizon={self.horizon}, season={self.season} and "
                f"batch_size={self.batch_size} need {needed}"
            )
