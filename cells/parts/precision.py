"""Which precision a cell computes in, and which one it answers in."""

from typing import TypeVar

import torch
from torch import Tensor

StateT = TypeVar("StateT", bound=tuple[Tensor, ...])


def widen(x: Tensor) -> Tensor:
    """The tensor in float32 or wider: decays near 1 and sums over many steps need the digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def settled(
    x: Tensor, start: StateT, y: Tensor, final: StateT, parameter: Tensor | None
) -> tuple[Tensor, StateT]:
    """The outputs and the final state in the dtypes of what went in.

    A cell may compute in a wider dtype than that of its parameters, and autocast in a narrower one.
    The state has one dtype for all chunks nevertheless, and the next layer gets what it expects.

    Args:
        x: the inputs.
        start: the initial state.
        y: the outputs. They stay as they are where the inputs are not of the parameters' dtype,
            which is possible under autocast only.
        final: the final state.
        parameter: the first of the cell, if it has any.

    Returns:
        `y` and `final`.
    """
    own = parameter is None or parameter.dtype == x.dtype
    if y.dtype != x.dtype and own and torch.promote_types(x.dtype, y.dtype) != x.dtype:
        y = y.to(x.dtype)
    for leaf, given in zip(final, start, strict=True):
        if leaf.dtype != given.dtype:
            pairs = zip(final, start, strict=True)
            return y, type(final)(*(leaf.to(given.dtype) for leaf, given in pairs))
    return y, final
