"""Tables are read as people write them: rightly, or refused in one line; nothing is lost unsaid."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurbench.tasks.base import TaskError
from recurbench.tasks.forecasting.series import Options, Series, read_series
from recurbench.tasks.forecasting.table import SEPARATORS, Format

FORM = ("separator", "decimal", "encoding", "header")


@pytest.fixture
def read(tmp_path):
    def build(text: str | bytes, **knobs) -> Series:
        path = tmp_path / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        form = Format(**{name: knobs.pop(name) for name in FORM if name in knobs})
        return read_series(path, Options(form=form, **knobs))

    return build


def said(series: Series) -> str:
    """What was said, without the file's name."""
    return "; ".join(note.removeprefix("t.csv: ") for note in series.notes)


HOURS = [f"2024-01-01 0{hour}:00" for hour in range(5)]
LOAD, TEMP = [9.95, 10.94, 10.86, 11.5, 9.25], [20.88, 20.39, 19.52, 18.5, 18.75]


def rows(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def table(line: str, head: str) -> str:
    """A table of times, loads and temperatures, in a form; `,` stands for a decimal comma there."""
    comma = "{load_}" in line
    cells = zip(range(5), HOURS, LOAD, TEMP, strict=True)
    return rows(
        head,
        *(
            line.format(
                i=i, time=time, load=load, temp=temp, event="storm" if i == 1 else "nan",
                load_=str(load).replace(".", ",") if comma else "",
                temp_=str(temp).replace(".", ",") if comma else "",
            )
            for i, time, load, temp in cells
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "head", "note"),
    [
        ("{i},{time},{load}", ",time,load", "the index is left out: Unnamed: 0"),
        ("{i},{time},{load}", "index,time,load", "the index is left out: index"),
        ("{i},{i},{time},{load}", ",Unnamed: 0,time,load", "Unnamed: 0, Unnamed: 0.1"),
        ('"{i}","{time}",{load}', '"","time","load"', "the index is left out: Unnamed: 0"),
        ("{time};{load_}", "time;load", "the separator is semicolon"),
        ("{time}\t{load_}", "time\tload", "the separator is tab"),
        ("{time}|{load}", "time|load", "the separator is pipe"),
        ('{time},"{load_}"', "time,load", "a comma is the decimal sign: load"),
        ("{time},{load},{event}", "time,load,event", "columns of text are left out: event"),
        ("{time},{load},True", "time,load,on", "columns of text are left out: on"),
        ("{time},{load},", "time,load,", "columns without a value are left out: Unnamed: 2"),
        ("{time},${load}", "time,load", "signs beside numbers are left out: $ in load"),
        ("{time};{load_} €", "time;load", "signs beside numbers are left out: € in load"),
        ("{time},{load}%", "time,load", "signs beside numbers are left out: % in load"),
    ],
)
def test_what_stands_beside_the_numbers_is_found_and_said(read, line, head, note):
    series = read(table(line, head), time_column="time")
    assert (series.columns, series.values[:, 0].tolist()) == (["load"], LOAD)
    assert note in said(series)


def test_columns_with_other_decimal_signs_stand_side_by_side(read):
    series = read(table('{time},"{load_}",{temp}', "time,load,temp"), time_column="time")
    assert series.values.T.tolist() == [LOAD, TEMP]


@pytest.mark.parametrize(
    ("head", "columns"), [("date,0,1,OT", ["0", "1", "OT"]), ("date,2023,2024,x", None)]
)
def test_numbers_name_columns_under_a_header_with_words(read, head, columns):
    series = read(table("{time},{load},{temp},{load}", head), columns=columns, time_column="date")
    assert series.columns == head.split(",")[1:]
    assert series.values.T.tolist() == [LOAD, TEMP, LOAD]


@pytest.mark.parametrize(
    ("cells", "values", "knobs"),
    [
        (["1,234.5", "2,345.25"], [1234.5, 2345.25], {}),
        (["1.234,5", "2.345,25"], [1234.5, 2345.25], {}),
        (["1 234,5", "12 345"], [1234.5, 12345], {}),
        (["1\u202f234,5", "1\u00a0234"], [1234.5, 1234], {}),
        (["1'234.5", "1\u2019234"], [1234.5, 1234], {}),
        (["12,34,567", "1,234"], [1234567, 1234], {}),
        (["1.234.567", "1.234"], [1234567, 1234], {}),
        (["0,123", "1,234"], [0.123, 1.234], {}),
        (["1234,567", "1,234"], [1234.567, 1.234], {}),
        (["$1,234", "-$0.5"], [1234, -0.5], {}),
        (["\u22125,5", "+1,25 €"], None, {}),
        (["1,234", "2,345"], [1234, 2345], {"decimal": "point"}),
        (["1,234", "2,345"], [1.234, 2.345], {"decimal": "comma"}),
        (["1.234", "2.345"], [1.234, 2.345], {"decimal": "point"}),
        ([".5", "1e-3"], [0.5, 0.001], {}),
    ],
)
def test_numbers_are_read_with_the_sign_that_they_show(read, cells, values, knobs):
    text = rows("a;b", *(f"{cell};x" for cell in cells))
    if values is None:
        with pytest.raises(TaskError, match="another sign than those before"):
            read(text, **knobs)
    else:
        assert read(text, **knobs).values[:, 0].tolist() == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,b\n"1,234",1\n"2,345",2\n', "row 2, column a: '1,234' may be 1234 or 1.234; set"),
        ("a;b\n1.234;1\n2.345;2\n", "row 2, column a: '1.234' may be 1.234 or 1234; set decimal="),
        ('a,b\n1.234,"1,5"\n2.345,"2,5"\n', "row 2, column a: '1.234' may be 1.234 or 1234"),
        ("1,5\n2,5\n", "row 1: '1,5' can be split in several ways; set separator=comma or"),
        ("0,1\n2.5,3\n4.5,5\n", "row 1: 0, 1 may be names or values; set header=ROW"),
        ("2000,2005\n2.5,3\n4.5,5\n", "row 1: 2000, 2005 may be names or values; set header=ROW"),
        ("x,1.5\ny,2.5\nz,3.5\n", "row 1: x, 1.5 may be names or values; set header=ROW"),
        ("a,b\n1,2\n3\n", "row 3: 1 cells, but 2 in row 1"),
        ("Station\na,b\n1,2\n3,4\n", "row 2: 2 cells, but 1 in row 1; header=ROW says where"),
        ('a,b\n"1,2\n3,4\n', "row 2: unexpected end of data"),
        ("a,b\n1,5%\n2,5\n", "row 3, column b: '5' is written with another sign"),
        ("a,b\n1,1.5\n2,1;5\n", "row 3, column b: '1;5' is not a finite number"),
        ('a;b\n1;1.5\n2;2.5\n3;"3,5"\n', "row 4, column b: '3,5' is not a finite number with a"),
        ("a,b\n1,2\n3,4\n".encode("utf-16-le"), "zero bytes in a text; set encoding="),
    ],
)  # fmt: skip
def test_what_may_be_read_in_two_ways_or_in_none_is_refused_by_place(read, text, message):
    with pytest.raises(TaskError) as error:
        read(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "knobs", "columns", "note"),
    [
        ("# by hand\na,b\n1.5,2\n3,4\n", {}, "ab", "lines that begin with # are left out: row 1"),
        ("# a,b\n1.5,2\n3,4\n", {}, "ab", "the comment above the first row names the columns"),
        ("# one\n1.5\n3\n", {"columns": ["0"]}, "0", "which are called 0 to 0"),
        ("#\n1.5,2\n3,4\n", {}, "01", "no row names the columns, which are called 0 to 1"),
        ("1.5,2\n3,4\n", {"header": 0}, "01", "called 0 to 1"),
        (",0,1\n7,1.5,2\n9,3,4\n", {}, "01", "the index is left out: Unnamed: 0"),
        ("0,1\n1.5,2\n3,4\n", {"header": 1}, "01", ""),
        (
            "Station\n\na,b\n1.5,2\n3,4\n",
            {"header": 3},
            "ab",
            "what stands above row 3 is left out",
        ),
        ("a,b\n1.5,2\n\n3,4\n", {}, "ab", "blank lines are left out: row 3"),
        ("a,b\n1.5,2\n3,4\n,\n,\n", {}, "ab", "rows at the end that hold nothing are left out"),
        ("sep=;\na;b\n1,5;2\n3;4\n", {}, "ab", "the separator is semicolon"),
        ("  a   b\n1.5   2\n  3 4  \n", {}, "ab", "the separator is whitespace"),
        ('a,b\n1.5, "2"\n3,4\n', {}, "ab", ""),
        ("a,b\r1.5,2\r3,4\r", {}, "ab", ""),
        ("a,b,c\n1.5,2,x\x0cy\u2028\n3,4,\x85\n", {}, "ab", "text are left out: c"),
        ("a,b\n1.5,2\n3,4\n".encode("utf-16"), {}, "ab", "is not UTF-8 and is read as utf-16"),
        ("a,b,ö\n1.5,2,x\n3,4,y\n".encode("cp1252"), {}, "ab", "is read as cp1252"),
        ("a,b\n1.5,2\n3,4\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, "ab", ""),
        ("a:c;b\n1,5;2\n3;4\n", {"separator": "semicolon"}, ["a:c", "b"], ""),
    ],
)
def test_forms_of_a_file_are_found_or_set(read, text, knobs, columns, note):
    series = read(text, **knobs)
    values = [[1.5, 2], [3, 4]]
    assert series.columns == list(columns)
    assert series.values.tolist() == [row[: len(columns)] for row in values]
    assert note in said(series)


def test_columns_of_one_name_and_numbers_of_columns_are_told_apart(read):
    series = read("a,a,7\n9,1,2\n8,3,4\n", columns=["1", "7", "a"])
    assert (series.columns, series.values[0].tolist()) == (["a.1", "7", "a"], [1, 2, 9])
    assert "another column named a is called a.1" in said(series)


def test_a_column_is_read_once(read):
    with pytest.raises(TaskError, match="name one column twice"):
        read("a,b\n9,1\n8,3\n", columns=["a", "0"])


def test_an_unknown_encoding_is_named():
    with pytest.raises(TaskError, match="not utf-9"):
        Format(encoding="utf-9")


NAMES = ["load", "größe", "0", "1", "OT", "a b"]


@st.composite
def written(draw) -> tuple[bytes, dict, bool]:
    """A file, how pandas has to read it, and whether all settings are given to ours."""
    separator = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    decimal = draw(st.sampled_from([".", ","]))
    signs = {",", ".", " ", "'", None} - {decimal} - ({" "} if separator == " " else set())
    thousands = draw(st.sampled_from(sorted(signs, key=str)))
    width, height = draw(st.integers(1, 4)), draw(st.integers(3, 9))
    places = draw(st.lists(st.integers(0, 4), min_size=width, max_size=width))
    # Between blanks an empty cell is none, and one alone in its row makes a blank line.
    ways = [None, "NA", "null", *([] if separator == " " else [""])] if width > 1 else [None]
    absent = draw(st.sampled_from(ways))

    def cell(column: int) -> str:
        number = draw(st.integers(-(10**7), 10**7)) / 10 ** places[column]
        text = f"{number:{',' if thousands else ''}.{places[column]}f}"
        signs = {",": thousands or "", ".": decimal}
        missing = absent is not None and draw(st.integers(0, 9)) == 0
        return absent if missing else "".join(signs.get(sign, sign) for sign in text)

    header = draw(st.booleans())
    lines = [draw(st.permutations(NAMES))[:width]] if header else []
    lines += [[cell(column) for column in range(width)] for _ in range(height)]
    file = io.StringIO()
    if draw(st.booleans()):
        file.write("# all of this was written by hand\n")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator="\n")
    for line in lines:
        writer.writerow(line)
        if draw(st.integers(0, 9)) == 0 and width > 1:
            file.write("\n")
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    right = {
        "sep": separator, "decimal": decimal, "thousands": thousands, "encoding": encoding,
        "header": 0 if header else None, "comment": "#",
    }  # fmt: skip
    return file.getvalue().encode(encoding), right, draw(st.booleans())


@settings(max_examples=300, deadline=None)
@given(written())
def test_any_table_is_read_as_pandas_does_with_the_right_options_or_refused(tmp_path_factory, case):
    content, right, told = case
    path = Path(tmp_path_factory.getbasetemp()) / "fuzz.csv"
    path.write_bytes(content)
    form = Format()
    if told:
        words = {sign: word for word, sign in SEPARATORS.items()}
        decimal = "point" if right["decimal"] == "." else "comma"
        first = content.decode(right["encoding"]).startswith("# ") + 1
        header = first if right["header"] == 0 else 0
        form = Format(words[right["sep"]], decimal, right["encoding"], header)
    try:
        series = read_series(path, Options(form=form, missing="mask"))
    except TaskError as refusal:
        series, message = None, str(refusal)
    if series is None:
        assert message.startswith(str(path))
        assert "\n" not in message
        return
    points = not told and right["sep"] == "," and right["thousands"] == "."
    if points and "a comma is the decimal sign" not in said(series):
        right |= {"decimal": ".", "thousands": None}  # between commas, 1.234 is a bit more than 1
    expected = pd.read_csv(path, **right)
    if "rows at the end that hold nothing" in said(series):
        filled = expected.notna().any(axis=1).to_numpy().nonzero()[0]
        expected = expected[: filled.max() + 1]
    assert len(series.values) == len(expected)
    for name, column in zip(expected.columns.astype(str), expected.to_numpy(float).T, strict=True):
        if name in series.columns:
            ours = series.values[:, series.columns.index(name)].numpy()
            np.testing.assert_allclose(ours, column, rtol=1e-15)
        else:
            assert name in said(series)
