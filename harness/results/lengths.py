"""The length curve: scores at the length that was trained on and at longer ones; the area below.

A task with longer test splits names each by the knob that grows and its value there, such as
`test_delay_60` of `delay=15`; `test` itself is at the knob's own value. What grows may be steps, a
gap or a number of questions; it is called the length here.

The area is the mean of the score over log2 of the length, by the trapezoid rule. For scores
s_1 .. s_n at lengths l_1 < .. < l_n

    area = sum_i (s_i + s_i+1) / 2 * log2(l_i+1 / l_i) / log2(l_n / l_1)

It has the unit of the score, and a score that is the same at all lengths is its own area. The
logarithm makes each doubling count alike, whatever the length is measured in; over the length
itself, the last doubling would count as much as all before it and a length that was trained on.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import log2

from recurbench.harness.results.record import Section

AREA = "length_area"
"""The name of the area, where the name of a split may stand."""

_LONGER = re.compile(r"test_(\w+)_([0-9]{1,15})")


def lengths_of(task: Section, splits: Iterable[str]) -> dict[str, int]:
    """The length of `test` and of each longer split, the shortest first.

    Args:
        task: the options of the task.
        splits: as records name them; those that name no knob of the task are not of the curve.

    Returns:
        Nothing for a task without longer splits, or one of which two knobs grow.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for split in splits:
        if named := _LONGER.fullmatch(split):
            knob, size = named[1], int(named[2])
            own = task.get(knob)
            if type(own) is int and 0 < own < size:  # a switch that is on is no length
                found[knob][split] = size
    if len(found) != 1:
        return {}
    ((knob, longer),) = found.items()
    return {"test": task[knob]} | dict(sorted(longer.items(), key=lambda pair: pair[1]))


def area(scores: Mapping[str, float | None], lengths: Mapping[str, int]) -> float | None:
    """The area below the length curve; None without a curve, or where a score is not known.

    Args:
        scores: by split.
        lengths: by split, as `lengths_of` gives them.
    """
    if not lengths:
        return None
    points: list[tuple[float, float]] = []
    for split, length in lengths.items():
        score = scores.get(split)
        if score is None:
            return None
        points.append((log2(length), score))
    whole = points[-1][0] - points[0][0]
    parts = ((x2 - x1) / whole * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))
    return sum(parts)
