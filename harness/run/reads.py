"""Which files are read while something is done, whoever reads them."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from recurbench.harness.results.marks import Mark, is_fresh, mark_of

EVENTS = frozenset({"open", "os.listdir", "os.scandir"})
"""What Python tells an audit hook before a file is opened or a folder is listed."""

WRITING = os.O_WRONLY | os.O_CREAT
"""By either of these flags a file is opened to be written first."""

MACHINE = ("/proc/", "/sys/")
"""Where libraries look how many cores and how much memory there is."""

Reads = dict[str, Mark | None]
"""Files and folders by their absolute paths, with the mark that each had before it was read first;
None for one that was not there, or that had changed so lately that it may change again unseen."""


@contextmanager
def noted_reads() -> Iterator[Reads]:
    """Notes what is read in its block: all that Python opens or lists, in any library.

    What lies in `library_folders` or says how the machine is made is left out. A library that opens
    files without Python, in C alone, is not seen.
    """
    _listen()
    reads: Reads = {}
    _listening.append(reads)
    try:
        yield reads
    finally:
        _listening[:] = [others for others in _listening if others is not reads]


@cache
def library_folders() -> tuple[str, ...]:
    """The folders of Python itself and of installed libraries."""
    own = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    installed = {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    return tuple(os.path.join(path, "") for path in sorted(own | installed))


_listening: list[Reads] = []


@cache
def _listen() -> None:
    """Adds the hook, once: Python has no way to take it away."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event in EVENTS:
        with suppress(Exception):  # it would end what was about to be read
            _note(*arguments)


def _note(path: Any, mode: str | None = None, flags: int = 0) -> None:
    if isinstance(path, int) or flags & WRITING:  # a number is of a file that is open already
        return
    read = os.path.abspath(os.fsdecode("." if path is None else path))
    machine = read.startswith(MACHINE) and "/fd/" not in read  # a pipe may hold data
    if machine or read.startswith(library_folders()) or f"{os.sep}__pycache__{os.sep}" in read:
        return
    for reads in _listening:
        if read not in reads:
            mark = mark_of(read)
            reads[read] = None if mark is None or is_fresh(mark) else mark
