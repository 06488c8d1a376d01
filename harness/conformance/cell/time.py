"""Properties along time: steps, chunks, causality, broken steps, long sequences.

Legend: B batch, T time, O output size.
"""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_packed_sequence

from recurbench.harness.conformance.cell.compare import (
    require_all_equal,
    require_equal,
    require_finite,
)
from recurbench.harness.conformance.cell.subject import (
    LONG_LENGTHS,
    B,
    Cell,
    I,
    State,
    Subject,
    T,
    inputs,
    leaves_of,
    pack,
    rows_of,
    visited_state,
)

STEP_AXES = ("row", "step", "feature")
LONG = 5000


def step_is_forward(subject: Subject) -> None:
    """`step` folded over time equals `forward`, outputs and state."""
    cell, x = subject.make_generic(), inputs()
    y, final = cell(x, cell.initial_state(len(x)))
    state, steps = cell.initial_state(len(x)), []
    for t in range(T):
        y_t, state = cell.step(x[:, t], state)
        steps.append(y_t)
    cause = "`unroll` or `step` is overridden and computes something else than `recur`"
    expected = "what `step` gives, step after step"
    require_equal(
        "outputs of forward", y, torch.stack(steps, 1), expected=expected, cause=cause,
        axes=STEP_AXES,
    )  # fmt: skip
    require_all_equal(leaves_of(final), leaves_of(state), expected=expected, cause=cause)


def chunks_are_the_whole(subject: Subject) -> None:
    """A sequence run in chunks, each from the state of the one before, equals the whole."""
    cell, x = subject.make_generic(), inputs()
    start = visited_state(cell)
    y, final = cell(x, start)
    for sizes in ([1, T - 1], [T - 1, 1], [4, 3], [1] * T):
        state, chunks = start, []
        for chunk in x.split(sizes, dim=1):
            y_chunk, state = cell(chunk, state)
            chunks.append(y_chunk)
        expected = f"those of the whole sequence, of which these are chunks of {sizes} steps"
        cause = "the given state is ignored, or does not hold all that the next step needs"
        require_equal(
            "outputs", torch.cat(chunks, 1), y, expected=expected, cause=cause, axes=STEP_AXES
        )
        require_all_equal(leaves_of(state), leaves_of(final), expected=expected, cause=cause)


def causal(subject: Subject) -> None:
    """A change at step t leaves every output before t as it was."""
    cell, x = subject.make_generic(), inputs()
    state = cell.initial_state(len(x))
    y, _ = cell(x, state)
    for t in (1, T // 2, T - 1):
        changed = x.clone()
        changed[:, t] = 100 * torch.randn_like(changed[:, t])
        require_equal(
            f"outputs before step {t}",
            cell(changed, state)[0][:, :t],
            y[:, :t],
            expected=f"as they were before the input at step {t} changed",
            cause="the time axis is reversed, or something is computed over the whole sequence",
            axes=STEP_AXES,
        )


BROKEN_ROW, BROKEN_STEP = 1, 40


def nan_travels_forward_only(subject: Subject) -> None:
    """A NaN or infinity in one step changes no output before it, and no other row."""
    for kernel in subject.kernels:
        cell, x = subject.make_generic(**kernel), inputs(B, max(LONG_LENGTHS))
        name = "".join(f" kernel={value}" for value in kernel.values())
        for layout, lengths in (("dense", [70] * B), ("packed", LONG_LENGTHS)):
            with torch.no_grad():
                _check_broken_step(cell, x, lengths, layout + name)


def _check_broken_step(cell: Cell, x: Tensor, lengths: list[int], what: str) -> None:
    others = [row for row in range(B) if row != BROKEN_ROW]
    y, final = _run(cell, x, lengths)
    before = {"outputs": y[BROKEN_ROW, :BROKEN_STEP]}
    beside = {"outputs": y[others], **leaves_of(rows_of(final, others))}
    for value in (torch.nan, torch.inf):
        broken = x.clone()
        broken[BROKEN_ROW, BROKEN_STEP] = value
        y, final = _run(cell, broken, lengths)
        seen_beside = {"outputs": y[others], **leaves_of(rows_of(final, others))}
        for where, seen, expected in (
            ("before it", {"outputs": y[BROKEN_ROW, :BROKEN_STEP]}, before),
            ("of other rows", seen_beside, beside),
        ):
            place = f"{where}, {what}, with {value} at row {BROKEN_ROW}, step {BROKEN_STEP}:"
            require_all_equal(
                {f"{key} {place}": tensor for key, tensor in seen.items()},
                {f"{key} {place}": tensor for key, tensor in expected.items()},
                expected="as without it",
                cause="a product with weights of zero for later steps or rows: 0 * NaN is NaN",
            )


def _run(cell: Cell, x: Tensor, lengths: list[int]) -> tuple[Tensor, State]:
    """Outputs, padded with zeros, and the final state; dense if all rows are as long."""
    start = cell.initial_state(B)
    if len(set(lengths)) == 1:
        y, final = cell(x[:, : lengths[0]], start)
        return y, final
    packed, final = cell(pack(x, lengths), start)
    return pad_packed_sequence(packed, batch_first=True)[0], final


def long_sequences(subject: Subject) -> None:
    """5,000 steps in float32 stay finite, with small and with large inputs."""
    cause = (
        "an unstable recurrence, an exponential without a stabiliser, or a product that overflows"
    )
    scales = torch.tensor([1e-3, 1e3], dtype=torch.float32)
    for kernel in subject.kernels:
        cell = subject.make(dtype=torch.float32, **kernel)
        x = scales[:, None, None] * torch.randn(len(scales), LONG, I, dtype=torch.float32)
        with torch.no_grad():
            y, final = cell(x)
        require_finite("output", y, cause=cause, axes=STEP_AXES)
        for name, leaf in leaves_of(final).items():
            require_finite(name, leaf, cause=cause, axes=("row",))
