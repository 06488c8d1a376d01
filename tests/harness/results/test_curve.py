"""A run's curve in characters: true to its ends, in ASCII where need be, and for any numbers."""

import pytest
from making import make_record

from recurbench.harness.results.curve import HEIGHT, draw_curve


def drawn(points: list[dict], width: int = 40, encoding: str = "utf-8") -> list[str]:
    return draw_curve(make_record(curve=points), width, encoding).splitlines()


def losses(*values: float | None) -> list[dict]:
    return [{"step": 10 * i, "train/loss": value} for i, value in enumerate(values, 1)]


def test_a_falling_loss_falls_from_the_left_end_to_the_right():
    title, *rows, axis, ends = drawn(losses(4.0, 3.0, 2.0, 1.0))
    assert title.strip() == "train/loss"
    assert len(rows) == HEIGHT
    assert rows[0].startswith("4 │•")
    assert rows[-1].startswith("1 │")
    assert len(rows[-1]) == len(axis) == len(ends) == 40
    assert rows[-1].endswith("•")
    assert (ends.split()[0], ends.split()[-1]) == ("10", "40")
    assert sum(row.count("•") for row in rows) == 4


def test_validation_stands_above_the_loss_and_skips_points_without_it():
    points = losses(4.0, 3.0, 2.0, 1.0)
    points[1]["val/accuracy"] = 0.25
    points[3]["val/accuracy"] = 0.75
    lines = drawn(points)
    assert [line.strip() for line in lines if "/" in line] == ["val/accuracy", "train/loss"]
    assert lines[1].startswith("0.75 │")
    assert lines[HEIGHT].startswith("0.25 │•")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "unheard-of"])
def test_a_terminal_without_the_marks_gets_ascii(encoding):
    text = "\n".join(drawn(losses(2.0, 1.0), encoding=encoding))
    assert text.isascii()
    assert "2 |*" in text


@pytest.mark.parametrize(
    "values",
    [(1.0, 1.0), (0.0, None, 0.0), (-1.7e308, 1.7e308), (5e-324, 0.0), (10**18, 1)],
    ids=str,
)
@pytest.mark.parametrize("width", [1, 17, 80])
def test_any_numbers_and_any_width_are_drawn(values, width):
    rows = drawn(losses(*values), width)[1 : HEIGHT + 1]
    assert sum(row.count("•") for row in rows) == 2
    assert max(map(len, rows)) <= max(width, 32)


@pytest.mark.parametrize("values", [(), (1.0,), (None, None), (1.0, None)], ids=str)
def test_less_than_two_points_are_no_curve(values):
    assert drawn(losses(*values)) == []


def test_the_name_of_a_metric_is_no_command_to_the_terminal():
    points = [{"step": i, "val/\x1b[31mred": i} for i in range(3)]
    record = make_record(metric="\x1b[31mred", curve=points)
    assert "\x1b" not in draw_curve(record, 60, "utf-8")
