"""Times linear recurrences trained by their scan against their own step loop.

A training step here is a forward and a backward pass. Equal outputs and gradients are asserted in
double precision before any time is taken.

    python benchmarks/linear_scan.py [--rounds 11] [--cells lru s5]
"""

import argparse
import copy

import alternating
import torch
from torch import Tensor

from cells.base import RecurrentCell
from cells.lru import LRU
from cells.min_gru import MinGRU
from cells.min_lstm import MinLSTM
from cells.rg_lru import RGLRU
from cells.s5 import S5

CELLS = {cls.name: cls for cls in (MinGRU, MinLSTM, RGLRU, LRU, S5)}
SHAPES = [  # T, B, H
    (32, 32, 64),
    (128, 32, 64),
    (512, 32, 64),
    (2048, 32, 64),
    (512, 1, 64),
    (512, 32, 8),
    (512, 32, 256),
]
I = 32


def gradients(cell: RecurrentCell, x: Tensor) -> list[Tensor]:
    """The outputs and all gradients of one training step."""
    y, _ = cell(x)
    return [y, *torch.autograd.grad(y.square().mean(), list(cell.parameters()))]


def compare(name: str, T: int, B: int, H: int, rounds: int) -> str:
    """A line of the table: times of the loop and the scan, and the ratio with its quartiles."""
    scan = CELLS[name](I, H, kernel="fused")
    loop = CELLS[name](I, H, kernel="reference")
    loop.load_state_dict(scan.state_dict())
    x = torch.randn(B, T, I)
    exact = [gradients(copy.deepcopy(cell).double(), x.double()) for cell in (scan, loop)]
    torch.testing.assert_close(*exact, rtol=1e-8, atol=1e-10)

    times = alternating.compare(lambda: gradients(loop, x), lambda: gradients(scan, x), rounds)
    return "  ".join([f"{name:9}", f"{T:5}", f"{B:3}", f"{H:4}", times])


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"one thread, torch {torch.__version__}, I = {I}; ms per forward and backward pass")
    print("cell           T    B     H    loop ms    scan ms  loop / scan (quartiles)")
    for name in options.cells:
        for T, B, H in SHAPES:
            print(compare(name, T, B, H, options.rounds), flush=True)


if __name__ == "__main__":
    main()
