"""What a cell or task refuses, as the person at the keyboard should read it."""

from collections.abc import Iterator
from contextlib import contextmanager

from recurbench.cells.base import CellError
from recurbench.harness.errors import UserError
from recurbench.tasks.base import TaskError


@contextmanager
def refusals_of(kind: str, name: str) -> Iterator[None]:
    """Turns the refusals of a plugin into errors of the user's, which name it.

    Args:
        kind: `cell` or `task`.
        name: the plugin's.

    Raises:
        UserError: the plugin refused something.
    """
    try:
        yield
    except (CellError, TaskError) as error:
        raise UserError(f"{kind}={name}: {error}") from error
