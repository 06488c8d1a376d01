"""A series is what its file says, and a faulty file is named to the cell."""

from pathlib import Path

import pytest
import torch

from recurbench.tasks.base import TaskError
from recurbench.tasks.forecasting.series import Options, read_series
from recurbench.tasks.forecasting.times import OTHERWISE

TABLE = """\
time,load,label,temp
2024-01-01 00:00,1,a,20.5
2024-01-01 01:00,2,b,-3e1
2024-01-01 02:00,4,,0
"""

SET = "set missing=forward_fill or missing=mask, or choose other columns="


@pytest.fixture
def write(tmp_path):
    def to_file(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return to_file


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
        ("-3e1", "", f", row 3, column temp: the cell is empty (1 in all); {SET}"),
        (
            "-3e1",
            "NaN",
            f", row 3, column temp: 'NaN' stands for a missing value (1 in all); {SET}",
        ),
        ("-3e1", "inf", ", row 3, column temp: 'inf' is not a finite number"),
        (
            "20.5",
            "n/a",
            f", row 2, column temp: 'n/a' stands for a missing value (1 in all); {SET}",
        ),
        ("-3e1", "-3e1,5", ", row 3: 5 cells, but 4 in row 1"),
        ("a,20.5", "a", ", row 2: 3 cells, but 4 in row 1"),
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
            ", row 3, column time: 'noon' is not a time such as 2016-07-01 13:00:00, or not in the "
            "form of those before; time_format= takes other forms",
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
            f"not 1:00:00 as most rows do; correct it, {OTHERWISE}",
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


def timed(times: str, step: int = 3) -> str:
    """A table with a time in each row."""
    return "\n".join(["time,x", *(f"{time},{step * i}" for i, time in enumerate(times.split("|")))])


@pytest.mark.parametrize(
    ("times", "form"),
    [
        ("2000-01-01|2000-02-01|2000-03-01|2000-04-01", None),
        ("2000-01|2000-02|2000-03", None),
        ("2000M11|2000M12|2001M01", None),
        ("11/2000|12/2000|01/2001", None),
        ("Nov 2000|Dec 2000|Jan 2001", None),
        ("200011|200012|200101", None),
        ("2000-01-31|2000-02-29|2000-03-31|2000-04-28", None),
        ("2000Q3|2000Q4|2001Q1", None),
        ("Q3 2000|Q4 2000|Q1 2001", None),
        ("2000-06-30|2000-09-30|2000-12-31", None),
        ("1999|2000|2001", None),
        ("2023-02-28|2024-02-29|2025-02-28", None),
        ("2024-W51-1|2024-W52-1|2025-W01-1", None),
        ("2012/01/01|2012/01/02|2012/01/03", None),
        ("20120131|20120201|20120202", None),
        ("2024-01-01T00:00:00.5Z|2024-01-01T00:00:01Z|2024-01-01T00:00:01.5Z", None),
        ("2024-01-01T00:00:00.000|2024-01-01T00:00:00.033|2024-01-01T00:00:00.067", None),
        ("0.000|0.033|0.066|0.100|0.133|0.166|0.200", None),
        ("10.00|10.03|10.07|10.10|10.13", None),
        ("1704067200|1704070800|1704074400", None),
        ("1704067200000|1704070800000|1704074400000", None),
        ("1701388800|1704067200|1706745600|1709251200", None),  # months of Unix time
        ("12.02.2012|13.02.2012|14.02.2012", None),  # there is no month 13
        ("1/13/2024 11:30 AM|1/13/2024 12:30 PM|1/13/2024 1:30 PM", None),
        ("30-Jan-2012|31-Jan-2012|1-Feb-2012", None),
        ("01/02/2012 9:00|02/02/2012 9:00|03/02/2012 9:00", "dayfirst"),
        ("01/31/2012|02/01/2012|02/02/2012", "monthfirst"),
        ("01.02.12 00|01.02.12 06|01.02.12 12", "%d.%m.%y %H"),
        ("2024-03-31T01:00+01:00|2024-03-31T03:00+02:00|2024-03-31T04:00+02:00", None),
        ("2024-10-27 02:00+02:00|2024-10-27 02:00+01:00|2024-10-27 03:00+01:00", None),
        ("2024-10-26T00:00+02:00|2024-10-27T00:00+02:00|2024-10-28T00:00+01:00", None),
    ],
)
def test_times_in_even_steps_are_taken_in_any_usual_form(write, times, form):
    series = read_series(write(timed(times)), Options(time_column="time", time_format=form))
    assert series.values.flatten().tolist() == [3 * i for i in range(times.count("|") + 1)]
    assert series.notes == ()


@pytest.mark.parametrize(
    "days",
    [
        ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"],  # Thursday to Tuesday
        [f"2024-01-{day:02}" for day in range(1, 30) if day % 7],  # without Sundays
        [f"2024-01-{day:02}" for day in range(7, 19) if day not in (12, 13)],  # Sunday to Thursday
    ],
)
def test_days_of_working_weeks_are_even_and_said_to_be(write, days):
    series = read_series(write(timed("|".join(days))), Options(time_column="time"))
    assert len(series.values) == len(days)
    assert series.notes == ("table.csv: the times are those of working days alone",)


@pytest.mark.parametrize(
    ("times", "form", "row", "message"),
    [
        ("01/02/2012|02/02/2012|03/02/2012", None, 2, "set time_format=dayfirst or time_format="),
        ("13/02/2012|14/02/2012|15/02/2012", "monthfirst", 2, "is not a time such as"),
        ("2012-01-01|2012-01-02", "%d.%m.%Y", 2, "does not match format"),
        ("2012-01-01|2012-01-02", "%Q", 2, "is a bad directive"),
        (
            "2024-01-01T00:00Z|2024-01-01T01:00",
            None,
            3,
            "the time has no zone, but others have one",
        ),
        ("2024-01-03|2024-01-02|2024-01-01", None, 3, "the last times come first: sort the rows"),
        ("2024-01-01|2024-01-02|2024-01-02|2024-01-03", None, 4, "is not after the row before"),
        ("2024-01-01|2024-01-02|2024-01-03|2024-01-05|2024-01-06", None, 5, "set missing=forward_"),
        ("2024-01-01|2024-01-02||2024-01-04", None, 4, "'' is not a time such as"),
        ("2000-01-01|2000-02-01|2000-04-01|2000-05-01|2000-06-01", None, 4, "set missing=forward_"),
        ("00:00:00.0|00:00:00.5", None, 2, "is not a time such as 2016-07-01 13:00:00"),
        ("1|2|4|5|6", None, 4, "comes 2 after the row before, not 1 as most rows do"),
        ("2024-01-01 00:00|2024-01-01 01:00|2024-01-01 02:00|2024-01-01 03:15", None, 5, "1:15:00"),
    ],
)
def test_times_that_are_not_even_or_not_clear_are_refused_by_row(write, times, form, row, message):
    path = write(timed(times))
    with pytest.raises(TaskError) as error:
        read_series(path, Options(time_column="time", time_format=form))
    assert str(error.value).startswith(f"{path}, row {row}, column time: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("times", "rows"),
    [
        ("2024-01-01|2024-01-02|2024-01-04|2024-01-05", [0, 1, 3, 4]),
        ("2000-01-01|2000-02-01|2000-05-01|2000-06-01", [0, 1, 4, 5]),
        ("2000Q1|2000Q2|2000Q4|2001Q1", [0, 1, 3, 4]),
        ("2024-01-04|2024-01-05|2024-01-09|2024-01-10", [0, 1, 3, 4]),  # a Monday is missing
        ("0.000|0.033|0.067|0.133|0.167|0.200|0.433", [0, 1, 2, 4, 5, 6, 13]),
        ("1704067200|1704070800|1704078000|1704081600", [0, 1, 3, 4]),
    ],
)
def test_missing_rows_are_put_in_where_their_times_are(write, times, rows):
    series = read_series(write(timed(times)), Options(time_column="time", missing="mask"))
    assert (~series.values[:, 0].isnan()).nonzero().flatten().tolist() == rows
    put_in = rows[-1] + 1 - len(rows)
    assert f"table.csv: rows are put in where times are missing: {put_in}" in series.notes


def test_a_table_whose_times_leave_nearly_all_rows_out_is_refused(write):
    path = write(timed("2024-01-01T00:00:00|2024-01-01T00:00:01|2024-02-01T00:00:00"))
    with pytest.raises(TaskError, match=r"row 4, column time: 2678398 rows are missing"):
        read_series(path, Options(time_column="time", missing="mask"))


@pytest.mark.parametrize("cell", ["1e300", "-2e15", "9" * 40])
def test_a_number_that_no_measurement_gives_is_refused(cell, tmp_path):
    """Its square would leave nothing of all other values."""
    path = tmp_path / "large.csv"
    path.write_text(f"a,b\n1,2\n{cell},3\n4,5\n")
    with pytest.raises(TaskError, match=r"row 3, column a: .* is not below 1e\+15"):
        read_series(path, Options())
