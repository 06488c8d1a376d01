"""A table as text, before it is a terminal's or a page's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich import box
from rich.box import Box


class Heading(Protocol):
    """What stands above a column, and how the column is shown."""

    @property
    def heading(self) -> str:
        """What stands above it."""

    @property
    def left(self) -> bool:
        """Whether it is aligned to the left, as words are; numbers are not."""

    @property
    def dropped(self) -> int | None:
        """When a narrow terminal leaves it out, the least first; None never does."""

    @property
    def wraps(self) -> bool:
        """Whether its cells may be broken between words."""


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes:
        best: whether it is among the best.
        aside: whether it is only there to read others against.
    """

    cells: tuple[str, ...]
    best: bool = False
    aside: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table with what stands above and below it, and its frame on a terminal."""

    title: str
    columns: Sequence[Heading]
    lines: Sequence[Line]
    captions: Sequence[str]
    frame: Box = box.HEAVY_HEAD
