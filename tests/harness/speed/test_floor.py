"""The floor is the matrix products of a cell like torch's, and all of them."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from recurbench.harness.plugins.registry import registry
from recurbench.harness.speed.floor import forward_floor, gates_of, training_floor

I, H = 3, 5


@pytest.mark.parametrize(
    ("name", "gates"), [("gru", 15), ("lstm", 20), ("rnn", 5), ("torch_gru", 15), ("lru", None),
                        ("feedforward", None)],
)  # fmt: skip
def test_cells_with_torchs_weights_have_one(name: str, gates: int | None) -> None:
    assert gates_of(registry().plugins["cell"][name].cls(I, H), I, H) == gates


def test_torchs_layers_have_one() -> None:
    assert gates_of(nn.GRU(I, H), I, H) == 15


@pytest.mark.parametrize("rows", [[4, 4, 4], [4, 2, 1]], ids=["dense", "packed"])
def test_every_product_is_in_it_and_no_padded_step(rows: list[int]) -> None:
    N, G, device = sum(rows), 3 * H, torch.device("cpu")
    forward = 2 * N * G * (I + H)  # x W_ih^T and h W_hh^T
    backward = 2 * N * G * (H + H + I)  # d W_hh, d^T h and d^T x
    for way, expected in (
        (forward_floor(rows, I, H, G, device), forward),
        (training_floor(rows, I, H, G, device), forward + backward),
    ):
        with FlopCounterMode(display=False) as counter:
            way()
        assert counter.get_total_flops() == expected
