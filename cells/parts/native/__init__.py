"""The loops over time in C++: built once per machine with the compiler that is found, then loaded.

The library lies in torch's folder of extensions (`TORCH_EXTENSIONS_DIR`, or `torch_extensions` in
the user's cache), under a name made from the sources, torch's version and the processor's vectors.
The logger `recurbench.cells` gets one line when the library was built, and one when it
cannot be. Nothing here ever fails a run.
"""

import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

SOURCES = ("loops.cpp", "loops.h", "steps.h", "zoo.h", "products.h")

VECTORS = {
    "AVX512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma", "-mf16c"],
    "AVX2": ["-mavx2", "-mfma", "-mf16c"],
}
"""Flags by what torch calls the processor; others take the vectors that their compiler has."""

logger = logging.getLogger("recurbench.cells")


@functools.cache
def loops() -> Any | None:
    """The library's operations, or None where it cannot be built; tried once per process."""
    try:
        library = _library()
        if not library.exists():
            _build(library)
        torch.ops.load_library(library)
    except _CannotBuildError as error:
        logger.warning("the kernel native cannot be built: %s; using kernel=fused", error)
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        reason = str(error).partition("\n")[0]
        logger.warning("the kernel native cannot be loaded: %s; using kernel=fused", reason)
        return None
    return torch.ops.recurbench


class _CannotBuildError(Exception):
    """Why there is no library, for the person at the keyboard."""


def _library() -> Path:
    """Where the library lies; another one for each source, version of torch and processor."""
    digest = hashlib.sha256(repr(_flags()).encode())
    for source in SOURCES:
        digest.update(Path(__file__).with_name(source).read_bytes())
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = os.environ.get("TORCH_EXTENSIONS_DIR") or Path(cache) / "torch_extensions"
    name = f"loops-{torch.__version__}-{platform.machine()}-{digest.hexdigest()[:12]}.so"
    return Path(root) / "recurbench" / name


def _build(library: Path) -> None:
    """Compiles the library; of several processes one does and the others wait.

    Raises:
        _CannotBuildError: there is no compiler, or it fails.
        OSError: the folder cannot be written.
    """
    compiler = _compiler()
    library.parent.mkdir(parents=True, exist_ok=True)
    with _alone(library.with_suffix(".lock")):
        if library.exists():
            return
        begin = time.monotonic()
        source, unfinished = Path(__file__).with_name("loops.cpp"), library.with_suffix(".tmp")
        command = [compiler, *_flags(), str(source), "-o", str(unfinished), *_links()]
        built = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if built.returncode:
            errors = [line for line in built.stderr.splitlines() if "error" in line]
            reason = (errors or built.stderr.splitlines() or ["no message"])[0]
            raise _CannotBuildError(f"{compiler} fails, {reason}")
        unfinished.replace(library)
        seconds = time.monotonic() - begin
    logger.warning("built the kernel native in %.0f s, once for this machine: %s", seconds, library)


def _compiler() -> str:
    for name in filter(None, [os.environ.get("CXX"), "g++", "clang++", "c++"]):
        if found := shutil.which(name):
            return found
    raise _CannotBuildError("no C++ compiler is found; install g++ (`apt install g++`)")


def _flags() -> list[str]:
    """The compiler's options, but for files."""
    vectors = torch.backends.cpu.get_cpu_capability()
    known = VECTORS.get(vectors)
    capability = [f"-DCPU_CAPABILITY_{vectors}", f"-DCPU_CAPABILITY={vectors}"] if known else []
    return [
        "-O3", "-std=c++20", "-fPIC", "-shared", *_threads(), *(known or []), *capability,
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        f"-I{_torch_folder() / 'include'}",
    ]  # fmt: skip


def _links() -> list[str]:
    return [f"-L{_torch_folder() / 'lib'}", "-ltorch_cpu", "-lc10"]


def _threads() -> list[str]:
    """Where a compiler has no OpenMP of its own, as on macOS, one thread runs the loops."""
    return [] if sys.platform == "darwin" else ["-fopenmp"]


def _torch_folder() -> Path:
    return Path(torch.__file__).parent


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Holds a lock that the system gives back when a process ends, however it ends."""
    import fcntl  # not on Windows, where there is no build either

    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
