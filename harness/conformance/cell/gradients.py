"""Properties of derivatives: finite differences, unusual states, and fast paths.

Legend: B batch, T time, N valid steps of a packed batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError, gradcheck
from torch.nn.utils.rnn import PackedSequence

from recurbench.cells.base import RecurrentCell, map_state
from recurbench.harness.conformance.cell.compare import gradients, require_all_equal, require_finite
from recurbench.harness.conformance.cell.subject import (
    LENGTHS,
    LONG_LENGTHS,
    B,
    Cell,
    State,
    Subject,
    differentiable,
    inputs,
    leaves_of,
    pack,
    visited_state,
)
from recurbench.harness.conformance.findings import NotApplicable, ViolationError, require

STEPS = 3


def exact_gradients(subject: Subject) -> None:
    """Gradients equal finite differences, and every parameter, input and state leaf has one."""
    cell, x = subject.make_generic(), inputs(2, STEPS).requires_grad_()
    state = visited_state(cell, rows=2)
    leaves = {"input": x, **differentiable(state), **dict(cell.named_parameters())}
    for leaf in leaves.values():
        leaf.requires_grad_()

    mixed = {
        name: torch.randn(leaf.numel(), 3, dtype=leaf.dtype) / leaf.numel() ** 0.5
        for name, leaf in differentiable(state).items()
    }

    def run(*_: Tensor) -> tuple[Tensor, ...]:
        """The outputs and a few mixtures of each leaf of the final state."""
        y, after = [], state
        for x_t in x.unbind(1):
            y_t, after = cell.step(x_t, after)
            y.append(y_t)
        final = [leaf.flatten() @ mixed[name] for name, leaf in differentiable(after).items()]
        return (*y, *final)

    for name, leaf in leaves.items():
        try:
            gradcheck(run, (leaf,), eps=1e-6, atol=1e-6, rtol=1e-4, check_undefined_grad=False)
        except GradcheckError as error:
            raise ViolationError(
                f"the gradient of {name} differs from finite differences ({_numbers(error)})",
                "equal, to 1e-4",
                "a detach, an in-place change, `.data`, or a wrong formula in an autograd function",
            ) from error
    found = gradients([*cell(inputs())[0].unbind(1), *run()], dict(cell.named_parameters()))
    for name, gradient in found.items():
        require(
            bool(gradient.any()),
            seen=f"the {name} is zero everywhere",
            expected="every parameter takes part",
            cause="a parameter that is not used, or is used under no_grad",
        )


def _numbers(error: GradcheckError) -> str:
    """The last lines of torch's message hold two matrices; its first says which output."""
    return str(error).strip().partition("\n")[0].rstrip(",.:")


def second_derivatives(subject: Subject) -> None:
    """A second derivative equals finite differences of the first, or is refused by an error."""
    for kernel in subject.kernels:
        cell = subject.make_generic(**kernel)
        name = "".join(f" kernel={value}" for value in kernel.values())
        for layout, x in (("dense", inputs()), ("packed", pack(inputs(), LENGTHS))):
            for what, loss in LOSSES.items():
                _check_second_derivative(cell, x, loss, f"{layout}{name}, the loss a {what}")


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": torch.Tensor.sum,  # through it an autograd function is given a constant
    "sum of squares": lambda y: y.square().sum(),
}


def _check_second_derivative(
    cell: Cell, x: Any, loss: Callable[[Tensor], Tensor], what: str
) -> None:
    parameters = list(cell.parameters())
    along = [torch.randn_like(parameter) for parameter in parameters]
    direction = [torch.randn_like(parameter) for parameter in parameters]

    def dot(tensors: Sequence[Tensor | None], others: list[Tensor]) -> Tensor:
        pairs = zip(tensors, others, strict=True)
        return sum((t * o).sum() for t, o in pairs if t is not None) + torch.zeros(())

    def slope(*, twice: bool) -> Tensor:
        """The loss's derivative along one direction."""
        y = cell(x, cell.initial_state(B))[0]
        y = y.data if isinstance(y, PackedSequence) else y
        found = torch.autograd.grad(loss(y), parameters, create_graph=twice, allow_unused=True)
        return dot(found, along)

    def moved(distance: float) -> float:
        with torch.no_grad():
            for parameter, part in zip(parameters, direction, strict=True):
                parameter.add_(part, alpha=distance)
        found = float(slope(twice=False))
        with torch.no_grad():
            for parameter, part in zip(parameters, direction, strict=True):
                parameter.sub_(part, alpha=distance)
        return found

    try:
        first = slope(twice=True)
        second = torch.zeros(())
        if first.requires_grad:
            parts = torch.autograd.grad(first, parameters, allow_unused=True)
            second = dot(parts, direction)
    except RuntimeError:
        return  # refused, which nobody can mistake for a number
    expected = (moved(1e-6) - moved(-1e-6)) / 2e-6  # their error falls with the square of the step
    require(
        abs(float(second) - expected) <= 1e-4 * max(1.0, abs(expected)),
        seen=f"a second derivative of {float(second):.4g}, {what}",
        expected=f"{expected:.4g}, by finite differences, or an error",
        cause="an autograd function whose backward cannot be differentiated and does not say so",
    )


def any_state(subject: Subject) -> None:
    """A state of zeros, of ones and one with negative entries give finite outputs and gradients."""
    fills: dict[str, Callable[[Tensor], Tensor]] = {
        "zeros": torch.zeros_like,
        "ones": torch.ones_like,
        "-1": lambda leaf: -torch.ones_like(leaf),
        "both signs": lambda leaf: torch.randn_like(leaf),
    }
    cause = "a logarithm, root or division by an entry of the state"
    for kernel in subject.kernels:
        cell = subject.make_generic(**kernel)
        for what, fill in fills.items():

            def replaced(leaf: Tensor, fill: Callable[[Tensor], Tensor] = fill) -> Tensor:
                return fill(leaf).requires_grad_() if leaf.is_floating_point() else leaf

            x, state = inputs().requires_grad_(), map_state(replaced, cell.initial_state(B))
            y, final = cell(x, state)
            where = f"from a state of {what}"
            require_finite(f"output {where}", y, cause=cause, axes=("row", "step", "feature"))
            for name, leaf in leaves_of(final).items():
                require_finite(f"final {name} {where}", leaf, cause=cause)
            leaves = {"input": x, **differentiable(state), **dict(cell.named_parameters())}
            for name, gradient in gradients([y, *final], leaves).items():
                require_finite(f"{name} {where}", gradient, cause=cause)


def fast_path(subject: Subject) -> None:
    """A fast path equals the step loop: values and all gradients, dense and packed."""
    if subject.cls.unroll is RecurrentCell.unroll:
        raise NotApplicable("the step loop is its only path")
    for kernel in subject.kernels:
        cell = subject.make_generic(**kernel)
        x = inputs(B, max(LONG_LENGTHS))
        dense = x[:, :70].transpose(0, 1).flatten(0, 1)
        packed = pack(x, LONG_LENGTHS)
        for what, steps, batch_sizes in (
            ("dense", dense, [B] * 70),
            ("packed", packed.data, packed.batch_sizes.tolist()),
        ):
            name = "".join(f" kernel={value}" for value in kernel.values())
            _compare_paths(cell, f"{what}{name}", steps, batch_sizes)


def _compare_paths(cell: Cell, what: str, x: Tensor, batch_sizes: list[int]) -> None:
    state = visited_state(cell)
    x = x.clone().requires_grad_()
    for leaf in differentiable(state).values():
        leaf.requires_grad_()
    leaves = {"input": x, **differentiable(state), **dict(cell.named_parameters())}

    def run(unroll: Callable[..., tuple[Tensor, Any]]) -> tuple[Tensor, State]:
        y, final = unroll(cell.project(x), batch_sizes, state)
        return y, final

    y, final = run(cell.unroll)
    reference, reference_final = run(lambda *given: RecurrentCell.unroll(cell, *given))
    expected = "what `recur` gives, step after step"
    cause = "`unroll` computes something else than `recur`"
    paths = [(y, final), (reference, reference_final)]
    values = [_named(what, {"outputs": y_, **leaves_of(last)}) for y_, last in paths]
    require_all_equal(*values, expected=expected, cause=cause)
    cause = "the fast path leaves something out of the gradient, or its backward is wrong"
    scale = max(1.0, float(reference.detach().abs().max()))
    found = [_named(what, gradients([y_, *last], leaves, scale)) for y_, last in paths]
    require_all_equal(*found, expected=expected, cause=cause)


def _named(what: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{what} {name}": tensor for name, tensor in tensors.items()}
