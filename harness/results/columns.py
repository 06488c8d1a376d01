"""The columns of a leaderboard's table. Another one is another line of `COLUMNS`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from recurbench.harness.results.rows import Row
from recurbench.harness.results.tracks import Track


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: what stands above it.
        text: what stands in it for a row of a track.
        of_reference: what stands in it for a reference, given its name and score.
        left: whether it is aligned to the left, as words are; numbers are not.
        wraps: whether a narrow terminal may break it between words.
        dropped: when a narrow terminal leaves it out, the least first; None never does.
        shown: whether it is there without being asked for.
        sorts: what rows are sorted by when asked for, in ascending order; None if they cannot be.
    """

    heading: str
    text: Callable[[Row, Track], str]
    of_reference: Callable[[str, float | None], str] = lambda name, score: ""
    left: bool = False
    wraps: bool = False
    dropped: int | None = None
    shown: bool = True
    sorts: Callable[[Row], float | str | None] | None = None


SCORE = "test"
"""The heading of the score that ranks; a table ranked by another split names that instead."""


def optional(value: float | None, form: str, unit: str = "") -> str:
    """A number in a form and with its unit, or a dash where there is none."""
    return "-" if value is None else format(value, form) + unit


def with_half(mean: float, interval: tuple[float, float] | None) -> str:
    """Four significant digits, and half of the interval's width to the same place."""
    width = 0.0 if interval is None else (interval[1] - interval[0]) / 2
    if max(abs(mean), width) >= 1e7 or 0 < abs(mean) < 1e-6:
        return f"{mean:.3e}" + ("" if interval is None else f" ± {width:.1e}")
    places = 3 - math.floor(math.log10(abs(mean))) if mean else 3
    places = min(max(places, 0), 12)
    half = "" if interval is None else f" ± {width:.{places}f}"
    return f"{mean:.{places}f}{half}"


def _rank(row: Row, _: Track) -> str:
    if row.rank is None:
        return "-"
    first, last = row.rank
    return str(first) if first == last else f"{first}-{last}"


def _name(row: Row, _: Track) -> str:
    return f"{row.label} (older code)" if row.older else row.label


def _score(row: Row, _: Track) -> str:
    return "-" if row.test is None else with_half(row.test, row.interval)


def _trials(row: Row, track: Track) -> str:
    fewest = min((other.trials for other in track.current), default=row.trials)
    more = "*" if row.trials > fewest else ""
    return f"{row.trials}{more}{' edge' if row.edge else ''}"


def _comparable(name: str, form: str, unit: str = "") -> Callable[[Row, Track], str]:
    """A cost that compares within one machine: that of most entries of the track."""

    def text(row: Row, track: Track) -> str:
        return optional(getattr(row, name) if row.machine == track.machine else None, form, unit)

    return text


COLUMNS = [
    Column("rank", _rank, dropped=9),
    Column("ties", lambda row, _: row.ties, left=True, dropped=8),
    Column("cell", _name, lambda name, _: name, left=True, wraps=True,
           sorts=lambda row: row.label),
    Column("hidden", lambda row, _: optional(row.hidden_size, "d"), dropped=4,
           sorts=lambda row: row.hidden_size),
    Column("parameters", lambda row, _: optional(row.parameters, ",d"), dropped=5,
           sorts=lambda row: row.parameters),
    Column(SCORE, _score, lambda _, score: optional(score, ".4g"), sorts=lambda row: row.test),
    Column("seeds", lambda row, _: str(row.seeds), dropped=7, sorts=lambda row: row.seeds),
    Column("trials", _trials, dropped=6, sorts=lambda row: row.trials),
    Column("train time", _comparable("train_seconds", ",.1f", " s"), dropped=3,
           sorts=lambda row: row.train_seconds),
    Column("tokens/s", _comparable("tokens_per_second", ",.0f"), dropped=2,
           sorts=lambda row: row.tokens_per_second),
    Column("failed", lambda row, _: str(len(row.failures)), dropped=1,
           sorts=lambda row: len(row.failures)),
    Column("val", lambda row, _: optional(row.val, ".4g"), shown=False, sorts=lambda row: row.val),
    Column("state", lambda row, _: optional(row.state_size, ",d"), shown=False,
           sorts=lambda row: row.state_size),
    Column("FLOPs/token", lambda row, _: optional(row.flops_per_token, ",d"), shown=False,
           sorts=lambda row: row.flops_per_token),
    Column("recurrent", lambda row, _: optional(row.recurrent_parameters, ",d"), shown=False,
           sorts=lambda row: row.recurrent_parameters),
    Column("length area", lambda row, _: "-" if row.length_area is None
           else with_half(*row.length_area), shown=False,
           sorts=lambda row: row.length_area and row.length_area[0]),
    Column("memory", _comparable("training_memory_bytes", ",d", " B"), shown=False,
           sorts=lambda row: row.training_memory_bytes),
]  # fmt: skip
