"""Times as people write them, and whether they follow each other in even steps."""

import calendar
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from statistics import median_low, mode
from typing import NamedTuple

from recurbench.tasks.base import TaskError

_CLOCK = r"\d{1,2}(?::\d{2}){1,2}(?:\.\d+)?"
_ZONE = r"Z|UTC|GMT|[-+]\d{2}(?::?\d{2})?"

TIME = re.compile(
    rf"(?:\d{{1,4}}[-/.]\d{{1,2}}(?:[-/.]\d{{1,4}})?|{_CLOCK}|\d{{4}}-?[QMW]\d{{1,2}})"
    rf"(?:(?:T| +){_CLOCK})?(?: ?[AaPp][Mm])?(?: ?(?:{_ZONE}))?"
)
"""What looks like a time, at a glance."""

ZONED = re.compile(rf"(.*(?::\d\d|T\d\d|T\d{{4}}|T\d{{6}})(?:[.,]\d+)?) ?({_ZONE})")

NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")

DIGITS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Times that look like whole numbers, by how many digits they have."""

DATES = {"dayfirst": "%d/%m/%Y", "monthfirst": "%m/%d/%Y"}
CLOCKS = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p"]
NAMED = ["%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%Y %b %d", "%b %Y", "%B %Y", "%Y %b"]
"""Dates with the name of a month, after all other signs have become spaces."""

PERIODS: list[tuple[str, Callable[..., str]]] = [
    (r"(\d{4})[- ]?Q([1-4])", lambda year, quarter: f"{year}-{3 * int(quarter) - 2:02}"),
    (r"Q([1-4])[-/ ]?(\d{4})", lambda quarter, year: f"{year}-{3 * int(quarter) - 2:02}"),
    (r"(\d{4})M(\d{1,2})", lambda year, month: f"{year}-{month:0>2}"),
    (r"(\d{1,2})[-/.](\d{4})", lambda month, year: f"{year}-{month:0>2}"),
]
"""Quarters and months, and how ISO 8601 writes their beginning."""

SECOND = 1_000_000
DAY = 86_400 * SECOND

WEEKS = [(0, 5, 0), (1, 5, 0), (0, 6, 21)]
"""Working weeks: how many days before Monday they begin, how many days they have, and in how many
days at least they show (a single Sunday may as well be a gap)."""

NEAR = 4
"""How many days from an end of a month still are that end, as the last working day is."""
OTHERWISE = "or leave time_column out to take the rows as evenly spaced"


class Times(NamedTuple):
    """Times of the rows as whole numbers.

    Attributes:
        instants: microseconds, or, without a `clock`, numbers in `unit` parts of one.
        clock: what a local clock showed.
        unit: how many of `instants` make one of the numbers that were written.
    """

    instants: list[int]
    clock: list[datetime]
    unit: int = SECOND

    def span(self, step: int) -> str:
        """A step as a person writes it."""
        return str(timedelta(microseconds=step)) if self.clock else f"{step / self.unit:g}"


def grid(
    cells: Sequence[str], place: Callable[[int], str], time_format: str | None, *, gaps: bool
) -> tuple[list[int], bool]:
    """The number of each row, from 0, on an even grid, and whether that has working days alone.

    Even are equal steps, up to rounding; months, quarters, years; the days of working weeks. Those
    that leave the fewest gaps, which are numbers without a row, are taken.

    Args:
        cells: the times.
        place: says where a row's cell is.
        time_format: `dayfirst`, `monthfirst` or what `strptime` takes; None finds out.
        gaps: whether rows may be missing.

    Raises:
        TaskError: a cell is no time, or does not follow the one before in an even step.
    """
    times = read_times(cells, place, time_format)
    steps = [later - earlier for earlier, later in pairwise(times.instants)]
    back = next((row for row, step in enumerate(steps, 1) if step <= 0), None)
    if back is not None:
        hint = "; the last times come first: sort the rows" if max(steps) < 0 else ""
        raise TaskError(f"{place(back)}: {cells[back]} is not after the row before{hint}")
    equal, working = _even(times.instants, SECOND if times.clock else None), []
    grids = [equal]
    if times.clock:
        working = [_working(times.clock, *week) for week in WEEKS]
        grids += [_monthly(times.clock), *working]
        if min(steps) > DAY * 9 // 10:  # midnights are 23 to 25 hours apart when clocks change
            grids.append(_even([_microseconds(clock) for clock in times.clock], SECOND))
    even = [rows for rows in grids if rows]
    if not even:
        usual = mode(steps)
        row = next(row for row, step in enumerate(steps, 1) if step != usual)
        raise TaskError(
            f"{place(row)}: {cells[row]} comes {times.span(steps[row - 1])} after the row before, "
            f"not {times.span(usual)} as most rows do; correct it, {OTHERWISE}"
        )
    rows = min(even, key=lambda rows: rows[-1])
    absent = rows[-1] + 1 - len(rows)
    if absent and not gaps:
        row = next(row for row, on_grid in enumerate(rows) if on_grid != row)
        raise TaskError(
            f"{place(row)}: {cells[row]} comes {times.span(steps[row - 1])} after the row before, "
            f"not {times.span(mode(steps))} as most rows do (missing rows in all: {absent}); "
            f"set missing=forward_fill or missing=mask, {OTHERWISE}"
        )
    if absent > 9 * len(rows):
        what = f"{absent} rows are missing by the times, but the table has {len(rows)}"
        raise TaskError(f"{place(len(rows) - 1)}: {what}; correct the times, {OTHERWISE}")
    return rows, rows in working and rows != equal


def read_times(cells: Sequence[str], place: Callable[[int], str], time_format: str | None) -> Times:
    """Times as they are written.

    Raises:
        TaskError: a cell is no time, or all may be read in two ways.
    """
    if time_format is None and all(map(NUMBER.fullmatch, cells)):
        return _read_numbers(cells)
    if time_format is not None and time_format not in DATES:
        clock, zones = _by_format(cells, place, time_format)
    else:
        clock, zones = _by_itself(cells, place, time_format)
    pairs = zip(clock, zones, strict=True)
    return Times([_microseconds(time) - zone for time, zone in pairs], clock)


def _read_numbers(cells: Sequence[str]) -> Times:
    """Times that are numbers: dates of digits alone, Unix time, or a count of anything."""
    lengths = {len(cell) for cell in cells}
    if len(lengths) == 1 and all("1800" <= cell[:4] < "2200" for cell in cells):
        form = DIGITS.get(min(lengths))
        if form and all(map(str.isdecimal, cells)):
            clock, wrong = _parse(cells, form)
            if wrong is None:
                return Times(list(map(_microseconds, clock)), clock)
    exact = [Decimal(cell) for cell in cells]
    for power in (0, 3, 6, 9):  # seconds to nanoseconds since 1970, of the years 1973 to 2128
        if all(10**8 <= number / 10**power < 5 * 10**9 for number in exact):
            instants = [int(number * SECOND / 10**power) for number in exact]
            start = datetime(1970, 1, 1)
            return Times(instants, [start + timedelta(microseconds=time) for time in instants])
    places = [number.as_tuple().exponent for number in exact]
    unit = 10 ** max(0, *(-place for place in places if isinstance(place, int)))
    return Times([int(number * unit) for number in exact], [], unit)


def _by_format(
    cells: Sequence[str], place: Callable[[int], str], time_format: str
) -> tuple[list[datetime], list[int]]:
    """What a clock showed, and how many microseconds it was ahead of UTC, by `strptime`."""
    clock, zones = [], []
    for row, cell in enumerate(cells):
        try:
            time = datetime.strptime(cell, time_format)
        except ValueError as error:
            raise TaskError(f"{place(row)}: {error}") from None
        clock.append(time.replace(tzinfo=None))
        zones.append((time.utcoffset() or timedelta()) // timedelta(microseconds=1))
    return clock, zones


def _by_itself(
    cells: Sequence[str], place: Callable[[int], str], order: str | None
) -> tuple[list[datetime], list[int]]:
    """The same in the first form that fits all cells; `order` is that of day and month."""
    zoned = [ZONED.fullmatch(cell) for cell in cells]
    zones = [_offset(found[2]) if found else 0 for found in zoned]
    bare = [found[1] if found else cell for found, cell in zip(zoned, cells, strict=True)]
    texts = [re.sub(r"(:\d\d),(\d+)$", r"\1.\2", text) for text in bare]
    if any(zoned) and not all(zoned):
        raise TaskError(f"{place(zoned.index(None))}: the time has no zone, but others have one")
    reached = 0
    for alternatives in _forms(texts, order):
        found = []
        for changed, form in alternatives:
            if _parse(changed[:1], form)[1] is None:
                clock, wrong = _parse(changed, form)
                reached = max(reached, wrong or 0)
                found += [clock] if wrong is None else []
        if len(found) > 1 and found[0] != found[1]:
            raise TaskError(
                f"{place(0)}: {cells[0]!r} begins with the day or with the month; "
                "set time_format=dayfirst or time_format=monthfirst"
            )
        if found:
            return found[0], zones
    raise TaskError(
        f"{place(reached)}: {cells[reached]!r} is not a time such as 2016-07-01 13:00:00"
        f"{'' if reached == 0 else ', or not in the form of those before'}; time_format= takes "
        "other forms"
    )


def _forms(texts: list[str], order: str | None) -> Iterator[list[tuple[list[str], str]]]:
    """Forms to try one after the other: cells, perhaps rewritten, and a format of pandas."""
    yield [(texts, "ISO8601")]
    yield [([text if text[-3:-2] != "W" else f"{text}-1" for text in texts], "%G-W%V-%u")]
    for pattern, rewrite in PERIODS:
        found = [re.fullmatch(pattern, text) for text in texts]
        rewritten = [rewrite(*one.groups()) if one else "" for one in found]
        yield [(rewritten, "ISO8601")]
    slashes = [re.sub(r"^(\d+)[-/.](\d+)[-/.](\d+)", r"\1/\2/\3", text) for text in texts]
    spaces = [re.sub(r"[-/.,\s]+", " ", text) for text in texts]
    for clock in CLOCKS:
        dates = [DATES[order]] if order else list(DATES.values())
        yield [(slashes, date + clock) for date in (*dates, "%Y/%m/%d")]
        yield from ([(spaces, date + clock)] for date in NAMED)


def _parse(texts: Sequence[str], form: str) -> tuple[list[datetime], int | None]:
    """Times in a format, or the first row that is not in it."""
    import pandas as pd  # takes half a second

    try:
        parsed = pd.to_datetime(pd.Series(list(texts), dtype=object), format=form, errors="coerce")
    except ValueError:  # zones in other places than `ZONED` expects
        return [], 0
    if parsed.isna().any():
        return [], int(parsed.isna().argmax())
    return [time.to_pydatetime().replace(tzinfo=None) for time in parsed.dt.as_unit("us")], None


def _offset(zone: str) -> int:
    """How many microseconds a zone such as +01:00 is ahead of UTC."""
    digits = re.sub(r"\D", "", zone).ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-1 if zone[0] == "-" else 1) * minutes * 60 * SECOND


def _microseconds(clock: datetime) -> int:
    return (clock - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def _even(times: list[int], coarsest: int | None) -> list[int] | None:
    """Rows on a grid of equal steps, if all times lie on one.

    Times may be rounded to a power of ten of their unit, at most `coarsest`, if that is not more
    than a third of a step.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    rounded = 1
    while math.gcd(*steps) % (10 * rounded) == 0 and rounded != coarsest:
        rounded *= 10
    step = float(median_low(steps))
    for _ in range(2):  # the second time with a step that rounding makes no difference to
        counts = [round(each / step) for each in steps]
        if min(counts) < 1:
            return None
        single = [each for each, count in zip(steps, counts, strict=True) if count == 1]
        step = sum(single) / len(single) if single else step
    rows = list(accumulate(counts, initial=0))
    span, last = times[-1] - times[0], rows[-1]
    error = rounded if 3 * rounded <= step else 0
    on_grid = all(
        abs((time - times[0]) * last - row * span) <= error * last
        for time, row in zip(times, rows, strict=True)
    )
    return rows if on_grid else None


def _monthly(clock: list[datetime]) -> list[int] | None:
    """Rows on a grid of months, or of so many months, on one day or always at an end of them."""
    left = [calendar.monthrange(time.year, time.month)[1] - time.day for time in clock]
    days = {time.day for time in clock}
    one_day = len(days) == 1 or max(days) <= NEAR or max(left) < NEAR
    months = [12 * time.year + time.month for time in clock]
    steps = [later - earlier for earlier, later in pairwise(months)]
    usual = mode(steps)
    if not one_day or len({time.time() for time in clock}) > 1 or min(steps) < 1:
        return None
    if any(step % usual for step in steps):
        return None
    return [(month - months[0]) // usual for month in months]


def _working(clock: list[datetime], begin: int, length: int, least: int) -> list[int] | None:
    """Rows on a grid of the days of working weeks, as `WEEKS` has them."""
    days = [time.toordinal() - 1 + begin for time in clock]  # day 0 was a Monday
    if len({time.time() for time in clock}) > 1 or any(day % 7 >= length for day in days):
        return None
    if days[-1] - days[0] < least:
        return None
    rows = [day // 7 * length + day % 7 for day in days]
    return [row - rows[0] for row in rows]
