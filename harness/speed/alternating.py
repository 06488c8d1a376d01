"""Times several ways to do the same in turn, as other programs disturb the machine."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

Way = Callable[[], object]

ENOUGH = 0.002
"""Seconds that one time is taken over; what is shorter is repeated within it."""


class Quartiles(NamedTuple):
    """Of some numbers, the median between the lower and the upper quartile."""

    low: float
    median: float
    high: float


def alternate(ways: Sequence[Way], rounds: int, wait: Way) -> list[list[float]]:
    """Seconds of one call of each way in each round.

    Every round calls all of them, in turns forwards and backwards, so that what disturbs one
    disturbs its neighbours too. Before the first round each is called until it is warm.

    Args:
        ways: what is timed.
        rounds: how often.
        wait: returns when all that was begun is done, as on a GPU.
    """
    repeats = []
    for way in ways:
        _seconds(way, 1, wait)
        repeats.append(max(1, round(ENOUGH / max(_seconds(way, 1, wait), 1e-7))))
    times: list[list[float]] = [[] for _ in ways]
    for number in range(rounds):
        order = range(len(ways)) if number % 2 else reversed(range(len(ways)))
        for i in order:
            times[i].append(_seconds(ways[i], repeats[i], wait) / repeats[i])
    return times


def quartiles(numbers: Sequence[float]) -> Quartiles:
    """The quartiles of two numbers or more; none is beyond the numbers, however few there are."""
    return Quartiles(*statistics.quantiles(numbers, n=4, method="inclusive"))


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Quartiles:
    """How many times longer one way takes than another, taken round by round."""
    return quartiles([one / other for one, other in zip(slow, fast, strict=True)])


def _seconds(way: Way, repeats: int, wait: Way) -> float:
    wait()
    begin = time.perf_counter()
    for _ in range(repeats):
        way()
    wait()
    return time.perf_counter() - begin
