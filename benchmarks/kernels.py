"""Times the kernels of cells against torch's layers, and of other cells against their own steps.

A training step here is a forward and a backward pass to all weights. Equal outputs and gradients
are asserted in double precision before any time is taken. Beside each time stands how much of it
the step's matrix products alone take in torch: the floor.

    python benchmarks/kernels.py [--rounds 9] [--kernels fused native] [--cells gru lstm]
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import alternating
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from recurbench.cells.base import RecurrentCell
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.memory import keep_freed_memory

DENSE = [  # T, B, I, H
    (100, 32, 64, 64),
    (100, 64, 128, 128),
    (200, 64, 256, 256),
    (100, 32, 512, 512),
    (35, 20, 650, 650),
    (500, 16, 32, 32),
    (784, 64, 1, 128),
]
PACKED = [(a, b, H) for H in (64, 256) for a, b in ((10, 100), (25, 160), (5, 30))]
B = 32  # of packed batches
LAYERS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}
OTHERS = (
    (100, 32, 64),  # T, B, H
    ["mgu", "ligru", "indrnn", "gru_blended_reset", "lem", "slstm", "orthogonal_rnn",
     "attention_gru"],
)  # fmt: skip

Cell = RecurrentCell[Any]


def trained(call: Callable[[Any], Any], x: Any, weights: Sequence[Tensor]) -> list[Tensor]:
    """The outputs and all gradients of one training step."""
    y = call(x)[0]
    y = y if isinstance(y, Tensor) else y.data
    return [y.detach(), *torch.autograd.grad(y.square().mean(), list(weights))]


def compare(kernel: str, cell: Cell, other: nn.Module, x: Any, title: str, rounds: int) -> str:
    """A line of the table: both times, and their ratio with its quartiles."""
    exact = [copy.deepcopy(module).double() for module in (cell, other)]
    found = [trained(module, x.double(), list(module.parameters())) for module in exact]
    torch.testing.assert_close(*found, rtol=1e-7, atol=1e-10)
    weights = [list(module.parameters()) for module in (cell, other)]
    columns = alternating.compare(
        [lambda: trained(other, x, weights[1])], lambda: trained(cell, x, weights[0]), rounds
    )
    return "  ".join([f"{cell.name:17} {kernel:9}", f"{title:24}", *columns])


def floor(cell: Cell, T: int, rows: int, I: int, H: int) -> float:
    """Milliseconds of the matrix products of a training step, all recurrent ones step by step."""
    G, N = cell.state_dict()["weight_hh"].shape[0], T * rows
    x, h, d = torch.randn(N, I), torch.randn(rows, H), torch.randn(N, G)
    W_ih, W_hh, all_h = torch.randn(G, I), torch.randn(G, H), torch.randn(N, H)
    u, v, dh = torch.empty(N, G), torch.empty(rows, G), torch.empty(rows, H)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        torch.mm(x, W_ih.t(), out=u)
        for _ in range(T):
            torch.mm(h, W_hh.t(), out=v)
        for _ in range(T):
            torch.mm(d[:rows], W_hh, out=dh)
        torch.mm(d.t(), all_h)
        torch.mm(d.t(), x)
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def against_torch(name: str, kernel: str, rounds: int) -> None:
    """The lines of a cell that torch has too."""
    make = registry().plugins["cell"][name].cls
    for T, rows, I, H in DENSE:
        cell = make(I, H, kernel=kernel)
        layer = LAYERS[name](I, H, batch_first=True)
        _share(cell, layer)
        line = compare(kernel, cell, layer, torch.randn(rows, T, I), f"{T} {rows} {I} {H}", rounds)
        share = 100 * floor(cell, T, rows, I, H) / float(line.split()[6])
        print(f"{line}  {share:4.0f} %", flush=True)
    for shortest, longest, H in PACKED:
        cell, layer = make(H, H, kernel=kernel), LAYERS[name](H, H)
        _share(cell, layer)
        lengths = torch.randint(shortest, longest + 1, (B,)).tolist()
        x = pack_padded_sequence(
            torch.randn(B, max(lengths), H), lengths, batch_first=True, enforce_sorted=False
        )
        title = f"{shortest}-{longest} {B} {H} {H}"
        print(compare(kernel, cell, layer, x, title, rounds), flush=True)


def _share(cell: Cell, layer: nn.Module) -> None:
    named = layer.state_dict().items()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in named})


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--kernels", nargs="+", default=["fused", "native"])
    parser.add_argument("--cells", nargs="+", default=[*LAYERS, *OTHERS[1]])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()  # as runs do
    print(f"one thread, torch {torch.__version__}; ms per forward and backward pass")
    print("cell, kernel, T B I H: kernel ms, torch or reference ms, ratio (quartiles), floor")
    for name in filter(LAYERS.__contains__, options.cells):
        for kernel in options.kernels:
            against_torch(name, kernel, options.rounds)
    (T, rows, H), others = OTHERS
    for name in filter(others.__contains__, options.cells):
        for kernel in options.kernels:
            make = registry().plugins["cell"][name].cls
            cell, reference = make(H, H, kernel=kernel), make(H, H, kernel="reference")
            reference.load_state_dict(cell.state_dict())
            x = torch.randn(rows, T, H)
            print(compare(kernel, cell, reference, x, f"{T} {rows} {H} {H}", options.rounds))


if __name__ == "__main__":
    main()
