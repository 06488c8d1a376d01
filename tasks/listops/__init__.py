"""Nested expressions of minima, maxima, medians and sums of digits."""

from recurbench.tasks.listops.task import ListOps

__all__ = ["ListOps"]
