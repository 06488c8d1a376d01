"""Times torch's layers on packed sequences: dense stretches against torch's own packed call.

A training step here is a forward and a backward pass. Equal outputs and gradients are asserted in
double precision before any time is taken.

    python benchmarks/packed_layers.py [--rounds 11]
"""

import argparse
import copy
from collections.abc import Callable, Sequence
from typing import Any

import alternating
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from recurbench.cells.torch_layers import TorchGRU, TorchLayer, TorchLSTM, TorchRNN

SHAPES = [  # B, shortest, longest, H
    (32, 5, 50, 64),
    (16, 25, 160, 200),
    (8, 95, 100, 300),
    (8, 100, 1000, 64),
]
I = 88

Call = Callable[[PackedSequence], tuple[PackedSequence, object]]


def gradients(call: Call, layer: TorchLayer[Any], packed: PackedSequence) -> list[Tensor]:
    """The outputs and all gradients of one training step."""
    y = call(packed)[0].data
    return [y, *torch.autograd.grad(y.square().mean(), list(layer.parameters()))]


def compare(
    cls: type[TorchLayer[Any]], B: int, shortest: int, longest: int, H: int, rounds: int
) -> str:
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

    times = alternating.compare(
        [lambda: gradients(layer.layer, layer, packed)],
        lambda: gradients(layer, layer, packed),
        rounds,
    )
    return "  ".join([f"{cls.name:10}", f"{B:3}", f"{shortest:4}-{longest:<4}", f"{H:4}", *times])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"one thread, torch {torch.__version__}, I = {I}; ms per forward and backward pass")
    print("cell          B  T            H    ours ms  packed ms  packed / ours (quartiles)")
    for shape in SHAPES:
        for cls in (TorchGRU, TorchLSTM, TorchRNN):
            print(compare(cls, *shape, options.rounds), flush=True)


if __name__ == "__main__":
    main()
