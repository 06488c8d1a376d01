"""Cells that are wrong in one way each, and the properties that they must fail."""

import random
from typing import Any, NamedTuple

import torch
from sound_cells import Sound, fails
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurbench.cells.base import HiddenState


@fails("shapes")
class WrongOutputSize(Sound):
    @property
    def output_size(self) -> int:
        return 2 * self.hidden_size


class History(NamedTuple):
    h: Tensor  # (B, H)
    past: Tensor  # (B, steps so far, H)


@fails(
    "shapes",
    "step_is_forward",
    "chunks_are_the_whole",
    "packed_is_one_by_one",
    "rows_are_independent",
    "nan_travels_forward_only",
    "no_side_effects",
    "exact_gradients",
    "autocast",
    "foreign_inputs",
)
class GrowingState(Sound):
    """Rows of different age have states of different sizes, which it does not take back."""

    def initial_state(self, batch_size: int) -> History:
        h = self._zeros(batch_size, self.hidden_size)
        return History(h, h[:, None][:, :0])

    def recur(self, u: Tensor, state: History) -> tuple[Tensor, History]:
        h, _ = super().recur(u, HiddenState(state.h))
        return h, History(h, torch.cat((state.past, h[:, None]), 1))


@fails("step_is_forward")
class OtherStep(Sound):
    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return super().step(2 * x, state)


@fails("chunks_are_the_whole")
class IgnoredState(Sound):
    def forward(self, x: Any, state: Any = None) -> Any:
        super().forward(x, state)  # for its checks
        return super().forward(x)


@fails("packed_is_one_by_one")
class Padding(Sound):
    """Runs on after the end of short rows."""

    def forward(self, x: Any, state: Any = None) -> Any:
        if not isinstance(x, PackedSequence):
            return super().forward(x, state)
        padded, lengths = pad_packed_sequence(x, batch_first=True)
        y, final = super().forward(padded, state)
        return pack_padded_sequence(y, lengths, batch_first=True, enforce_sorted=False), final


@fails("packed_is_one_by_one", "nan_travels_forward_only")
class SortedState(Sound):
    """Gives the final state back in the order in which the rows were packed."""

    def forward(self, x: Any, state: Any = None) -> Any:
        y, final = super().forward(x, state)
        if isinstance(x, PackedSequence) and x.sorted_indices is not None:
            final = HiddenState(final.h[x.sorted_indices])
        return y, final


@fails("rows_are_independent")
class PlaceInBatch(Sound):
    """As a published xLSTM: what a fresh row starts from depends on the others."""

    def initial_state(self, batch_size: int) -> HiddenState:
        fresh = super().initial_state(batch_size)
        return HiddenState(fresh.h + torch.linspace(0, 1, batch_size).to(fresh.h)[:, None])


@fails("rows_are_independent", "packed_is_one_by_one", "nan_travels_forward_only")
class BatchMean(Sound):
    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return super().recur(u - u.mean(0), state)


@fails("causal")
class ScaledByMaximum(Sound):
    """Shrinks sequences with large values, before they occur."""

    def forward(self, x: Any, state: Any = None) -> Any:
        if not isinstance(x, Tensor) or x.dim() != 3 or 0 in x.shape:
            return super().forward(x, state)
        largest = x.abs().nan_to_num(0, 0, 0).amax(1, keepdim=True)
        return super().forward(10 * x / largest.clamp(min=10), state)


@fails(
    "causal",
    "step_is_forward",
    "chunks_are_the_whole",
    "packed_is_one_by_one",
    "rows_are_independent",
    "nan_travels_forward_only",
)
class ReversedTime(Sound):
    def forward(self, x: Any, state: Any = None) -> Any:
        if not isinstance(x, Tensor):
            return super().forward(x, state)
        y, final = super().forward(x.flip(1), state)
        return y.flip(1), final


@fails("no_side_effects")
class CachedState(Sound):
    """Goes on from the last sequence when no state is given."""

    cached = None

    def forward(self, x: Any, state: Any = None) -> Any:
        rows = x.batch_sizes[0] if isinstance(x, PackedSequence) else len(x)
        if state is None and self.cached is not None and len(self.cached.h) == rows:
            state = self.cached
        y, final = super().forward(x, state)
        self.cached = HiddenState(final.h.detach())
        return y, final


@fails(
    "no_side_effects",
    "chunks_are_the_whole",
    "packed_is_one_by_one",
    "causal",
    "exact_gradients",
    "portable",
    "second_derivatives",
    "foreign_inputs",
)
class StateOverwritten(Sound):
    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h, _ = super().recur(u, state)
        state.h.data.copy_(h)
        return h, state


@fails("exact_gradients")
class UnusedParameter(Sound):
    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.gain = nn.Parameter(torch.ones(hidden_size))


@fails("named_parameters")
class RenamedParameter(Sound):
    """What it kept from weight decay has got another name since."""

    undecayed = frozenset({"recurrent"})


@fails("exact_gradients", "second_derivatives")
class DetachedState(Sound):
    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return super().recur(u, HiddenState(state.h.detach()))


@fails("any_state")
class LogOfState(Sound):
    """A gate in log space, as minGRU's published scan: right only while the state is positive."""

    def initial_state(self, batch_size: int) -> HiddenState:
        return HiddenState(super().initial_state(batch_size).h + 0.5)

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        keep = torch.sigmoid(u + self.recurrent(state.h))
        h = torch.exp(torch.log(keep) + torch.log(state.h)) + (1 - keep) * 0.5
        return h, HiddenState(h)


@fails("long_sequences")
class GrowingMemory(Sound):
    """Gains a tenth at every step."""

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h = torch.tanh(u) + self.recurrent(state.h) * 0.01 + 1.1 * state.h
        return h, HiddenState(h)


@fails("fast_path")
class FastPathWithoutGradient(Sound):
    """Its values are right, but the gradient stops between steps."""

    def unroll(self, u: Tensor, batch_sizes: Any, state: HiddenState) -> Any:
        y, final = super().unroll(u, batch_sizes, state)
        return y, HiddenState(final.h.detach())


@fails("portable")
class SeedOfItsOwn(Sound):
    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        nn.init.constant_(self.input.bias, random.Random().random())


@fails("portable")
class UnregisteredTensor(Sound):
    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.scale = torch.full((hidden_size,), 0.5)

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        return super().recur(u * self.scale.to(u.dtype), state)


@fails("portable")
class Closure(Sound):
    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.squash = lambda x: torch.tanh(x)


@fails("autocast")
class OneDtypeOnly(Sound):
    """`lerp` wants all its tensors in one dtype, and autocast mixes them."""

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        n = torch.tanh(u + self.recurrent(state.h))
        h = torch.lerp(state.h, n, torch.full_like(state.h, 0.5))
        return h, HiddenState(h)


@fails("refusals")
class LateMultiple(Sound):
    """Says too late what the hidden size must divide by."""

    def __init__(self, input_size: int, hidden_size: int = 64) -> None:
        super().__init__(input_size, hidden_size)
        self.hidden_multiple = 2


@fails("signature_and_docstring")
class Undocumented(Sound):
    """A cell."""

    name = "undocumented"


@fails("signature_and_docstring")
class KnobWithoutType(Sound):
    __doc__ = Sound.__doc__
    name = "knobwithouttype"

    def __init__(self, input_size: int, hidden_size: int = 64, gain=1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.gain = gain


class DetachedTanh(torch.autograd.Function):
    """A tanh whose gradient is right, and a constant for whoever differentiates it again."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return (dy * (1 - y * y)).detach()


@fails("second_derivatives")
class ConstantGradient(Sound):
    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        h = DetachedTanh.apply(u + self.recurrent(state.h))
        return h, HiddenState(h)
