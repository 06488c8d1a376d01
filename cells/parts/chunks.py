"""Runs a packed batch chunk after chunk of steps, for cells that do a chunk's steps at once.

Legend: B batch, T time, G projected size, O output size, N valid steps of a packed batch,
R rows still running, L steps of a chunk.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from recurbench.cells.base import StateT, fold

CHUNK = 64
"""The most steps of a chunk. The work within a chunk grows with the square of its steps, but each
chunk also reads and writes a whole memory. The widest cells would be faster with longer chunks, the
narrowest with chunks half as long."""


def set_apart(values: Tensor) -> tuple[Tensor, Tensor]:
    """Values that a product over the steps of a chunk may read, and which steps are to be NaN.

    Such a product gives later steps the weight 0. That is not enough: 0 times NaN or infinity is
    NaN, so one broken step would break those before it, which step after step it does not. Without
    values that are not finite, and with the second result added, it breaks itself and later ones.

    Args:
        values: of all steps, `(..., L, D)`.

    Returns:
        The values with 0 in place of what is not finite, `(..., L, D)`; and `(..., L, 1)`, NaN from
        the first step on that had such a value, else 0.
    """
    broken = (0 * values.detach()).sum(-1, keepdim=True).cumsum(-2)
    return values.nan_to_num(0, 0, 0), broken


def fold_chunks(
    chunk: Callable[[Tensor, StateT], tuple[Tensor, StateT]],
    u: Tensor,
    batch_sizes: Sequence[int],
    state: StateT,
    *,
    idle: Tensor,
) -> tuple[Tensor, StateT]:
    """Applies a function to chunk after chunk of a packed batch.

    A row that ends within a chunk is filled up with idle steps, which leave its state as it is.
    Later chunks do not have this row.

    Args:
        chunk: runs L steps, `(R, L, G)` and a state to `(R, L, O)` and the next state.
        u: projected inputs `(N, G)`; see `RecurrentCell.unroll`.
        batch_sizes: the number of rows still running at each step.
        state: the initial state.
        idle: the projected input `(G,)` of an idle step.

    Returns:
        Outputs `(N, O)`, and each row's state after its own last step.
    """
    T = len(batch_sizes)
    L = -(-T // -(-T // CHUNK))  # chunks of equal length, so that little is filled up
    sizes = torch.tensor(batch_sizes, device="cpu")
    time = torch.repeat_interleave(torch.arange(T, device="cpu"), sizes)
    row = torch.arange(len(u), device="cpu") - (sizes.cumsum(0) - sizes)[time]
    rows = sizes[::L]  # of each chunk
    begins = rows.cumsum(0) - rows
    place = ((begins[time // L] + row) * L + time % L).to(u.device)

    chunk_rows = rows.tolist()
    grid = idle.expand(sum(chunk_rows) * L, -1).index_copy(0, place, u)
    y, final = fold(chunk, grid.unflatten(0, (-1, L)), chunk_rows, state)
    return y.flatten(0, 1).index_select(0, place), final
