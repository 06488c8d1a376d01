"""Times two ways to do the same in turn, as other programs disturb the machine."""

import statistics
import time
from collections.abc import Callable


def compare(slow: Callable[[], object], fast: Callable[[], object], rounds: int) -> str:
    """Both times in ms and how many times faster the second is, with quartiles over rounds.

    The ratio is taken round by round; a first round warms up and does not count.
    """
    times: dict[Callable[[], object], list[float]] = {slow: [], fast: []}
    for round_ in range(rounds + 1):
        for way in (slow, fast) if round_ % 2 else (fast, slow):
            start = time.perf_counter()
            way()
            times[way].append(1e3 * (time.perf_counter() - start))
    before, after = times[slow][1:], times[fast][1:]
    low, median, high = statistics.quantiles(
        [one / other for one, other in zip(before, after, strict=True)], n=4
    )
    milliseconds = f"{statistics.median(before):9.2f}  {statistics.median(after):9.2f}"
    return f"{milliseconds}  {median:6.2f} ({low:.2f} to {high:.2f})"
