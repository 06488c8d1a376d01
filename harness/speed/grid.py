"""The shapes of batches that are timed, and how a command line writes them. Imports no torch.

Legend: T time, B batch, I input size, H hidden size.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from recurbench.harness.errors import UserError


class Steps(NamedTuple):
    """How long sequences are: all `longest`, or packed ones of lengths from `shortest` on."""

    longest: int
    shortest: int | None = None

    def __str__(self) -> str:
        return str(self.longest) if self.shortest is None else f"{self.shortest}-{self.longest}"


@dataclass(frozen=True)
class Shape:
    """A batch and a cell: B rows of some steps with I features, and H hidden units."""

    steps: Steps
    B: int
    I: int
    H: int

    @property
    def packed(self) -> bool:
        """Whether the rows have lengths of their own."""
        return self.steps.shortest is not None

    @property
    def layout(self) -> str:
        """`packed` or `dense`."""
        return "packed" if self.packed else "dense"

    def __str__(self) -> str:
        return f"T {self.steps}, B {self.B}, I {self.I}, H {self.H}"


SHAPES = (
    Shape(Steps(100), 32, 64, 64),
    Shape(Steps(100), 1, 64, 64),
    Shape(Steps(100), 32, 256, 256),
    Shape(Steps(100, 10), 32, 64, 64),
)
"""What is timed where nothing is asked for."""


def read_steps(option: str) -> Callable[[str], list[Steps]]:
    """Reads `100`, `10-100` or a list of such, as a value of an option.

    Raises:
        UserError: when it reads another text.
    """
    return lambda text: [_steps(f"{option} {text}", part) for part in text.split(",")]


def read_range(text: str) -> list[Steps]:
    """Reads `--packed`: `10-100`, or a list of such.

    Raises:
        UserError: it is another text.
    """
    found = read_steps("--packed")(text)
    if any(steps.shortest is None for steps in found):
        raise UserError(f"--packed {text}: write the shortest and the longest length, as in 10-100")
    return found


def read_sizes(option: str) -> Callable[[str], list[int]]:
    """Reads `64` or a list of such, as a value of an option.

    Raises:
        UserError: when it reads another text.
    """
    return lambda text: [_size(f"{option} {text}", part) for part in text.split(",")]


def read_shape(text: str) -> Shape:
    """Reads `T,B,I,H`.

    Raises:
        UserError: it is another text.
    """
    where = f"--shape {text}"
    parts = text.split(",")
    if len(parts) != 4:
        raise UserError(
            f"{where}: write T,B,I,H, as in 100,32,64,64, or 10-100,32,64,64 for packed sequences"
        )
    return Shape(_steps(where, parts[0]), *(_size(where, part) for part in parts[1:]))


def grid(
    shapes: Sequence[Shape],
    T: Sequence[Steps],
    B: Sequence[int],
    I: Sequence[int],
    H: Sequence[int],
    packed: Sequence[Steps],
) -> list[Shape]:
    """The shapes that are asked for, each once.

    Args:
        shapes: as they are.
        T: numbers of steps, of which every combination with B, I and H is made.
        B: numbers of rows, 32 if there are none.
        I: numbers of features; as many as hidden units if there are none.
        H: numbers of hidden units, 64 if there are none.
        packed: lengths of packed sequences, which `shapes` are timed with too.
    """
    found = [*shapes, *(Shape(steps, s.B, s.I, s.H) for s in shapes for steps in packed)]
    if T or B or I or H or (packed and not shapes):
        times = [*T, *packed] or [Steps(100)]
        for steps, rows, units in product(times, B or [32], H or [64]):
            found += [Shape(steps, rows, features, units) for features in I or [units]]
    return list(dict.fromkeys(found)) or list(SHAPES)


def _steps(where: str, text: str) -> Steps:
    ends = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", text)
    if ends is None:
        return Steps(_size(where, text))
    shortest, longest = (_size(where, end) for end in ends.groups())
    if shortest > longest:
        raise UserError(f"{where}: the shorter length comes first: {longest}-{shortest}")
    return Steps(longest, shortest)


def _size(where: str, text: str) -> int:
    if not re.fullmatch(r"\s*0*[1-9]\d{0,8}\s*", text, re.ASCII):
        raise UserError(f"{where}: {text.strip() or 'nothing'!r} is no size; write 1, 2, ..")
    return int(text)
