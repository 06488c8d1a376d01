"""Properties along time: steps, chunks, causality, long sequences.

Legend: B batch, T time, O output size.
"""

import torch

from recurbench.harness.conformance.cell.compare import (
    require_all_equal,
    require_equal,
    require_finite,
)
from recurbench.harness.conformance.cell.subject import (
    I,
    Subject,
    T,
    inputs,
    leaves_of,
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
