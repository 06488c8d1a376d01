"""What every task promises."""

from recurbench.harness.conformance.task.suite import SUITE

__all__ = ["SUITE"]
