"""The knob `kernel` of cells with a step by hand: which way a sequence is run, and when.

Legend: I input size, G projected size.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from recurbench.cells.base import RecurrentCell, StateT
from recurbench.cells.parts import native
from recurbench.cells.parts.back_through_time import (
    BackThroughTime,
    Plan,
    StepByHand,
    refuse_second_derivatives,
)

Kernel = Literal["auto", "reference", "fused", "native"]

DEVICES = "cpu", "cuda"
"""Where a step by hand runs."""


class CellByHand(RecurrentCell[StateT]):
    """A cell with a `StepByHand`, and its knob `kernel`.

    `reference` is `recur`, step after step. `fused` is the step by hand in torch's operations, and
    `native` the same loops in C++. `auto` is the fastest that is there: `native` on a CPU where the
    cell has such loops and they can be built, else `fused`. All give the same up to rounding.

    Where a step by hand does not fit, each kernel is `reference`: in half precision and under
    autocast, in `torch.compile`, in `torch.func`'s transforms, in forward mode, and on devices
    other than CPU and CUDA. `fused` and `native` have first derivatives only.
    """

    kernel: Kernel

    has_loop: ClassVar[bool] = False
    """Whether the cell's steps have loops in C++."""

    follows_recur: ClassVar[bool] = True
    """Whether the step by hand is that of `recur`; a subclass with another `recur` runs by it."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Notices a `recur` that has no step by hand of its own."""
        super().__init_subclass__(**arguments)
        if "by_hand" in vars(cls) or "recur" in vars(cls):
            cls.follows_recur = "by_hand" in vars(cls)

    @abstractmethod
    def by_hand(self) -> StepByHand:
        """The step with this cell's weights as they are now."""

    def unroll(self, u: Tensor, batch_sizes: Sequence[int], state: StateT) -> tuple[Tensor, StateT]:
        """All steps, by the kernel that was chosen; see the base class for the shapes."""
        if self.kernel == "reference" or not self.follows_recur or _watched(u):
            return self.step_by_step(u, batch_sizes, state)
        step = self.by_hand()
        tensors = (*state, *step.weights)
        kernel = self._kernel_for(u, *tensors)
        if kernel == "reference":
            return self.step_by_step(u, batch_sizes, state)
        plan = Plan(step, list(batch_sizes), native.loops() if kernel == "native" else None)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (u, *tensors)):
            y, *final = BackThroughTime.apply(plan, len(state), u, *tensors)
        else:
            whole, _ = plan.forward(u, state)
            y, final = plan.after(whole)[0], plan.last(whole)
        return y, type(state)(*final)

    def step_by_step(
        self, u: Tensor, batch_sizes: Sequence[int], state: StateT
    ) -> tuple[Tensor, StateT]:
        """The kernel `reference`."""
        return super().unroll(u, batch_sizes, state)

    def kernel_on(self, device: torch.device, dtype: torch.dtype) -> Kernel:
        """The kernel that runs on a device in a dtype; builds the loops in C++ at first use."""
        fits = device.type in DEVICES and dtype in (torch.float32, torch.float64)
        if self.kernel == "reference" or not self.follows_recur or not fits:
            return "reference"
        if self.kernel == "fused" or device.type != "cpu" or not self.has_loop:
            return "fused"
        return "fused" if native.loops() is None else "native"

    def _kernel_for(self, first: Tensor, *others: Tensor) -> Kernel:
        """The kernel for some tensors, which must have one dtype and device."""
        kinds = {(tensor.dtype, tensor.device) for tensor in (first, *others)}
        return self.kernel_on(first.device, first.dtype) if len(kinds) == 1 else "reference"

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """`F.linear`, in C++ where the kernel is."""
        given = [tensor for tensor in (x, weight, bias) if tensor is not None]
        if x.dim() != 2 or _watched(x) or self._kernel_for(*given) != "native":
            return F.linear(x, weight, bias)
        u: Tensor = _Linear.apply(native.loops(), x, weight, bias)
        return u


def _watched(x: Tensor) -> bool:
    """Whether something looks into the operations of a step, or changes their dtype."""
    return (
        x.device.type not in DEVICES
        or torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch.autograd.forward_ad._current_level >= 0
        or torch.is_autocast_enabled(x.device.type)
    )


class _Linear(torch.autograd.Function):
    """`x W^T + b` by the products in C++."""

    @staticmethod
    def forward(ctx: Any, loops: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.loops = loops
        u: Tensor = loops.multiply(x, weight.t())
        return u if bias is None else u.add_(bias)

    @staticmethod
    def backward(ctx: Any, du: Tensor) -> Any:
        refuse_second_derivatives()
        (x, weight), multiply = ctx.saved_tensors, ctx.loops.multiply
        _, of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            None,
            multiply(du, weight) if of_x else None,
            multiply(du.t(), x) if of_weight else None,
            du.sum(0) if of_bias else None,
        )
