"""The suite as a test class, one test per property, for pytest."""

from collections.abc import Callable
from typing import Any, ClassVar

from harness.conformance.subject import Cell
from harness.conformance.suite import PROPERTIES, ConformanceError, examine


class CellTests:
    """Inherit and set `cell`: pytest then finds a test for each property.

    Attributes:
        cell: the class to be tested.
        knobs: its constructor's arguments besides the sizes.
    """

    cell: ClassVar[type[Cell]]
    knobs: ClassVar[dict[str, Any]] = {}


def _test(name: str) -> Callable[[CellTests], None]:
    def test(self: CellTests) -> None:
        (finding,) = examine(self.cell, self.knobs, [name])
        if finding.status == "fails":
            raise ConformanceError(finding.report)

    test.__doc__ = PROPERTIES[name].__doc__
    return test


for _name in PROPERTIES:
    setattr(CellTests, f"test_{_name}", _test(_name))
