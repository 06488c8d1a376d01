"""The cell under examination: how to build it, and what to feed it.

Legend: B batch, T time, I input size, H hidden size.
"""

import inspect
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from recurbench.cells.base import RecurrentCell, map_state
from recurbench.harness.errors import PLUGIN_ERRORS
from recurbench.harness.model.budget import smallest_multiple
from recurbench.harness.model.streams import set_seed

# Odd and different from each other, so that no mistaken axis has a size that fits.
I, B, T = 3, 5, 7
SMALLEST_HIDDEN_SIZE = 5
LENGTHS = [3, 7, 1, 7, 4]
LONG_LENGTHS = [67, 131, 1, 64, 7]  # longer than the chunk of any kernel, and around its ends

Cell = RecurrentCell[Any]
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class Subject:
    """A cell class with knobs; builds equal cells in double precision, however often it is asked.

    Attributes:
        cls: the cell's class.
        knobs: its constructor's arguments besides the sizes.
    """

    cls: type[Cell]
    knobs: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def hidden_size(self) -> int:
        """H, the smallest that the cell allows from 5 on."""
        multiple = smallest_multiple(lambda hidden_size: self.construct(hidden_size=hidden_size))
        return -(-SMALLEST_HIDDEN_SIZE // multiple) * multiple

    @property
    def kernels(self) -> list[dict[str, Any]]:
        """The choices of the `kernel` knob, if the cell has one and the caller has not chosen."""
        parameter = inspect.signature(self.cls).parameters.get("kernel")
        if parameter is None or "kernel" in self.knobs:
            return [{}]
        hints = get_type_hints(inspect.getattr_static(self.cls, "__init__"))
        return [{"kernel": choice} for choice in get_args(hints["kernel"])] or [{}]

    def construct(self, input_size: int = I, **changes: Any) -> Cell:
        """A cell as its constructor makes it, from torch's generator as it is."""
        return self.cls(input_size, **(self.knobs | changes))

    def make(self, seed: int = 0, dtype: torch.dtype = torch.float64, **changes: Any) -> Cell:
        """A cell of the usual sizes, from a seed."""
        with torch.random.fork_rng(devices=[]):
            set_seed(seed)
            return self.construct(**({"hidden_size": self.hidden_size} | changes)).to(dtype)

    def make_generic(self, **changes: Any) -> Cell:
        """A cell whose parameters are off any special initial value, such as zero."""
        cell = self.make(**changes)
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        return cell


def inputs(rows: int = B, steps: int = T) -> Tensor:
    """Inputs `(B, T, I)` of unit variance in double precision."""
    return torch.randn(rows, steps, I, dtype=torch.float64)


def pack(x: Tensor, lengths: list[int]) -> PackedSequence:
    """The beginnings of rows `(B, T, I)`, packed; in the given order if that is sorted."""
    ordered = lengths == sorted(lengths, reverse=True)
    return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=ordered)


def visited_state(cell: Cell, rows: int = B) -> Any:
    """A state that the cell can be in, each row after another number of steps."""
    states = []
    for row in range(rows):
        steps = (2, 5, 1, 3, 4)[row % 5]
        x = inputs(1, steps).to(next(cell.parameters()).dtype)
        states.append(cell(x, cell.initial_state(1))[1])
    leaves = [torch.cat(leaf).detach() for leaf in zip(*states, strict=True)]
    return type(states[0])(*leaves)


def rows_of(state: State, index: list[int]) -> Any:
    """Some rows of a state."""
    return map_state(lambda leaf: leaf[index], state)


def leaves_of(state: State) -> dict[str, Tensor]:
    """A state's tensors by name, as messages mention them."""
    names = getattr(state, "_fields", None) or [str(index) for index in range(len(state))]
    return {f"state {name}": leaf for name, leaf in zip(names, state, strict=True)}


def differentiable(state: State) -> dict[str, Tensor]:
    """A state's floating tensors by name; counters have no gradient."""
    return {name: leaf for name, leaf in leaves_of(state).items() if leaf.is_floating_point()}


def refusal(cell_or_class: Any, *arguments: Any, **knobs: Any) -> BaseException | None:
    """What a call raises, if anything."""
    try:
        cell_or_class(*arguments, **knobs)
    except PLUGIN_ERRORS as error:  # that is what is asked
        return error
    return None
