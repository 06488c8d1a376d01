"""Freed memory is used again instead of going back to the system after every step."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from recurbench.harness.run.memory import keep_freed_memory, release_freed_memory

def faults(rounds=5, blocks=4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        [b"x" * (8 << 20) for _ in range(blocks)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1])

fresh = faults()
keep_freed_memory()
faults()
kept, before = faults(), resident()
release_freed_memory()
print(fresh, kept, before - resident())
"""
PAGES = 4 * (8 << 20) // 4096  # of a round


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator alone is told")
def test_freed_memory_is_kept_until_it_is_released() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True)
    fresh, kept, released = map(int, done.stdout.split())
    assert fresh > 4 * PAGES
    assert kept < PAGES / 10
    assert released > PAGES / 2
