"""A median with its quartiles, which may lie beyond all that was looked at."""

import math

import msgspec
import torch
from torch import Tensor


class Spread(msgspec.Struct, kw_only=True):
    """Quartiles; None is beyond the range of what was measured."""

    lower: float | None
    median: float | None
    upper: float | None


def spread_of(values: Tensor) -> Spread:
    """The quartiles of some numbers, of which infinite ones are the largest."""
    lower, median, upper = (
        torch.quantile(values.double(), share, interpolation="lower").item()
        for share in (0.25, 0.5, 0.75)
    )
    return Spread(lower=_finite(lower), median=_finite(median), upper=_finite(upper))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
