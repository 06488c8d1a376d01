"""recurbench compares recurrent cells fairly.

What people import by hand comes straight from here, and is loaded when it is asked for:

- `run` and `sweep`, which train as the command does;
- `RecurrentCell` and `Task`, the contracts of a cell and of a task;
- `check_cell` and `check_task`, the conformance suites;
- `load_results` and `load_curves`, the runs of a folder and their learning curves as tables.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recurbench.cells.base import RecurrentCell
    from recurbench.harness.conformance import check_cell, check_task
    from recurbench.harness.results.frames import load_curves, load_results
    from recurbench.harness.sweep.python import run, sweep
    from recurbench.tasks.base import Task

__all__ = [
    "RecurrentCell",
    "Task",
    "__version__",
    "check_cell",
    "check_task",
    "load_curves",
    "load_results",
    "run",
    "sweep",
]

__version__ = "0.1.0"

HOMES = {  # where each name is defined
    "RecurrentCell": "recurbench.cells.base",
    "Task": "recurbench.tasks.base",
    "check_cell": "recurbench.harness.conformance",
    "check_task": "recurbench.harness.conformance",
    "load_curves": "recurbench.harness.results.frames",
    "load_results": "recurbench.harness.results.frames",
    "run": "recurbench.harness.sweep.python",
    "sweep": "recurbench.harness.sweep.python",
}


def __getattr__(name: str) -> object:
    """Loads a public name at its first use: torch takes seconds, `recurbench --help` none."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
