"""What a suite is: properties that raise where they do not hold, and what they found."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import torch

from recurbench.harness.errors import PLUGIN_ERRORS
from recurbench.harness.model.streams import set_seed


class ViolationError(AssertionError):
    """A property does not hold.

    Attributes:
        seen: what the cell or task did.
        expected: what it should have done.
        cause: the usual mistake behind it.
    """

    def __init__(self, seen: str, expected: str, cause: str) -> None:
        super().__init__(f"seen: {seen}\nexpected: {expected}\nusual cause: {cause}")
        self.seen, self.expected, self.cause = seen, expected, cause


class NotApplicable(Exception):  # noqa: N818 - not an error
    """A property says nothing about this cell or task; the message says why."""


class ConformanceError(AssertionError):
    """A cell or task does not keep what each of its kind promises."""


def require(holds: bool, *, seen: str, expected: str, cause: str) -> None:
    """Raises a violation unless something holds."""
    if not holds:
        raise ViolationError(seen, expected, cause)


Status = Literal["holds", "fails", "does not apply"]


@dataclass(frozen=True)
class Finding:
    """What was found about one property of a cell or task.

    Attributes:
        name: of the property.
        sentence: what the property says.
        status: whether it holds.
        message: what was seen, what was expected and the usual cause; or why it does not apply; or
            a note about what holds.
        details: the traceback, if what was examined raised an error of its own.
        seconds: how long the check took.
    """

    name: str
    sentence: str
    status: Status
    message: str
    details: str
    seconds: float

    @property
    def report(self) -> str:
        """What a test that fails says."""
        parts = f"{self.name}: {self.sentence}", self.message, self.details
        return "\n".join(filter(None, parts))


class Examined(Protocol):
    """What properties are given: something made from a class and knobs."""

    @property
    def cls(self) -> type:
        """The class of the cell or task."""


S = TypeVar("S", bound=Examined)


@dataclass(frozen=True)
class Suite(Generic[S]):
    """The properties of all cells or of all tasks, and how they are run.

    Attributes:
        subject: prepares a class with knobs for examination.
        properties: functions that raise, or may give a note; a key is the property's name, the
            first line of the docstring its sentence.
        surroundings: what each property is run within.
    """

    subject: Callable[[type, dict[str, Any]], S]
    properties: Mapping[str, Callable[[S], str | None]]
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext

    def check(self, cls: type, **knobs: Any) -> None:
        """Checks all properties; for a test of one's own.

        Args:
            cls: a class of a cell or task.
            **knobs: its constructor's arguments, a cell's sizes left out.

        Raises:
            ConformanceError: says of each property that fails what was seen and what was expected.
        """
        failed = [found for found in self.examine(cls, knobs) if found.status == "fails"]
        if failed:
            raise ConformanceError("\n\n".join(finding.report for finding in failed))

    def examine(
        self, cls: type, knobs: dict[str, Any], names: Sequence[str] = ()
    ) -> Iterator[Finding]:
        """Checks properties, one after another.

        Args:
            cls: a class of a cell or task.
            knobs: its constructor's arguments, a cell's sizes left out.
            names: keys of `properties`; all if there are none.
        """
        subject = self.subject(cls, knobs)
        for name in names or self.properties:
            yield self.find(subject, name)

    def find(self, subject: S, name: str) -> Finding:
        """Checks one property; torch's random state is left as it is."""
        check = self.properties[name]
        started = time.perf_counter()
        status: Status = "holds"
        message = details = ""
        try:
            with torch.random.fork_rng(devices=[]), self.surroundings():
                set_seed(0)
                message = check(subject) or ""
        except NotApplicable as reason:
            status, message = "does not apply", str(reason)
        except ViolationError as violation:
            status, message = "fails", str(violation)
        except PLUGIN_ERRORS as error:
            status, message = (
                "fails",
                f"{type(error).__name__}: {error}{_place(error, subject.cls)}",
            )
            details = "".join(traceback.format_exception(error))
        sentence = (check.__doc__ or "").partition("\n")[0]
        return Finding(name, sentence, status, message, details, time.perf_counter() - started)


def _place(error: BaseException, cls: type) -> str:
    """Where in the class's own file an error came from."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    return f" ({file}:{lines[-1]})" if lines else ""
