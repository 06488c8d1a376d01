"""A window over the last W steps: a ring buffer for one step, a table of entries for all steps."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOWS = 512
"""How many steps a fused kernel attends from at once, so that their windows stay in the cache."""


def push(
    rings: Sequence[Tensor], entries: Sequence[Tensor], steps: Tensor, slots: Tensor
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Takes one step: writes a new entry over the oldest one of each ring.

    The entry of step `s` (from 0) is in slot `s mod W`. The rings passed in are not modified.

    Args:
        rings: each `(B, W, H)`.
        entries: the new entry of each ring, `(B, H)` and of the ring's dtype.
        steps: `(B,)`, how many steps each row has taken before.
        slots: `(W,)`, the numbers from 0.

    Returns:
        The new rings, which of their slots are empty yet, `(B, W)`, and the new number of steps.
    """
    slot = torch.arange(len(steps), device=steps.device), steps % len(slots)  # one per row
    pushed = [ring.index_put(slot, entry) for ring, entry in zip(rings, entries, strict=True)]
    steps = steps + 1
    return pushed, slots >= steps.unsqueeze(1), steps


class Windows:
    """The windows of all steps of a packed batch at once, over tables of entries.

    A table begins with the W entries of a ring, oldest first; those of the sequence follow. It is
    thus a longer sequence, whose time `e` is time `e - W` of the given one. The window of step `t`
    ends at `e = W + t`, and a row that has taken `s` steps has no entry before `e = W - s`.

    Args:
        batch_sizes: the number of rows still running at each step, never increasing.
        steps: `(B,)`, how many steps each row has taken before.
        slots: `(W,)`, the numbers from 0.

    Attributes:
        steps: `(B,)`, how many steps each row has taken afterwards.
    """

    def __init__(self, batch_sizes: Sequence[int], steps: Tensor, slots: Tensor) -> None:
        W, B, T, N = len(slots), batch_sizes[0], len(batch_sizes), sum(batch_sizes)
        device = steps.device
        sizes = torch.tensor([B] * W + list(batch_sizes), device=device)
        begins = sizes.cumsum(0) - sizes  # of each time e in the longer sequence
        # With its size given, no processor waits for another to count.
        step = torch.arange(T, device=device).repeat_interleave(sizes[W:], output_size=N)
        row = torch.arange(N, device=device) - (begins[W:] - W * B)[step]
        self._oldest_first = (steps.unsqueeze(1) + slots) % W  # (B, W)

        time = step.unsqueeze(1) + 1 + slots  # (N, W), of each window
        self._entries = begins[time] + row.unsqueeze(1)
        self._empty = time + steps[row].unsqueeze(1) < W

        rows = torch.arange(B, device=device)
        lengths = (sizes[W:] > rows.unsqueeze(1)).sum(1)
        self.steps = steps + lengths
        time = lengths.unsqueeze(1) + (slots - self.steps.unsqueeze(1)) % W  # (B, W), of each slot
        self._last = begins[time] + rows.unsqueeze(1)

    def table(self, ring: Tensor, entries: Tensor) -> Tensor:
        """A ring `(B, W, H)` before a sequence's entries `(N, H)`: `(W * B + N, H)`."""
        past = ring.gather(1, self._oldest_first.unsqueeze(2).expand_as(ring))
        return torch.cat((past.transpose(0, 1).flatten(0, 1), entries))

    def ring(self, table: Tensor) -> Tensor:
        """The ring `(B, W, H)` that each row has after its own last step."""
        return table[self._last]

    def run(
        self,
        attend: Callable[..., Tensor],
        inputs: Sequence[Tensor],
        tables: Sequence[Tensor],
        at_once: int,
    ) -> Tensor:
        """Attends from every step to its window, oldest entry first.

        Args:
            attend: takes `(n, ...)` of each input, the windows `(n, W, H)` of each table and which
                of their entries are empty, `(n, W)`.
            inputs: what `attend` gets of each step beside its window, each `(N, ...)`.
            tables: see `table`.
            at_once: the largest n.

        Returns:
            What `attend` gave, for all N steps.
        """
        # Part after part, so that evaluation never holds the windows of all steps at once; as
        # lookups in a table, whose gradient torch accumulates faster than that of indexing.
        parts = zip(
            *(whole.split(at_once) for whole in (self._entries, self._empty, *inputs)), strict=True
        )
        return torch.cat(
            [
                attend(*own, *(F.embedding(entries, table) for table in tables), empty)
                for entries, empty, *own in parts
            ]
        )


def head_of(hidden_size: int, heads: int) -> Tensor:
    """Which head each feature belongs to, as a matrix of 0 and 1; heads lie side by side.

    A product with this matrix sums the features of each head, without a copy of whole windows.

    Returns:
        `(heads, H)`.
    """
    return torch.eye(heads).repeat_interleave(hidden_size // heads, dim=1)


def mix(scores: Tensor, values: Tensor, empty: Tensor) -> Tensor:
    """The sum of the values, weighted by the softmax of each head's scores.

    Args:
        scores: `(B, W, heads)`.
        values: `(B, W, H)`, the heads' features side by side.
        empty: `(B, W)`, the entries that get no weight; every row has one that is not empty.

    Returns:
        The contexts `(B, H)`.
    """
    scores = scores.masked_fill(empty.unsqueeze(2), -math.inf)
    weights = torch.softmax(scores, dim=1).transpose(1, 2).unsqueeze(2)  # (B, heads, 1, W)
    values = values.unflatten(2, (scores.shape[2], -1)).transpose(1, 2)  # (B, heads, W, D)
    return torch.matmul(weights, values).flatten(1)
