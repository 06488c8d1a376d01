"""What the tests of plugins share."""

CELL = """\
from typing import Literal
from recurbench.cells.base import HiddenState, RecurrentCell


class _Parts(RecurrentCell[HiddenState]):
    def initial_state(self, batch_size):
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        return x

    def recur(self, u, state):
        return state.h, state


class Mine(_Parts):
    name = "mine"

    def __init__(self, input_size: int, hidden_size: int = 8, *, KNOBS) -> None:
        super().__init__(input_size, hidden_size)
"""


CELL_LINE = CELL.partition("class Mine")[0].count("\n") + 1


def cell(knobs: str, name: str = "mine") -> str:
    """A plugin file with one cell whose constructor has the given knobs."""
    return CELL.replace("KNOBS", knobs).replace('"mine"', f'"{name}"')


def only_error(discover, **sources: str) -> str:
    """Where from and why the one plugin that cannot be used cannot be used."""
    (broken,) = discover(**sources).broken
    return f"{broken.origin}: {broken.error}"
