"""What every cell promises, as checks that anyone can run on a cell of their own.

`recurbench check cell NAME` prints them; in a test, either `check_cell(MyCell, window=3)` or, for a
test per property, a class::

    from harness.conformance import CellTests

    class TestMyCell(CellTests):
        cell = MyCell
        knobs = {"window": 3}
"""

from harness.conformance.suite import (
    PROPERTIES,
    ConformanceError,
    Finding,
    check_cell,
    examine,
)
from harness.conformance.testing import CellTests

__all__ = ["PROPERTIES", "CellTests", "ConformanceError", "Finding", "check_cell", "examine"]
