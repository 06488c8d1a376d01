"""Times several ways to do the same in turn, as other programs disturb the machine."""

import statistics
import time
from collections.abc import Callable, Sequence

Way = Callable[[], object]


def compare(slow: Sequence[Way], fast: Way, rounds: int) -> list[str]:
    """Columns: ms of the fast way, then for each other its ms and how many times slower it is.

    The ratio is taken round by round, and its quartiles over rounds are in brackets; a first round
    warms up and does not count.
    """
    ways = [fast, *slow]
    times: list[list[float]] = [[] for _ in ways]
    for round_ in range(rounds + 1):
        order = range(len(ways)) if round_ % 2 else reversed(range(len(ways)))
        for i in order:
            start = time.perf_counter()
            ways[i]()
            times[i].append(1e3 * (time.perf_counter() - start))
    after, *befores = (measured[1:] for measured in times)
    columns = [f"{statistics.median(after):9.2f}"]
    for before in befores:
        ratios = [one / other for one, other in zip(before, after, strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        columns += [f"{statistics.median(before):9.2f}", f"{median:6.2f} ({low:.2f} to {high:.2f})"]
    return columns
