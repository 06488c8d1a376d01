"""What every task promises."""

from harness.conformance.task.suite import SUITE

__all__ = ["SUITE"]
