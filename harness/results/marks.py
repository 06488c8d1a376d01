"""By what a file or a folder is known again without reading it."""

import os
import time

FRESH = 2 * 10**9
"""Nanoseconds in which a file may change again unseen, by its times."""

Mark = tuple[int, int, int]
"""When the content of a file and its entry changed, in nanoseconds, and its size."""


def mark_of(path: str) -> Mark | None:
    """The mark of a file or folder; None if it cannot be looked at."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def is_fresh(mark: Mark) -> bool:
    """Whether a file changed so lately that it may change again and keep its mark."""
    return max(mark[:2]) > time.time_ns() - FRESH
