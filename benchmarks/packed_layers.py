"""Times torch's layers on packed sequences: dense stretches against torch's own packed call.

A training step here is a forward and a backward pass. Equal outputs and gradients are asserted in
double precision before any time is taken. Rounds alternate, and the ratio is taken round by round,
as other programs disturb the machine.

    python benchmarks/packed_layers.py [--rounds 11]
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from cells.torch_layers import TorchGRU, TorchLayer, TorchLSTM, TorchRNN

SHAPES = [  # B, shortest, longest, H
    (32, 5, 50, 64),
    (16, 25, 160, 200),
    (8, 95, 100, 300),
    (8, 100, 1000, 64),
]
I = 88

Call = Callable[[PackedSequence], tuple[PackedSequence, object]]


def gradients(call: Call, layer: TorchLayer, packed: PackedSequence) -> list[Tensor]:
    """The outputs and all gradients of one training step."""
    y = call(packed)[0].data
    return [y, *torch.autograd.grad(y.square().mean(), list(layer.parameters()))]


def compare(cls: type[TorchLayer], B: int, shortest: int, longest: int, H: int, rounds: int) -> str:
    """A line of the table: both times, and their ratio with its quartiles."""
    layer = cls(I, H)
    lengths = torch.randint(shortest, longest + 1, (B,)).tolist()
    x = torch.randn(B, max(lengths), I)
    packed, exact = (
        pack_padded_sequence(each, lengths, batch_first=True, enforce_sorted=False)
        for each in (x, x.double())
    )
    double = copy.deepcopy(layer).double()
    ours, torchs = (gradients(call, double, exact) for call in (double, double.layer))
    torch.testing.assert_close(ours, torchs, rtol=1e-9, atol=1e-12)

    calls: dict[str, Call] = {"ours": layer, "torch": layer.layer}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name in sorted(calls, reverse=bool(round_ % 2)):
            start = time.perf_counter()
            gradients(calls[name], layer, packed)
            times[name].append(time.perf_counter() - start)
    ours_, torchs_ = (each[1:] for each in times.values())  # the first warms up
    low, median, high = statistics.quantiles(
        [slow / fast for slow, fast in zip(torchs_, ours_, strict=True)], n=4
    )
    milliseconds = (1e3 * statistics.median(each) for each in (torchs_, ours_))
    columns = [f"{cls.name:10}", f"{B:3}", f"{shortest:4}-{longest:<4}", f"{H:4}"]
    columns += [f"{ms:9.1f}" for ms in milliseconds]
    return "  ".join([*columns, f"{median:6.2f} ({low:.2f} to {high:.2f})"])


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"one thread, torch {torch.__version__}, I = {I}; ms per forward and backward pass")
    print("cell          B  T            H  packed ms  ours ms  packed / ours (quartiles)")
    for shape in SHAPES:
        for cls in (TorchGRU, TorchLSTM, TorchRNN):
            print(compare(cls, *shape, options.rounds), flush=True)


if __name__ == "__main__":
    main()
