"""All that needs a GPU: its tests, and training steps of every cell beside cuDNN's GRU.

It takes at most ten minutes and writes the table, with the card's name, into docs/speed.md. Without
a GPU it says so and measures nothing.

    python benchmarks/gpu.py [--rounds 5]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from recurbench.harness.plugins.registry import registry

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- on a GPU: begin -->", "<!-- on a GPU: end -->"
SHAPES = ("100,32,64,64", "512,16,768,768", "1024,16,768,768")  # T, B, I, H
TEST_SECONDS, TIMING_SECONDS = 150, 140
"""The tests, and each shape."""


def tested() -> bool:
    """Whether the tests that need a GPU pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "gpu", str(ROOT / "tests")]
    return subprocess.run(command, cwd=ROOT, timeout=TEST_SECONDS).returncode == 0  # noqa: S603


def timed(shape: str, rounds: int, device: str, cells: Sequence[str]) -> dict[str, Any]:
    """What `recurbench speed` measures of training steps; all cells that were done in time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speed.json"
        command = [
            sys.executable, "-m", "recurbench", "speed", "--against", "nn.GRU",
            "--measure", "train", "--shape", shape, "--rounds", str(rounds),
            "--device", device, "--json", str(file),
            *(word for cell in cells for word in ("--cell", cell)),
        ]  # fmt: skip
        process = subprocess.Popen(command)  # noqa: S603 - our own command
        try:
            process.wait(TIMING_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(2)  # it writes what it has
            process.wait()
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return found


def table(found: dict[str, dict[str, Any]]) -> str:
    """A row per cell: for each shape its milliseconds, and how many times faster than cuDNN."""
    shapes = list(found)
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    for shape, measured in found.items():
        for row in measured["rows"]:
            ratio = "" if row["ratio"] is None else f" ({row['ratio']:.2f})"
            cells[row["cell"]][shape] = f"{1e3 * row['seconds']:.2f}{ratio}"
    about = next(iter(found.values()))
    where = about["environment"]
    heads = " | ".join(f"T, B, I, H = {shape.replace(',', ', ')}" for shape in shapes)
    lines = [
        f"Medians of {about['rounds']} rounds on {where['hardware']}, torch {where['torch']}: "
        "milliseconds of a training step, and in brackets how many times faster than `nn.GRU`, "
        "which is cuDNN's:",
        "",
        f"| cell | {heads} |",
        f"| --- |{' --: |' * len(shapes)}",
        *(
            f"| `{cell}` | {' | '.join(times.get(shape, '-') for shape in shapes)} |"
            for cell, times in cells.items()
        ),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tests, measures and writes; 1 if a test failed or there is no such device."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda", help="cpu tries the program itself")
    parser.add_argument("--shape", action="append", help="T,B,I,H in place of the usual ones")
    parser.add_argument("--cell", action="append", help="in place of all")
    options = parser.parse_args(arguments)
    if options.device == "cuda":
        if not torch.cuda.is_available():
            print("no CUDA device is here: nothing was tested or measured")
            return 1
        if not tested():
            return 1
    cells = options.cell or sorted(registry().plugins["cell"])
    shapes = options.shape or SHAPES
    found = {shape: timed(shape, options.rounds, options.device, cells) for shape in shapes}
    text = PAGE.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", "utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
