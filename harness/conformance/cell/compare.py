"""Compares what a cell gave with what it should have, and words the difference."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from recurbench.harness.conformance.findings import ViolationError

TOLERANCE = 1e-9
"""Largest difference in double precision, relative to the size of the expected values."""


def require_equal(
    what: str,
    seen: Tensor,
    reference: Tensor,
    *,
    expected: str,
    cause: str,
    axes: tuple[str, ...] = ("row",),
    tolerance: float = TOLERANCE,
) -> None:
    """Raises a violation unless two tensors agree; it says where they differ the most.

    Args:
        what: the name of the tensors.
        seen: what the cell gave.
        reference: what it should have given.
        expected: in words, what the reference is.
        cause: the usual mistake.
        axes: names of the leading dimensions.
        tolerance: relative to 1 and to the size of the reference.
    """
    if seen.shape != reference.shape:
        shapes = f"{what} of shape {tuple(seen.shape)}"
        raise ViolationError(shapes, f"{tuple(reference.shape)}, {expected}", cause)
    if not seen.numel():
        return
    difference = (seen.detach().double() - reference.detach().double()).abs()
    difference = difference.nan_to_num(nan=torch.inf)
    allowed = tolerance * (1 + reference.detach().double().abs().max().nan_to_num().item())
    worst = difference.max().item()
    if not worst <= allowed:
        place = torch.unravel_index(difference.argmax(), difference.shape)
        where = ", ".join(f"{axis} {int(i)}" for axis, i in zip(axes, place, strict=False))
        raise ViolationError(
            f"{what} {'at ' + where + ' ' if where else ''}off by {worst:.2g}",
            f"{expected}, to {allowed:.2g}",
            cause,
        )


def require_all_equal(
    seen: Mapping[str, Tensor], reference: Mapping[str, Tensor], *, expected: str, cause: str
) -> None:
    """Compares tensors by name; see `require_equal`."""
    for name, tensor in seen.items():
        require_equal(name, tensor, reference[name], expected=expected, cause=cause)


def require_finite(what: str, tensor: Tensor, *, cause: str, axes: tuple[str, ...] = ()) -> None:
    """Raises a violation if a tensor has an infinite or undefined entry; it names the first."""
    wrong = ~tensor.detach().isfinite()
    if wrong.any():
        place = wrong.nonzero()[0].tolist()
        where = ", ".join(f"{axis} {i}" for axis, i in zip(axes, place, strict=False))
        value = tensor.detach()[tuple(place)].item()
        raise ViolationError(
            f"{what} {'at ' + where + ' ' if where else ''}{value}", "finite", cause
        )


def gradients(
    results: Iterable[Tensor], leaves: Mapping[str, Tensor], scale: float = 1.0
) -> dict[str, Tensor]:
    """Gradients by name of a loss in which every floating result counts; zeros if unused.

    The loss is a sum of sines of the results over `scale`: the sine of a large number is noise.
    """
    terms = [
        torch.sin(r / scale).sum() for r in results if r.is_floating_point() and r.requires_grad
    ]
    found: Iterable[Tensor | None] = [None] * len(leaves)
    if terms:
        total = torch.stack(terms).sum()
        found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {
        f"gradient of {name}": torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
    }
