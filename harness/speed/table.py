"""The table of one measure at one shape, as a terminal shows it. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recurbench.harness.results.columns import optional
from recurbench.harness.results.report import sheets_as_text
from recurbench.harness.results.sheets import Line, Sheet
from recurbench.harness.speed.rows import Row

NAMES = {
    "forward": "forward pass",
    "train": "training step",
    "step": "single step",
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: what stands above it.
        text: what stands in it.
        left: whether it is aligned to the left, as words are.
        dropped: when a narrow terminal leaves it out, the least first; None never does.
        wraps: whether its cells may be broken between words.
    """

    heading: str
    text: Callable[[Row], str]
    left: bool = False
    dropped: int | None = None
    wraps: bool = False


def _percent(row: Row) -> str:
    return optional(row.floor_percent, ".0f", " %")


def _peak(row: Row) -> str:
    return optional(row.peak_memory_bytes and row.peak_memory_bytes / 1e6, ",.1f")


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return "-"
    return f"{row.ratio:.2f}"


def _spread(row: Row) -> str:
    return "-" if row.ratio is None else f"{row.ratio_low:.2f} to {row.ratio_high:.2f}"


def _rival(row: Row) -> str:
    """The rival's label, without what it shares with the cell's own."""
    if row.against is None:
        return "-"
    name = row.cell.partition(",")[0]
    for shared in (f"{row.cell},", f"{row.cell} ", f"{name},"):
        if row.against.startswith(shared):
            return row.against.removeprefix(shared)
    return row.against


COLUMNS = (
    Column("cell", lambda row: row.cell, left=True),
    Column("kernel", lambda row: row.kernel or "-", left=True, dropped=3),
    Column("tokens/s", lambda row: f"{row.tokens_per_second:,.0f}", dropped=2),
    Column("saved B/token", lambda row: optional(row.saved_bytes_per_token, ",.0f"), dropped=5),
    Column("peak MB", _peak, dropped=1),
    Column("floor", _percent, dropped=4),
    Column("against", _rival, left=True),
    Column("times as fast", _ratio),
    Column("quartiles", _spread, dropped=6),
)


def as_text(rows: Sequence[Row]) -> str:
    """The table of rows that have measure and shape in common."""
    first = rows[0]
    if first.measure == "step":
        unit, factor, sizes = "µs", 1e6, f"B {first.B}"
    else:
        unit, factor, sizes = "ms", 1e3, f"{first.layout}, T {first.T}, B {first.B}"
    time = Column(unit, lambda row: f"{row.seconds * factor:,.2f}")
    columns = (*COLUMNS[:2], time, *COLUMNS[2:])
    used = [column for column in columns if any(column.text(row) != "-" for row in rows)]
    title = f"{NAMES[first.measure]}: {sizes}, I {first.I}, H {first.H}"
    lines = [Line(tuple(column.text(row) for column in used)) for row in rows]
    return sheets_as_text([Sheet(title, used, lines, [])])
