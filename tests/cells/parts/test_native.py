"""The loops in C++: their products, and how they are built, waited for and done without."""

import logging
import os
import subprocess
import sys

import pytest
import torch

from recurbench.cells.gru import GRU
from recurbench.cells.parts import native


@pytest.fixture
def library():
    if native.loops() is None:
        pytest.skip("the loops in C++ cannot be built here; the log says why")
    return native.loops()


@pytest.fixture
def unbuilt(tmp_path, monkeypatch):
    """A process that has not tried yet, on a machine where nothing is built."""
    native.loops.cache_clear()
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    yield tmp_path
    monkeypatch.undo()
    native.loops.cache_clear()


SIZES = [(1, 1, 1), (7, 5, 3), (13, 1029, 50), (8, 16, 48), (65, 3, 100), (300, 513, 70)]


@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("M", "K", "N"), SIZES)
def test_a_product_is_torchs(library, M, K, N, dtype, layout):
    make = {
        "rows": lambda rows, columns: torch.randn(rows, columns, dtype=dtype),
        "columns": lambda rows, columns: torch.randn(columns, rows, dtype=dtype).t(),
        "strided": lambda rows, columns: torch.randn(rows, columns + 3, dtype=dtype)[:, 1:-2],
    }[layout]
    a, b = make(M, K), make(K, N)
    expected = (a.double() @ b.double()).to(dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(
        library.multiply(a, b), expected, rtol=tolerance, atol=30 * tolerance
    )


def test_threads_change_no_bit(library):
    a, b = torch.randn(500, 300), torch.randn(300, 400)
    cell = GRU(64, 256).float()
    x, before = torch.randn(64, 3, 64, dtype=torch.float32), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append([library.multiply(a, b), cell(x)[0].detach()])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_without_a_compiler_one_line_says_what_to_install(unbuilt, monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with caplog.at_level(logging.WARNING):
        cell = GRU(3, 5, kernel="native")
        for _ in range(2):
            cell(torch.randn(2, 4, 3))[0].sum().backward()
    (line,) = caplog.messages
    assert line == (
        "the kernel native cannot be built: no C++ compiler is found; install g++ "
        "(`apt install g++`); using kernel=fused"
    )
    assert cell.kernel_on(torch.device("cpu"), torch.float32) == "fused"


def test_a_build_that_fails_is_told_once_and_fails_no_run(unbuilt, monkeypatch, caplog):
    compiler = unbuilt / "compiler"
    compiler.write_text("#!/bin/sh\necho 'loops.cpp:1: error: no such luck' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with caplog.at_level(logging.WARNING):
        assert native.loops() is None
        assert native.loops() is None
    (line,) = caplog.messages
    assert "fails, loops.cpp:1: error: no such luck; using kernel=fused" in line


def test_a_library_that_does_not_load_fails_no_run(unbuilt, caplog):
    broken = native._library()
    broken.parent.mkdir(parents=True)
    broken.write_text("not a library")
    with caplog.at_level(logging.WARNING):
        assert native.loops() is None
    (line,) = caplog.messages
    assert line.startswith("the kernel native cannot be loaded: ")


TWO = """
import sys, logging
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
from recurbench.cells.parts import native
print("there" if native.loops() is not None else "missing")
"""


def test_of_two_processes_one_builds_and_the_other_waits(library, tmp_path):
    compiler = tmp_path / "compiler"  # copies what is built already, slowly
    compiler.write_text(
        f'#!/bin/sh\necho built >> {tmp_path}/log\nwhile [ "$1" != -o ]; do shift; done\n'
        f'sleep 1\ncp {native._library()} "$2"\n'
    )
    compiler.chmod(0o755)
    environment = {**os.environ, "TORCH_EXTENSIONS_DIR": str(tmp_path), "CXX": str(compiler)}
    command = [sys.executable, "-c", TWO]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0].splitlines() for process in started]
    assert [lines[-1] for lines in said] == ["there", "there"]
    (line,) = (line for lines in said for line in lines[:-1])
    assert line.startswith("built the kernel native in ")
    assert (tmp_path / "log").read_text() == "built\n"
