"""Backpropagation through time written by hand, for cells of products and elementwise work.

Autograd notes every operation of every step and adds up the gradients of the weights step by step.
Here a cell says once how a step goes forward and how it goes back, and the loops over time write
into a few large buffers. Matrix products that need no order are taken for all steps at once.

Legend: B batch, N valid steps of a packed batch, G projected size, H hidden size, n rows that are
running at a step.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from recurbench.cells.parts.packed import last_steps, previous_steps

Leaves = Sequence[Tensor]
"""A state's tensors."""

Views = tuple[Tensor, ...]
"""Columns of buffers, each with a row for each row of each step."""

CACHED = 2**16
"""The local derivatives of about so many features are made at once and stay in the cache."""


class StepByHand(ABC):
    """A cell's step and its derivative over buffers; made anew for each call.

    A step makes sums `a = u + W h`, a function of them elementwise, and the next state. The next
    state's first leaf is the output. Going back, the gradient of a leaf is linear in the gradients
    of the leaves after it, and the factors are known before: `local` computes them for some steps
    at once, and `retreat` multiplies.

    Args:
        weights: what the step takes beside `u` and the state, in the order of `weight_gradients`.
    """

    loop: ClassVar[str] = ""
    """The name of the same step in C++, if the cell's `has_loop` says that there is one."""

    kept: int = 0
    """How many features, in multiples of H, a step keeps for the way back beside the leaves."""

    sums: int
    """How many gradients of sums, in multiples of H, the way back makes."""

    def __init__(self, weights: Leaves) -> None:
        self.weights = tuple(weights)
        self.multiply: Callable[[Tensor, Tensor], Tensor] = torch.mm

    @abstractmethod
    def begin(self, u: Tensor, kept: Tensor) -> Views:
        """What `advance` takes a step's rows of, from `u` `(N, G)` and `kept` `(N, kept * H)`."""

    @abstractmethod
    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        """One step: writes the leaves `new` `(n, H)` and what is kept, from the leaves `old`."""

    @abstractmethod
    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        """What `retreat` takes a step's rows of, for some steps.

        Args:
            kept: what `advance` kept.
            past: the leaves before each step.
            path: the leaves after each step.
            work: the gradients of the sums, `(n, sums * H)`, to be written by `retreat`.
        """

    @abstractmethod
    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        """One step back: writes the gradients of its sums and adds to the gradients `before`.

        Args:
            flow: the gradients of the leaves after the step, `(n, H)`; may be overwritten.
            before: those of the leaves before it.
            views: a step's rows of what `local` gave.
        """

    @abstractmethod
    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        """The gradients of the weights, each from all steps at once."""

    def input_gradient(self, work: Tensor) -> Tensor:
        """The gradient of `u` `(N, G)`; that of the sums, unless a cell says otherwise."""
        return work

    def numbers(self) -> list[float]:
        """Knobs that the loop in C++ takes."""
        return []


class Plan:
    """The loops over a batch: forward, back, and the sums over all steps.

    Args:
        step: the cell's step.
        sizes: the number of rows still running at each step.
        loops: the loops in C++; None runs them here.
    """

    def __init__(self, step: StepByHand, sizes: list[int], loops: Any | None) -> None:
        self.step = step
        self.sizes = sizes
        self.loops = loops

    def forward(self, u: Tensor, start: Leaves) -> tuple[list[Tensor], Tensor]:
        """The leaves from the start on, `(B + N, H)`, and what is kept, `(N, kept * H)`."""
        whole = [torch.cat([leaf, leaf.new_empty(len(u), leaf.shape[1])]) for leaf in start]
        path = self.after(whole)
        kept = u.new_empty(len(u), self.step.kept * start[0].shape[1])
        if self.loops is not None:
            self._run("forward", [u.contiguous(), kept], start, path)
            return whole, kept
        old, steps = start, _split(path, self.sizes)
        for where, sizes in self._blocks(kept.shape[1]):
            views = _split(self.step.begin(u[where], kept[where]), sizes)
            for rows, view in zip(sizes, views, strict=True):
                if rows < len(old[0]):
                    old = _rows(old, rows)
                new = next(steps)
                self.step.advance(old, new, *view)
                old = new
        return whole, kept

    def after(self, whole: Leaves) -> list[Tensor]:
        """The leaves after each step, `(N, H)`."""
        return [leaf[self.sizes[0] :] for leaf in whole]

    def last(self, whole: Leaves) -> list[Tensor]:
        """Each row's leaves after its own last step, `(B, H)`."""
        last = last_steps([self.sizes[0], *self.sizes], whole[0].device)
        return [leaf[last] for leaf in whole]

    def backward(
        self, whole: Leaves, kept: Tensor, gradients: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor], tuple[Tensor, ...]]:
        """The gradients of `u`, of the initial leaves and of the weights.

        Args:
            whole: the leaves from the start on.
            kept: what the steps kept.
            gradients: of the outputs and of each leaf's final value; None for zeros.
        """
        B, device = self.sizes[0], kept.device
        flow = [torch.zeros_like(leaf) for leaf in whole]
        (dy, *finals), last = gradients, last_steps([B, *self.sizes], device)
        if dy is not None:
            flow[0][B:] = dy
        for leaf, final in zip(flow, finals, strict=True):
            if final is not None:
                leaf.index_add_(0, last, final)
        previous = previous_steps([B, *self.sizes], device)
        past, path, first = [leaf[previous] for leaf in whole], self.after(whole), _rows(flow, B)
        work = kept.new_empty(len(kept), self.step.sums * whole[0].shape[1])
        if self.loops is None:
            self._retreat(past, path, kept, work, flow)
        else:
            self._run("backward", [kept, work], _rows(whole, B), path, self.after(flow), first)
            self.step.multiply = self.loops.multiply
        weights = self.step.weight_gradients(kept, past, path, work)
        return self.step.input_gradient(work), first, weights

    def _retreat(
        self, past: Leaves, path: Leaves, kept: Tensor, work: Tensor, flow: Leaves
    ) -> None:
        flows = [*_split(flow, [self.sizes[0], *self.sizes])]
        after = flows.pop()
        for where, sizes in reversed([*self._blocks(kept.shape[1])]):
            earlier, later = ([leaf[where] for leaf in group] for group in (past, path))
            factors = self.step.local(kept[where], earlier, later, work[where])
            views = [*_split(factors, sizes)]
            for rows, view in zip(reversed(sizes), reversed(views), strict=True):
                before = flows.pop()
                whole_before = rows == len(before[0])
                self.step.retreat(after, before if whole_before else _rows(before, rows), *view)
                after = before

    def _blocks(self, width: int) -> Iterator[tuple[slice, list[int]]]:
        """A few steps at a time: their positions and numbers of rows."""
        steps = max(1, CACHED // (self.sizes[0] * max(1, width)))
        begin = 0
        for t in range(0, len(self.sizes), steps):
            sizes = self.sizes[t : t + steps]
            yield slice(begin, begin + sum(sizes)), sizes
            begin += sum(sizes)

    def _run(self, way: str, buffers: Leaves, *leaves: Leaves) -> None:
        """Runs a loop in C++ over contiguous tensors."""
        weights = [weight.contiguous() for weight in self.step.weights]
        run = getattr(self.loops, way)
        run(self.step.loop, self.step.numbers(), self.sizes, weights, *buffers, *leaves)


class BackThroughTime(torch.autograd.Function):
    """A plan as one operation of autograd's."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, leaves: int, u: Tensor, *tensors: Tensor) -> Any:
        """The outputs and the final leaves, from `u`, the initial leaves and the weights."""
        whole, kept = plan.forward(u, tensors[:leaves])
        ctx.save_for_backward(*whole, kept, *tensors[leaves:])
        ctx.plan, ctx.leaves = plan, leaves
        ctx.set_materialize_grads(False)
        return plan.after(whole)[0].clone(), *plan.last(whole)  # whoever gets it may change it

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        """The gradients of all that is given to `forward`."""
        refuse_second_derivatives()
        # Autograd checks that nothing saved was changed since, the weights included.
        *whole, kept = ctx.saved_tensors[: ctx.leaves + 1]
        du, first, weights = ctx.plan.backward(whole, kept, gradients)
        return None, None, du, *first, *weights


def refuse_second_derivatives() -> None:
    """Refuses the way back where somebody will differentiate the gradients.

    Raises:
        RuntimeError: autograd is building a graph of the gradients.
    """
    if torch.is_grad_enabled():
        raise RuntimeError(
            "the kernels fused and native have first derivatives only; for derivatives of "
            "gradients (create_graph=True) make the cell with kernel=reference"
        )


def _split(tensors: Leaves, sizes: list[int]) -> Iterator[Views]:
    """The rows of each step."""
    return zip(*(tensor.split(sizes) for tensor in tensors), strict=True)


def _rows(leaves: Leaves, rows: int) -> list[Tensor]:
    return [leaf[:rows] for leaf in leaves]
