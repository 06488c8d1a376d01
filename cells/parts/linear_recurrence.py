"""The base of cells whose state is a linear recurrence: one formula gives the step and the scan.

Legend: B batch, N valid steps of a packed batch, G projected size, O output size, M features of
`h`.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from recurbench.cells.base import HiddenState, RecurrentCell, StateT
from recurbench.cells.parts import native
from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.precision import widen
from recurbench.cells.parts.scan import linear_scan


class ComplexState(NamedTuple):
    """A complex state as two real tensors, because `.to(dtype)` would drop an imaginary part."""

    re: Tensor  # (B, M)
    im: Tensor  # (B, M)


class LinearRecurrence(RecurrentCell[StateT]):
    """A cell with `h_t = a_t * h_{t-1} + b_t`, in which `a` and `b` depend on the input alone.

    A cell writes `coefficients` and `emit`; both `recur` and the scan use these. `h` is real in a
    cell that derives from `RealRecurrence`, and complex in one that derives from
    `ComplexRecurrence`. Decays and states are computed in float32 or wider, whatever the dtype of
    the parameters, also under autocast.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        kernel: `fused` scans all steps at once, `reference` takes step after step, `native` does so
            in C++. `auto` is `native` on a CPU where that can be built, else `fused`.

    Raises:
        CellError: a size does not fit, or `kernel` is unknown.
    """

    family: ClassVar[str] = "linear"
    parallel: ClassVar[bool] = True

    def __init__(self, input_size: int, hidden_size: int, *, kernel: Kernel) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = kernel

    @abstractmethod
    def coefficients(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """`a` and `b`, `(N, M)` each, from projected inputs `(N, G)`."""

    @abstractmethod
    def emit(self, h: Tensor, u: Tensor) -> Tensor:
        """Outputs `(N, O)` from states `(N, M)` and projected inputs `(N, G)`."""

    @abstractmethod
    def _read(self, state: StateT) -> Tensor:
        """`h` `(B, M)` of a state."""

    @abstractmethod
    def _write(self, h: Tensor) -> StateT:
        """The state that holds `h` `(B, M)`."""

    def kernel_on(self, device: torch.device, dtype: torch.dtype) -> Kernel:
        """The kernel that runs on a device; builds the loops in C++ at first use."""
        if self.kernel in ("reference", "fused"):
            return self.kernel
        there = device.type == "cpu" and native.loops() is not None
        return "native" if there else "fused"

    def recur(self, u: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """One step: `(B, G)` and the state to `(B, O)` and the next state."""
        a, b = self.coefficients(u)
        h = a * self._read(state) + b
        return self.emit(h, u), self._write(h)

    def unroll(self, u: Tensor, batch_sizes: Sequence[int], state: StateT) -> tuple[Tensor, StateT]:
        """All steps, by the kernel that was chosen; see the base class for the shapes."""
        kernel = self.kernel_on(u.device, u.dtype)
        if kernel == "reference":
            return super().unroll(u, batch_sizes, state)
        a, b = self.coefficients(u)
        loops = native.loops() if kernel == "native" else None
        h, final = linear_scan(a, b, batch_sizes, self._read(state), loops)
        return self.emit(h, u), self._write(final)


class RealRecurrence(LinearRecurrence[HiddenState]):
    """A linear recurrence with a real state of H features, which is also the output."""

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def emit(self, h: Tensor, u: Tensor) -> Tensor:
        """The state itself, `(N, H)`."""
        return h

    def _read(self, state: HiddenState) -> Tensor:
        return widen(state.h)

    def _write(self, h: Tensor) -> HiddenState:
        return HiddenState(h)


class ComplexRecurrence(LinearRecurrence[ComplexState]):
    """A linear recurrence with a complex state, whose number of features is the cell's `modes`."""

    @property
    @abstractmethod
    def modes(self) -> int:
        """M, features of `h`."""

    def initial_state(self, batch_size: int) -> ComplexState:
        """Zeros."""
        re = self._zeros(batch_size, self.modes)
        return ComplexState(re, torch.zeros_like(re))

    def _read(self, state: ComplexState) -> Tensor:
        return torch.complex(widen(state.re), widen(state.im))

    def _write(self, h: Tensor) -> ComplexState:
        return ComplexState(h.real, h.imag)
