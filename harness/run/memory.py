"""The process's memory: how much there is, and what becomes of what tensors leave behind."""

import ctypes
from contextlib import suppress
from pathlib import Path

# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Lets the next tensor use the memory of the last, instead of fresh pages of the system.

    By default glibc gives the topmost memory back when some megabytes of it are free, and every
    step of training pays for the system to map and clear the same pages again. With another C
    library nothing changes. Nor do results: they do not depend on where a tensor lies.
    """
    with suppress(OSError, AttributeError, TypeError):  # glibc alone has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the most that every version takes
        mallopt(M_TRIM_THRESHOLD, 1 << 30)
        mallopt(M_TOP_PAD, 64 << 20)


def release_freed_memory() -> None:
    """Gives freed memory back to the system."""
    with suppress(OSError, AttributeError, TypeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


def reset_peak() -> bool:
    """Lets the peak of the resident set count anew; False where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return False
    return True


def resident(name: str) -> int | None:
    """A size in bytes that Linux tells of this process, as `VmRSS`, or `VmHWM` for the peak."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
