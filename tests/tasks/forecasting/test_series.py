"""A series is what its equation or its file says, and a faulty file is named to the cell."""

from pathlib import Path

import pytest
import torch

from recurbench.tasks.base import TaskError
from recurbench.tasks.forecasting.series import Options, read_series
from recurbench.tasks.forecasting.sources import lorenz, mackey_glass

TABLE = """\
time,load,label,temp
2024-01-01 00:00,1,a,20.5
2024-01-01 01:00,2,b,-3e1
2024-01-01 02:00,4,,0
"""


@pytest.fixture
def write(tmp_path):
    def to_file(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return to_file


def test_mackey_glass_obeys_its_equation():
    x = mackey_glass(400).values[:, 0]
    slope = (x[2:] - x[:-2]) / 2
    delayed = x[:-18]  # of the points from the 18th on, 17 units before
    equation = 0.2 * delayed / (1 + delayed**10) - 0.1 * x[17:-1]
    assert (slope[16:] - equation).abs().mean() < 0.03 * slope.abs().mean()


def test_mackey_glass_repeats_about_every_50_points():
    x = mackey_glass(3000).values[:, 0]
    x = x - x.mean()
    similarity = torch.tensor([(x[lag:] * x[:-lag]).sum() / (x * x).sum() for lag in range(1, 130)])
    assert 45 < int(similarity[20:70].argmax()) + 21 < 55
    assert 95 < int(similarity[70:].argmax()) + 71 < 105


def test_mackey_glass_is_the_same_every_time():
    assert mackey_glass(300).values.equal(mackey_glass(400).values[:300])


def test_lorenz_obeys_its_equations():
    x, y, z = lorenz(400).values.T
    slopes = torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
    steps = torch.stack([x, y, z]).diff()
    # Hermite's rule: exact for a path of the third degree between two points.
    bends = torch.stack(
        [
            10 * (slopes[1] - slopes[0]),
            slopes[0] * (28 - z) - x * slopes[2] - slopes[1],
            slopes[0] * y + x * slopes[1] - 8 / 3 * slopes[2],
        ]
    )
    found = 0.05 * (slopes[:, 1:] + slopes[:, :-1]) / 2 - 0.05**2 * bends.diff() / 12
    assert (steps - found).abs().mean() < 0.003 * steps.abs().mean()


def test_the_height_of_lorenz_repeats_about_every_15_points():
    z = lorenz(3000).values[:, 2]
    z = z - z.mean()
    similarity = torch.tensor([(z[lag:] * z[:-lag]).sum() / (z * z).sum() for lag in range(1, 30)])
    assert int(similarity[9:].argmax()) + 10 == 15


def test_lorenz_is_the_same_every_time():
    assert lorenz(300).values.equal(lorenz(400).values[:300])


def test_all_columns_with_numbers_are_read_by_default(write):
    series = read_series(write(TABLE), Options(time_column="time"))
    assert series.columns == ["load", "temp"]
    assert series.values.tolist() == [[1, 20.5], [2, -30], [4, 0]]
    assert series.values.dtype == torch.float64


def test_named_columns_are_read_in_the_order_given(write):
    series = read_series(write(TABLE), Options(["temp", "load"]))
    assert series.columns == ["temp", "load"]
    assert series.values[0].tolist() == [20.5, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n",
        lambda text: text.replace("2024-01-01 00:00", '"2024-01-01T00:00:00"'),
        lambda text: text.replace("load", " load "),
    ],
    ids=["byte order mark", "CRLF", "blank lines at the end", "quotes", "spaces in the header"],
)
def test_common_forms_of_a_table_mean_the_same(write, change):
    series = read_series(write(change(TABLE)), Options(time_column="time"))
    assert series.columns == ["load", "temp"]
    assert series.values.tolist() == [[1, 20.5], [2, -30], [4, 0]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-3e1", "cold", ", row 3, column temp: 'cold' is not a finite number"),
        ("-3e1", "", ", row 3, column temp: the cell is empty"),
        ("-3e1", "NaN", ", row 3, column temp: 'NaN' is not a finite number"),
        ("-3e1", "inf", ", row 3, column temp: 'inf' is not a finite number"),
        ("20.5", "n/a", ", row 2, column temp: 'n/a' is not a finite number"),
        ("-3e1", "-3e1,5", ", row 3: 5 cells, but 4 in row 1"),
        ("a,20.5", "a", ", row 2: 3 cells, but 4 in row 1"),
        ("2024-01-01 01:00,2,b,-3e1", "", ", row 3: 0 cells, but 4 in row 1"),
        ("label", "load", ", row 1: two columns are named 'load'"),
        ("time", "2023", ", row 1: the first row must name the columns, but has 2023"),
    ],
)
def test_a_faulty_cell_is_named_by_file_row_and_column(write, old, new, message):
    path = write(TABLE.replace(old, new))
    with pytest.raises(TaskError) as error:
        read_series(path, Options())
    assert str(error.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "2024-01-01 01:00",
            "noon",
            ", row 3, column time: 'noon' is not an ISO 8601 time, such as 2016-07-01 13:00:00",
        ),
        (
            "2024-01-01 01:00",
            "2024-01-01 00:00",
            ", row 3, column time: 2024-01-01 00:00 is not after the row before",
        ),
        (
            "2024-01-01 02:00",
            "2024-01-01 03:30",
            ", row 4, column time: 2024-01-01 03:30 comes 2:30:00 after the row before, "
            "not 1:00:00 as most rows do; fill the gap first",
        ),
    ],
)
def test_times_out_of_step_are_named_by_row(write, old, new, message):
    path = write(TABLE.replace(old, new))
    with pytest.raises(TaskError) as error:
        read_series(path, Options(time_column="time"))
    assert str(error.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("text", "knobs", "message"),
    [
        (
            TABLE,
            {"columns": ["tmp"]},
            ": no column tmp among time, load, label, temp; did you mean temp?",
        ),
        (
            TABLE,
            {"time_column": "date"},
            ": no column date among time, load, label, temp; did you mean time?",
        ),
        (TABLE, {"columns": ["label"]}, ", row 2, column label: 'a' is not a finite number"),
        ("time,label\na,b\nc,d\n", {}, ": no column of numbers among time, label"),
        ("load;temp\n1;2\n3;4\n", {}, ": no column of numbers among load;temp"),
        ("load\n1\n", {}, ": a header and at least two rows below it are needed"),
        (",,\n,,\n", {}, ": a header and at least two rows below it are needed"),
        ("", {}, ": the file is empty"),
    ],
)
def test_a_table_without_what_is_asked_is_named(write, text, knobs, message):
    path = write(text)
    with pytest.raises(TaskError) as error:
        read_series(path, Options(**knobs))
    assert str(error.value) == f"{path}{message}"


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(TaskError, match=r"none\.csv: cannot read this file"):
        read_series(tmp_path / "none.csv", Options())


def test_times_with_a_zone_are_compared_across_a_change_of_clocks(write):
    text = """\
time,x
2024-03-31T00:30+01:00,1
2024-03-31T01:30+01:00,2
2024-03-31T03:30+02:00,3
"""
    assert read_series(write(text), Options(time_column="time")).values.flatten().tolist() == [
        1,
        2,
        3,
    ]
