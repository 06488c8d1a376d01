"""All properties in their order, and how they are run on a cell."""

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from harness.conformance.compare import NotApplicable, ViolationError
from harness.conformance.contract import refusals, shapes, signature_and_docstring
from harness.conformance.gradients import any_state, exact_gradients, fast_path
from harness.conformance.module import autocast, no_side_effects, portable
from harness.conformance.rows import packed_is_one_by_one, rows_are_independent
from harness.conformance.subject import Cell, Subject
from harness.conformance.time import causal, chunks_are_the_whole, long_sequences, step_is_forward

Property = Callable[[Subject], None]

PROPERTIES: dict[str, Property] = {
    check.__name__: check
    for check in (
        shapes,
        step_is_forward,
        chunks_are_the_whole,
        packed_is_one_by_one,
        rows_are_independent,
        causal,
        no_side_effects,
        exact_gradients,
        any_state,
        long_sequences,
        fast_path,
        portable,
        autocast,
        refusals,
        signature_and_docstring,
    )
}
"""Each is a function that raises; its name is the property's and its docstring the sentence."""

Status = Literal["holds", "fails", "does not apply"]


@dataclass(frozen=True)
class Finding:
    """What was found about one property of a cell.

    Attributes:
        name: of the property.
        sentence: what the property says.
        status: whether it holds.
        message: what was seen, what was expected and the usual cause; or why it does not apply.
        details: the traceback, if the cell raised an error of its own.
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


class ConformanceError(AssertionError):
    """A cell does not keep what every cell promises."""


def check_cell(cls: type[Cell], **knobs: Any) -> None:
    """Checks all properties of a cell; for a test of one's own.

    Args:
        cls: the cell's class.
        **knobs: its constructor's arguments besides the sizes.

    Raises:
        ConformanceError: says of each property that fails what was seen and what was expected.
    """
    failed = [found for found in examine(cls, knobs) if found.status == "fails"]
    if failed:
        raise ConformanceError("\n\n".join(finding.report for finding in failed))


def examine(
    cls: type[Cell], knobs: dict[str, Any], names: Sequence[str] = tuple(PROPERTIES)
) -> Iterator[Finding]:
    """Checks some properties of a cell, one after another.

    Torch's random state, threads and default dtype are left as they are.

    Args:
        cls: the cell's class.
        knobs: its constructor's arguments besides the sizes.
        names: keys of `PROPERTIES`.
    """
    subject = Subject(cls, knobs)
    for name in names:
        yield _check(subject, name)


def _check(subject: Subject, name: str) -> Finding:
    check = PROPERTIES[name]
    started = time.perf_counter()
    status: Status = "holds"
    message = details = ""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            check(subject)
    except NotApplicable as reason:
        status, message = "does not apply", str(reason)
    except ViolationError as violation:
        status, message = "fails", str(violation)
    except Exception as error:  # a cell may raise anything
        status, message = "fails", f"{type(error).__name__}: {error}{_place(error, subject.cls)}"
        details = "".join(traceback.format_exception(error))
    sentence = (check.__doc__ or "").partition("\n")[0]
    return Finding(name, sentence, status, message, details, time.perf_counter() - started)


def _place(error: BaseException, cls: type) -> str:
    """Where in the cell's own file an error came from."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    lines: Iterable[int | None] = (
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    )
    last = next(iter(reversed(list(lines))), None)
    return f" ({file}:{last})" if last else ""
