"""What every cell promises."""

from recurbench.harness.conformance.cell.suite import SUITE

__all__ = ["SUITE"]
