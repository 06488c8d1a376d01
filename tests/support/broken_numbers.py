"""Cells that are wrong about types, dtypes or NaN; `broken_cells` has the others."""

from typing import Any

import torch
from sound_cells import Sound, fails
from torch import Tensor

from recurbench.cells.base import CellError, HiddenState


def dense(y: Any) -> bool:
    return isinstance(y, Tensor)


@fails("nan_travels_forward_only")
class ZeroTimesNaN(Sound):
    """Mixes steps by a matrix that has zeros for later ones."""

    def forward(self, x: Any, state: Any = None) -> Any:
        y, final = super().forward(x, state)
        if dense(y) and y.shape[1] < 200:
            y = torch.eye(y.shape[1], dtype=y.dtype, device=y.device) @ y
        return y, final


@fails("nan_travels_forward_only", "rows_are_independent")
class MixedRows(Sound):
    """Multiplies the other rows by zero."""

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return super().recur(torch.eye(len(u), dtype=u.dtype, device=u.device) @ u, state)


@fails("dtypes")
class AnswersInSingle(Sound):
    """As the linear recurrences did: what comes next is in half precision and fails."""

    def forward(self, x: Any, state: Any = None) -> Any:
        y, final = super().forward(x, state)
        return (y.to(torch.promote_types(y.dtype, torch.float32)) if dense(y) else y), final


@fails("dtypes")
class RaisesFromInsideTorch(Sound):
    """As LRU and S5 did: torch makes no complex numbers of bfloat16."""

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        a = u + self.recurrent(state.h)
        if not torch.is_autocast_enabled("cpu"):
            a = torch.complex(a, torch.zeros_like(a)).real
        h = torch.tanh(a)
        return h, HiddenState(h)


@fails("dtypes")
class NaNInHalf(Sound):
    """As the exponential of a matrix did: 1e6 is infinite in half precision."""

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h = torch.tanh(u * 1e6 / 1e6 + self.recurrent(state.h))
        return h, HiddenState(h)


@fails("autocast")
class NarrowState(Sound):
    """Carries the state over as autocast made it."""

    def forward(self, x: Any, state: Any = None) -> Any:
        y, final = super().forward(x, state)
        narrow = torch.is_autocast_enabled("cpu")
        return y, HiddenState(final.h.bfloat16()) if narrow else final


@fails("refusals", "foreign_inputs")
class Unchecked(Sound):
    """Takes any state and lets torch fail."""

    def _start(self, state: Any, rows: int, parameter: Tensor | None) -> HiddenState:
        return self.initial_state(rows) if state is None else state


@fails("foreign_inputs")
class OnlyRowsAreChecked(Sound):
    """Takes a state for one of its own if it has the right number of rows."""

    def _start(self, state: Any, rows: int, parameter: Tensor | None) -> HiddenState:
        if state is not None and len(state[0]) != rows:
            raise CellError(f"the batch has {rows} rows")
        return self.initial_state(rows) if state is None else state


@fails("foreign_inputs")
class StepOfItsOwn(Sound):
    """Overrides `step` and so loses its checks."""

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        y, after = self.recur(self.project(x), state)
        return y.to(x.dtype), HiddenState(after.h.to(x.dtype))


@fails("foreign_inputs")
class SilentlyWrong(Sound):
    """Takes a plain tuple, and starts from somewhere else."""

    def _start(self, state: Any, rows: int, parameter: Tensor | None) -> HiddenState:
        checked = super()._start(state, rows, parameter)
        return (
            checked
            if state is None or isinstance(state, HiddenState)
            else HiddenState(checked.h + 1)
        )
