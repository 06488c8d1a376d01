"""The columns of a leaderboard's table. Another one is another line of `COLUMNS`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from recurbench.harness.results.tracks import Row, Track


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: what stands above it.
        text: what stands in it for a row of a track.
        of_reference: what stands in it for a reference, given its name and score.
        left: whether it is aligned to the left, as words are; numbers are not.
    """

    heading: str
    text: Callable[[Row, Track], str]
    of_reference: Callable[[str, float | None], str] = lambda name, score: ""
    left: bool = False


def optional(value: float | None, form: str, unit: str = "") -> str:
    """A number in a form and with its unit, or a dash where there is none."""
    return "-" if value is None else format(value, form) + unit


def _name(row: Row, _: Track) -> str:
    return f"{row.label} (older code)" if row.older else row.label


def _score(row: Row, _: Track) -> str:
    """Four significant digits, and the spread to the same place."""
    if row.test is None:
        return "-"
    places = 3 - math.floor(math.log10(abs(row.test))) if row.test else 3
    places = min(max(places, 0), 12)
    spread = "" if row.spread is None else f" ± {row.spread:.{places}f}"
    return f"{row.test:.{places}f}{spread}"


def _trials(row: Row, track: Track) -> str:
    fewest = min((other.trials for other in track.rows if other.seeds), default=row.trials)
    return f"{row.trials}*" if row.trials > fewest else str(row.trials)


COLUMNS = [
    Column("rank", lambda row, _: optional(row.rank, "d")),
    Column("cell", _name, lambda name, _: name, left=True),
    Column("parameters", lambda row, _: optional(row.parameters, ",d")),
    Column("test", _score, lambda _, score: optional(score, ".4g")),
    Column("seeds", lambda row, _: str(row.seeds)),
    Column("trials", _trials),
    Column("train time", lambda row, _: optional(row.train_seconds, ".1f", " s")),
    Column("tokens/s", lambda row, _: optional(row.tokens_per_second, ",.0f")),
    Column("failed", lambda row, _: str(row.failed)),
]
