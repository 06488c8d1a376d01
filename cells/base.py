"""The cell contract: one recurrent layer in one direction, over dense or packed batches.

Legend: B batch, T time, I input size, H hidden size, O output size, G projected size,
N valid steps of a packed batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar, overload

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recurbench.cells.parts.acceptance import CellError as CellError
from recurbench.cells.parts.acceptance import Layout, accepted_state, require_input
from recurbench.cells.parts.precision import settled
from recurbench.limits import limited

StateT = TypeVar("StateT", bound=tuple[Tensor, ...])


class HiddenState(NamedTuple):
    """The state of a cell whose only memory is its output."""

    h: Tensor  # (B, H)


class RecurrentCell(nn.Module, ABC, Generic[StateT]):
    """One recurrent layer, one direction; depth, dropout and readouts are the harness's.

    A minimal cell writes `__init__`, `initial_state`, `project` and `recur`. Its constructor takes
    `input_size`, `hidden_size` and typed, defaulted keyword knobs; that signature is its
    configuration. Limits stand in its annotations, as in `window: Annotated[int, Ge(1)] = 16`, and
    are checked whenever a cell is made. The state is a flat `NamedTuple` of tensors, each
    `(B, ...)`, none of which grows with T. A cell accepts the state it returned: a sequence run in
    chunks gives what it gives as a whole. Outputs and states have the dtypes that went in, whatever
    a cell computes in: `forward` and `step` see to it.

    Args:
        input_size: I, features of an input step.
        hidden_size: H, a multiple of `hidden_multiple`.

    Raises:
        CellError: a size is not positive, or `hidden_size` is not a multiple of `hidden_multiple`.
    """

    name: ClassVar[str]
    """The registry name: `cell=<name>`."""

    hidden_multiple: int = 1
    """`hidden_size` must divide by it; an instance may narrow it, as a number of heads does."""

    undecayed: ClassVar[frozenset[str]] = frozenset()
    """Parameters that weight decay leaves alone, by their names in `named_parameters()`. Vectors
    need not be named: it leaves all of them alone. A bias that is a matrix is such a parameter."""

    own_rate: ClassVar[frozenset[str]] = frozenset()
    """Parameters whose learning rate `optimizer.lr_factor` multiplies, where the paper's code has a
    rate of their own for them, such as eigenvalues and time steps."""

    # What `recurbench list` shows; all may be left out. They have no values here, so that a cell
    # that leaves one out may use the name for something else.
    year: ClassVar[int]
    """When the cell was published."""

    family: ClassVar[str]
    """What kind of memory it is: control, simple, gated, orthogonal, linear, memory, attention."""

    gates: ClassVar[int]
    """How many gates it has, candidates not counted: 2 for a GRU, 3 for an LSTM."""

    parallel: ClassVar[bool]
    """Whether it can run all steps of a sequence at once instead of one after another."""

    _layout: Layout | None = None  # of its states, found when one is given for the first time

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Makes the constructor refuse knobs beyond the limits in its annotations."""
        super().__init_subclass__(**arguments)
        if "__init__" in vars(cls):
            cls.__init__ = limited(CellError)(cls.__init__)  # type: ignore[method-assign]

    @limited(CellError)
    def __init__(
        self, input_size: Annotated[int, Ge(1)], hidden_size: Annotated[int, Ge(1)]
    ) -> None:
        super().__init__()
        if hidden_size % self.hidden_multiple:
            below = hidden_size // self.hidden_multiple * self.hidden_multiple
            raise CellError(
                f"hidden_size={hidden_size} is not a multiple of {self.hidden_multiple}; "
                f"try {below or self.hidden_multiple}"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size

    @property
    def output_size(self) -> int:
        """O, features of an output step."""
        return self.hidden_size

    @abstractmethod
    def initial_state(self, batch_size: int) -> StateT:
        """The state before the first step, on the parameters' device and in their dtype."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """All work that needs no state: `(..., I)` to `(..., G)`, hoisted out of the time loop."""

    @abstractmethod
    def recur(self, u: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """One step: projected input `(B, G)` and state to output `(B, O)` and the next state.

        The state passed in is never modified.
        """

    def step(self, x: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """One streaming step: input `(B, I)` and state to output `(B, O)` and the next state.

        Raises:
            CellError: as `forward`; `initial_state` gives the state of the first step.
        """
        first = require_input(self, x, "(B, I)")
        state = accepted_state(self, state, len(x), first)
        y, after = self.recur(self.project(x), state)
        return settled(x, state, y, after, first)

    def kernel_on(self, device: torch.device, dtype: torch.dtype) -> str | None:
        """How sequences run on a device in a dtype; None in a cell without the knob `kernel`."""
        return getattr(self, "kernel", None)

    def unroll(self, u: Tensor, batch_sizes: Sequence[int], state: StateT) -> tuple[Tensor, StateT]:
        """Runs all steps of a packed batch; no padded step is ever computed.

        Args:
            u: projected inputs `(N, G)`, step after step, rows sorted by decreasing length.
            batch_sizes: the number of rows still running at each step, never increasing.
            state: the initial state, rows in the same order.

        Returns:
            Outputs `(N, O)` in the layout of `u`, and each row's state after its own last step.
        """
        return fold(self.recur, u, batch_sizes, state)

    @overload
    def forward(self, x: Tensor, state: StateT | None = None) -> tuple[Tensor, StateT]: ...
    @overload
    def forward(
        self, x: PackedSequence, state: StateT | None = None
    ) -> tuple[PackedSequence, StateT]: ...
    def forward(
        self, x: Tensor | PackedSequence, state: StateT | None = None
    ) -> tuple[Tensor | PackedSequence, StateT]:
        """Runs a batch of sequences.

        Args:
            x: `(B, T, I)`, or a PackedSequence of I features.
            state: the initial state, rows in the caller's order; `initial_state` when omitted. A
                plain tuple of the right tensors is taken too.

        Returns:
            Outputs `(B, T, O)` or packed, as `x` is, and the final state: each row's after its own
            last step, in the caller's row order.

        Raises:
            CellError: `x` has another width, shape, dtype or device than the cell takes, or `state`
                another type, shape, dtype or device than `initial_state` gives.
        """
        if isinstance(x, PackedSequence):
            return self._forward_packed(x, state)
        first = require_input(self, x, "(B, T, I)")
        B, T, _ = x.shape
        state = self._start(state, B, first)
        u = self.project(x.transpose(0, 1).flatten(0, 1))  # (T * B, G)
        y, final = self.unroll(u, [B] * T, state)
        y, final = settled(x, state, y, final, first)
        return y.unflatten(0, (T, B)).transpose(0, 1), final

    def _forward_packed(
        self, x: PackedSequence, state: StateT | None
    ) -> tuple[PackedSequence, StateT]:
        first = require_input(self, x.data, "(N, I)")
        batch_sizes = x.batch_sizes.tolist()
        state = self._start(state, batch_sizes[0], first)
        if x.sorted_indices is not None:
            state = _rows(state, x.sorted_indices)
        y, final = self.unroll(self.project(x.data), batch_sizes, state)
        y, final = settled(x.data, state, y, final, first)
        if x.unsorted_indices is not None:
            final = _rows(final, x.unsorted_indices)
        return PackedSequence(y, x.batch_sizes, x.sorted_indices, x.unsorted_indices), final

    def _start(self, state: StateT | None, rows: int, parameter: Tensor | None) -> StateT:
        """The state to start from, of which one that does not fit is refused."""
        if state is None:
            return self.initial_state(rows)
        accepted: StateT = accepted_state(self, state, rows, parameter)
        return accepted

    def _zeros(self, *shape: int) -> Tensor:
        """Zeros on the parameters' device and in their dtype, for `initial_state`.

        Raises:
            CellError: the cell has no parameters.
        """
        parameter = next(self.parameters(), None)
        if parameter is None:
            name = type(self).__name__
            raise CellError(f"{name} has no parameters to take a device and a dtype from")
        return parameter.new_zeros(shape)


def fold(
    recur: Callable[[Tensor, StateT], tuple[Tensor, StateT]],
    u: Tensor,
    batch_sizes: Sequence[int],
    state: StateT,
) -> tuple[Tensor, StateT]:
    """Applies a function step after step to a packed batch, each time to the rows still running.

    Some cells need something that is the same at every step, such as a matrix made from their
    parameters. Such a cell overrides `unroll`: it computes that once and folds a function of it.

    Args:
        recur: one step, `(B, G)` and a state to `(B, O)` and the next state.
        u: projected inputs `(N, G)`, as in `RecurrentCell.unroll`.
        batch_sizes: the number of rows still running at each step.
        state: the initial state.

    Returns:
        Outputs `(N, O)`, and each row's state after its own last step.
    """
    return fold_parts(recur, u.split(list(batch_sizes)), batch_sizes, state)


def fold_parts(
    function: Callable[[Tensor, StateT], tuple[Tensor, StateT]],
    parts: Iterable[Tensor],
    rows: Sequence[int],
    state: StateT,
) -> tuple[Tensor, StateT]:
    """As `fold`, for parts of one or more steps; all rows of a part run to its end.

    Args:
        function: one part, `(n, G)` and the state of its rows to `(n, O)` and the next state.
        parts: projected inputs, part after part.
        rows: the number of rows of each part, never increasing.
        state: the initial state of the first part's rows.

    Returns:
        Outputs `(N, O)`, and each row's state after its own last step.
    """
    outputs: list[Tensor] = []
    finished: list[StateT] = []
    before = rows[0]
    for part, running in zip(parts, rows, strict=True):
        if running < before:
            finished.append(_rows(state, slice(running, None)))
            state, before = _rows(state, slice(running)), running
        y, state = function(part, state)
        outputs.append(y)
    finished.append(state)
    return torch.cat(outputs), _concatenate(finished[::-1])


def map_state(function: Callable[[Tensor], Tensor], state: StateT) -> StateT:
    """Applies a function to every tensor of a state and keeps the state's type."""
    return type(state)(*map(function, state))


def _rows(state: StateT, index: slice | Tensor) -> StateT:
    return map_state(lambda leaf: leaf[index], state)


def _concatenate(states: Sequence[StateT]) -> StateT:
    if len(states) == 1:
        return states[0]
    leaves = (torch.cat(leaf) for leaf in zip(*states, strict=True))
    return type(states[0])(*leaves)
