"""Times linear recurrences trained by their scan against their own steps in a loop.

A training step here is a forward and a backward pass, without a loss. There are two loops: `step`
folded over time, and the cell's own kernel `reference`, which projects all inputs at once before it
steps. Equal outputs and gradients are asserted in double precision before any time is taken. Freed
memory is kept, as in every run.

    python benchmarks/linear_scan.py [--rounds 11] [--cells lru s5]
"""

import argparse
import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import alternating
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.cells.lru import LRU
from recurbench.cells.min_gru import MinGRU
from recurbench.cells.min_lstm import MinLSTM
from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.rg_lru import RGLRU
from recurbench.cells.s5 import S5
from recurbench.harness.run.memory import keep_freed_memory

CELLS = {cls.name: cls for cls in (MinGRU, MinLSTM, RGLRU, LRU, S5)}
SHAPES = [  # T, B, H
    (32, 32, 64),
    (128, 32, 64),
    (512, 1, 64),
    (512, 8, 64),
    (512, 16, 64),
    (512, 32, 64),
    (512, 32, 8),
    (512, 32, 256),
    (2048, 32, 64),
]
I = 32


def at_once(cell: RecurrentCell[Any], x: Tensor) -> Tensor:
    """The outputs by the cell's kernel."""
    y: Tensor = cell(x)[0]
    return y


def folded(cell: RecurrentCell[Any], x: Tensor) -> Tensor:
    """The outputs by `step`, time after time."""
    state, outputs = cell.initial_state(len(x)), []
    for x_t in x.unbind(1):
        y, state = cell.step(x_t, state)
        outputs.append(y)
    return torch.stack(outputs, 1)


Forward = Callable[[RecurrentCell[Any], Tensor], Tensor]


def train(forward: Forward, cell: RecurrentCell[Any], x: Tensor, dy: Tensor) -> list[Tensor]:
    """The outputs and all gradients of one training step."""
    y = forward(cell, x)
    return [y, *torch.autograd.grad(y, list(cell.parameters()), dy)]


def compare(name: str, kernel: Kernel, T: int, B: int, H: int, rounds: int) -> str:
    """A line of the table: the time of the scan, and how many times faster it is than each loop."""
    scan = CELLS[name](I, H, kernel=kernel)
    loop = CELLS[name](I, H, kernel="reference")
    loop.load_state_dict(scan.state_dict())
    x, dy = torch.randn(B, T, I), torch.randn(B, T, H)
    ways = [(folded, scan), (at_once, loop), (at_once, scan)]
    double = x.double(), dy.double()
    exact = [train(forward, copy.deepcopy(cell).double(), *double) for forward, cell in ways]
    for other in exact[:-1]:
        torch.testing.assert_close(other, exact[-1], rtol=1e-8, atol=1e-9)

    *loops, fast = (partial(train, forward, cell, x, dy) for forward, cell in ways)
    times = alternating.compare(loops, fast, rounds)
    return "  ".join([f"{name:9}", f"{T:5}", f"{B:3}", f"{H:4}", *times])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--kernel", choices=["fused", "native"], default="native")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(0)
    print(f"one thread, torch {torch.__version__}, I = {I}; ms per forward and backward pass")
    print("cell           T    B     H    scan ms   steps ms   steps / scan (quartiles)", end="")
    print("    loop ms   loop / scan (quartiles)")
    for name in options.cells:
        for T, B, H in SHAPES:
            print(compare(name, options.kernel, T, B, H, options.rounds), flush=True)


if __name__ == "__main__":
    main()
