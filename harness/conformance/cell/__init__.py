"""What every cell promises."""

from harness.conformance.cell.suite import SUITE

__all__ = ["SUITE"]
