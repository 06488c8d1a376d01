"""Properties across the rows of a batch: packed sequences and independence.

Legend: B batch, T time, N valid steps of a packed batch.
"""

import torch
from torch.nn.utils.rnn import pad_packed_sequence

from recurbench.harness.conformance.cell.compare import gradients, require_all_equal, require_equal
from recurbench.harness.conformance.cell.subject import (
    LENGTHS,
    B,
    Cell,
    Subject,
    differentiable,
    inputs,
    leaves_of,
    pack,
    rows_of,
    visited_state,
)

ALL_LENGTHS = (LENGTHS, [7, 7, 4, 3, 1], [1] * B, [4] * B)


def packed_is_one_by_one(subject: Subject) -> None:
    """A packed batch gives each row what the row gives alone: outputs, final state, gradients."""
    cell = subject.make_generic()
    for lengths in ALL_LENGTHS:
        _check_packed(cell, lengths)


def _check_packed(cell: Cell, lengths: list[int]) -> None:
    x, state = inputs().requires_grad_(), visited_state(cell)
    leaves = {"input": x, **differentiable(state), **dict(cell.named_parameters())}
    for leaf in differentiable(state).values():
        leaf.requires_grad_()

    packed_y, final = cell(pack(x, lengths), state)
    y, _ = pad_packed_sequence(packed_y, batch_first=True)
    alone = [cell(x[i : i + 1, :n], rows_of(state, [i])) for i, n in enumerate(lengths)]

    where = f"in a packed batch of lengths {lengths}"
    expected = "what each row gives when it runs alone"
    for i, (y_alone, final_alone) in enumerate(alone):
        require_equal(
            f"outputs {where}, row {i}:",
            y[i, : lengths[i]],
            y_alone[0],
            expected=expected,
            cause="rows are mixed up between the packed and the dense layout",
            axes=("step", "feature"),
        )
        for name, leaf in leaves_of(final).items():
            require_equal(
                f"final {name} {where}, row {i}:",
                leaf[[i]],
                leaves_of(final_alone)[name],
                expected=expected,
                cause="padded steps are computed, or rows come back in sorted order",
                axes=(),
            )
    results = [tensor for y_alone, last in alone for tensor in (y_alone, *last)]
    require_all_equal(
        {f"{name} {where}": g for name, g in gradients([packed_y.data, *final], leaves).items()},
        {f"{name} {where}": g for name, g in gradients(results, leaves).items()},
        expected=expected,
        cause="the packed path leaves steps or rows out of the gradient",
    )


def rows_are_independent(subject: Subject) -> None:
    """A row's result does not change with its neighbours, the batch size, or its place."""
    cell, x = subject.make_generic(), inputs()
    y, final = cell(x, cell.initial_state(B))
    cause = "a statistic over the batch, or an initial state that depends on the row"
    axes = ("row", "step", "feature")

    for i in range(B):
        y_alone, final_alone = cell(x[[i]], cell.initial_state(1))
        expected = f"that of row {i} among others"
        require_equal("output alone", y_alone, y[[i]], expected=expected, cause=cause, axes=axes)
        require_all_equal(
            leaves_of(final_alone), leaves_of(rows_of(final, [i])), expected=expected, cause=cause
        )

    order = [3, 0, 4, 1, 2]
    moved, _ = cell(x[order], cell.initial_state(B))
    expected = "what the row gives at another place in the batch"
    require_equal("output", moved, y[order], expected=expected, cause=cause, axes=axes)

    # Not even a neighbour that is not a number is noticed.
    broken = x.clone()
    broken[1:] = torch.nan
    expected = "as with other neighbours"
    beside, _ = cell(broken, cell.initial_state(B))
    require_equal("output", beside[[0]], y[[0]], expected=expected, cause=cause, axes=axes)
    packed, _ = cell(pack(broken, LENGTHS), cell.initial_state(B))
    require_equal(
        "packed output",
        pad_packed_sequence(packed, batch_first=True)[0][[0], : LENGTHS[0]],
        y[[0], : LENGTHS[0]],
        expected=expected,
        cause=cause,
        axes=axes,
    )
