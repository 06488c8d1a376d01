"""The floor: the matrix products alone of a cell whose gates have the weights that torch's have.

Legend: B batch, T time, I input size, H hidden size, G all gates, N valid steps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recurbench.harness.speed.alternating import Way


def gates_of(module: nn.Module, I: int, H: int) -> int | None:
    """G, if there are weights `weight_ih` `(G, I)` and `weight_hh` `(G, H)`; else None."""
    state = {name.removesuffix("_l0"): value for name, value in module.state_dict().items()}
    found = [tuple(state[name].shape) for name in ("weight_ih", "weight_hh") if name in state]
    if len(found) != 2 or any(len(shape) != 2 for shape in found):
        return None
    G = found[0][0]
    return G if found == [(G, I), (G, H)] else None


def forward_floor(rows: Sequence[int], I: int, H: int, G: int, device: torch.device) -> Way:
    """The products of a forward pass, all recurrent ones step by step."""
    products = _Products(rows, I, H, G, device)
    return products.forward


def training_floor(rows: Sequence[int], I: int, H: int, G: int, device: torch.device) -> Way:
    """The products of a forward and a backward pass to all weights."""
    products = _Products(rows, I, H, G, device)

    def way() -> None:
        products.forward()
        products.backward()

    return way


class _Products:
    """Factors and room for products; `rows` are those of each step."""

    def __init__(self, rows: Sequence[int], I: int, H: int, G: int, device: torch.device) -> None:
        N, B = sum(rows), rows[0]

        def full(*shape: int) -> Tensor:
            return torch.full(shape, 0.1, device=device)

        self.rows = rows
        self.x, self.h, self.d = full(N, I), full(N, H), full(N, G)
        self.W_ih, self.W_hh = full(G, I), full(G, H)
        self.u, self.v, self.dh = full(N, G), full(B, G), full(B, H)

    def forward(self) -> None:
        """`x W_ih^T` for all steps at once, `h W_hh^T` for each."""
        torch.mm(self.x, self.W_ih.t(), out=self.u)
        for rows in self.rows:
            torch.mm(self.h[:rows], self.W_hh.t(), out=self.v[:rows])

    def backward(self) -> None:
        """`d W_hh` for each step, `d^T h` and `d^T x` for all at once."""
        for rows in self.rows:
            torch.mm(self.d[:rows], self.W_hh, out=self.dh[:rows])
        torch.mm(self.d.t(), self.h)
        torch.mm(self.d.t(), self.x)
