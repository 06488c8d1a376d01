"""The suites as test classes, one test per property, for pytest."""

from collections.abc import Callable
from typing import Any, ClassVar

from recurbench.harness.conformance import cell, task
from recurbench.harness.conformance.findings import ConformanceError, Suite


class CellTests:
    """Inherit and set `cell`: pytest then finds a test for each property.

    Attributes:
        cell: the class to be tested.
        knobs: its constructor's arguments besides the sizes.
    """

    cell: ClassVar[type[Any]]
    knobs: ClassVar[dict[str, Any]] = {}


class TaskTests:
    """Inherit and set `task`: pytest then finds a test for each property.

    Attributes:
        task: the class to be tested.
        knobs: its constructor's arguments.
    """

    task: ClassVar[type[Any]]
    knobs: ClassVar[dict[str, Any]] = {}


def _add_tests(tests: type, kind: str, suite: Suite[Any]) -> None:
    """Gives a class a test of each property."""
    subjects: dict[type, Any] = {}

    def subject_of(inheriting: type[Any]) -> Any:
        """Shared between tests, because a task's data may take long to load."""
        if inheriting not in subjects:
            subjects[inheriting] = suite.subject(getattr(inheriting, kind), inheriting.knobs)
        return subjects[inheriting]

    def test_of(name: str) -> Callable[[Any], None]:
        def test(self: Any) -> None:
            finding = suite.find(subject_of(type(self)), name)
            if finding.status == "fails":
                raise ConformanceError(finding.report)

        test.__doc__ = suite.properties[name].__doc__
        return test

    for name in suite.properties:
        setattr(tests, f"test_{name}", test_of(name))


_add_tests(CellTests, "cell", cell.SUITE)
_add_tests(TaskTests, "task", task.SUITE)
