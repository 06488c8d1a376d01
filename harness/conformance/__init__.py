"""What every cell and every task promises, as checks that anyone can run on their own.

`recurbench check cell NAME` and `recurbench check task NAME` print them; in a test, either
`check_cell(MyCell, window=3)`, `check_task(MyTask, length=9)` or, for a test per property, a
class::

    from recurbench.harness.conformance import CellTests, TaskTests

    class TestMyCell(CellTests):
        cell = MyCell
        knobs = {"window": 3}

    class TestMyTask(TaskTests):
        task = MyTask
"""

from typing import Any

from recurbench.harness.conformance import cell, task
from recurbench.harness.conformance.findings import ConformanceError, Finding, Suite
from recurbench.harness.conformance.testing import CellTests, TaskTests

SUITES: dict[str, Suite[Any]] = {"cell": cell.SUITE, "task": task.SUITE}

check_cell, examine, PROPERTIES = cell.SUITE.check, cell.SUITE.examine, cell.SUITE.properties
check_task, examine_task = task.SUITE.check, task.SUITE.examine
TASK_PROPERTIES = task.SUITE.properties

__all__ = [
    "PROPERTIES",
    "SUITES",
    "TASK_PROPERTIES",
    "CellTests",
    "ConformanceError",
    "Finding",
    "TaskTests",
    "check_cell",
    "check_task",
    "examine",
    "examine_task",
]
