"""The long short-term memory: with peepholes, coupled gates or no forget gate where wanted."""

from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from recurbench.cells.base import CellError
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel
from recurbench.cells.parts.stacked_gates import StackedGates
from recurbench.limits import GoesWith


class LSTMState(NamedTuple):
    """The output and the memory of an LSTM."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)


class LSTM(CellByHand[LSTMState], StackedGates[LSTMState]):
    """Long short-term memory with forget gates (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    With `σ` the logistic function and `*` elementwise::

        i  = σ(W_ii x + b_ii + W_hi h + b_hi [+ w_ci * c])       input gate
        i  = 1 - f                                               instead, if coupled=True
        f  = σ(W_if x + b_if + W_hf h + b_hf [+ w_cf * c])       forget gate
        f  = 1                                                   instead, if forget=False
        g  = tanh(W_ig x + b_ig + W_hg h + b_hg)                 candidate
        c' = f * c + i * g
        o  = σ(W_io x + b_io + W_ho h + b_ho [+ w_co * c'])      output gate
        h' = o * tanh(c'),   y = h'

    The terms in brackets are the peepholes of Gers & Schmidhuber 2000 ("Recurrent nets that time
    and count"). A gate sees its own memory cell only, so their weights are diagonal. The papers use
    other squashing functions; tanh is the custom today, also in torch.

    Two knobs take a gate away:

    * `coupled=True` is the CIFG of Greff et al. 2017 (https://arxiv.org/abs/1503.04069), which
      writes as much as it forgets. The paper has peepholes and `f = 1 - i`. As
      `σ(-a) = 1 - σ(a)`, that is the same function with other signs.
    * `forget=False` is the memory of 1997, which forgets nothing. The squashing functions and the
      truncated gradient of that paper are left out.

    Parameters are those of `nn.LSTMCell`, rows in the order `i`, `f`, `g`, `o`. With peepholes
    there is also `weight_peephole` `(3, H)`, rows in the order `w_ci`, `w_cf`, `w_co`. A gate that
    is taken away has no rows in any of them.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gates have biases.
        peepholes: whether the gates see the memory.
        coupled: whether the input gate is what the forget gate leaves.
        forget: whether there is a forget gate.
        forget_bias: added to the forget gate's initial bias, if there is one. 1 is the advice
            of Gers et al. 2000 and Jozefowicz et al. 2015 ("An empirical exploration of recurrent
            network architectures") and Keras's `unit_forget_bias`; 0 is torch's initialisation.
        init: `torch` draws all from `±1/√H`; `keras` starts with input weights Glorot
            uniform, recurrent weights orthogonal and biases zero.
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, `init` or `kernel` is unknown, or the gates are coupled
            and there is no forget gate.
    """

    name: ClassVar[str] = "lstm"
    year: ClassVar[int] = 1997
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 3
    has_loop: ClassVar[bool] = True

    weight_peephole: nn.Parameter | None  # (3, H), or (2, H) if a gate is taken away

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        peepholes: bool = False,
        coupled: bool = False,
        forget: bool = True,
        forget_bias: Annotated[float, GoesWith(bias=True, forget=True)] = 1.0,
        init: Literal["torch", "keras"] = "torch",
        kernel: Kernel = "auto",
    ) -> None:
        if coupled and not forget:
            raise CellError("coupled=True needs the forget gate, which forget=False takes away")
        gates = 3 if coupled or not forget else 4
        super().__init__(input_size, hidden_size, gates=gates, bias=bias)
        self.coupled = coupled
        self.forget = forget
        self.kernel = kernel
        weight_peephole = nn.Parameter(torch.empty(gates - 1, hidden_size)) if peepholes else None
        self.register_parameter("weight_peephole", weight_peephole)
        self._initialise(init)
        if self.bias_ih is not None and forget:
            with torch.no_grad():
                *_, b_f, _, _ = self.bias_ih.chunk(gates)
                b_f += forget_bias

    def initial_state(self, batch_size: int) -> LSTMState:
        """Zeros."""
        h = self._zeros(batch_size, self.hidden_size)
        return LSTMState(h, torch.zeros_like(h))

    def recur(self, u: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One step: `(B, 4H)`, or `(B, 3H)`, and the state to `(B, H)` and the next state."""
        h, c = state
        gates = torch.addmm(u, h, self.weight_hh.t())
        *memory_gates, g, o = gates.split(self.hidden_size, dim=-1)  # i and f, or one of them
        if self.weight_peephole is not None:
            *w_c, w_co = self.weight_peephole
            seeing = zip(memory_gates, w_c, strict=True)
            memory_gates = [torch.addcmul(gate, w, c) for gate, w in seeing]
        c = self._remember([torch.sigmoid(gate) for gate in memory_gates], c, torch.tanh(g))
        if self.weight_peephole is not None:
            o = torch.addcmul(o, w_co, c)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, LSTMState(h, c)

    def _remember(self, gates: list[Tensor], c: Tensor, g: Tensor) -> Tensor:
        """The next memory `(B, H)` from `i` and `f`, or from the one of them that there is."""
        if not self.forget:
            (i,) = gates
            return torch.addcmul(c, i, g)
        if self.coupled:
            (f,) = gates
            return torch.addcmul(g, f, c - g)  # f * c + (1 - f) * g
        i, f = gates
        return torch.addcmul(f * c, i, g)

    def by_hand(self) -> StepByHand:
        """The step of this variant."""
        given = [self.weight_hh, self.weight_peephole]
        weights = [weight for weight in given if weight is not None]
        return _LSTMStep(weights, coupled=self.coupled, forget=self.forget)


class _LSTMStep(StepByHand):
    """Any variant; keeps its gates in the order of the weights, and `tanh(c')`.

    With `δ` the gradient of what follows it, and the terms of peepholes in brackets::

        δo   = δh' * tanh(c') * o * (1 - o)
        δc' += δh' * o * (1 - tanh(c')²) [+ δo * w_co]
        δi   = δc' * g * i * (1 - i)
        δf   = δc' * c * f * (1 - f)                             without coupled
        δf   = δc' * (c - g) * f * (1 - f)                       with coupled
        δg   = δc' * i * (1 - g²)
        δc   = δc' * f [+ δi * w_ci + δf * w_cf]
        δh   = W_h^T (δi, δf, δg, δo)
    """

    loop: ClassVar[str] = "lstm"

    def __init__(self, weights: Leaves, *, coupled: bool, forget: bool) -> None:
        super().__init__(weights)
        self.coupled, self.forget = coupled, forget
        self.sums = 4 if forget and not coupled else 3
        self.kept = self.sums + 1
        self.W, *peepholes = (weight.detach() for weight in weights)
        self.w_c = peepholes[0] if peepholes else None

    def numbers(self) -> list[float]:
        return [float(self.coupled), float(self.forget), float(self.w_c is not None)]

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        H = self.W.shape[1]
        *memory_gates, _, _, _ = kept.split(H, dim=1)
        g, o, tanh_c = kept[:, -3 * H :].split(H, dim=1)
        products = kept[:, :-H]
        return u, products, kept[:, : -3 * H], g, o, tanh_c, *memory_gates

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u, products, memory, g, o, tanh_c, *memory_gates = views
        (h, c), (h_new, c_new) = old, new
        torch.addmm(u, h, self.W.t(), out=products)
        if self.w_c is not None:
            for gate, w in zip(memory_gates, self.w_c, strict=False):
                gate.addcmul_(w, c)
        memory.sigmoid_()
        g.tanh_()
        self._remember(memory_gates, c, g, c_new)
        if self.w_c is not None:
            o.addcmul_(self.w_c[-1], c_new)
        o.sigmoid_()
        torch.tanh(c_new, out=tanh_c)
        torch.mul(o, tanh_c, out=h_new)

    def _remember(self, gates: Leaves, c: Tensor, g: Tensor, c_new: Tensor) -> None:
        if not self.forget:
            torch.addcmul(c, gates[0], g, out=c_new)
        elif self.coupled:
            torch.lerp(g, c, gates[0], out=c_new)
        else:
            torch.mul(gates[1], c, out=c_new).addcmul_(gates[0], g)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        c, H = past[1], past[1].shape[1]
        *memory_gates, g, o, tanh_c = kept.split(H, dim=1)
        factors = torch.empty_like(work)
        *of_memory, of_g, of_o = factors.split(H, dim=1)
        if self.coupled:
            (f,) = memory_gates
            written, i = [c - g], 1 - f
        else:
            i, *rest = memory_gates
            written, f = [g, c][: len(memory_gates)], rest[0] if rest else torch.ones_like(i)
        for factor, gate, by in zip(of_memory, memory_gates, written, strict=True):
            torch.mul(by, gate * (1 - gate), out=factor)
        torch.mul(i, 1 - g * g, out=of_g)
        torch.mul(tanh_c, o * (1 - o), out=of_o)
        memory = [tensor[:, :-H].unflatten(1, (-1, H)) for tensor in (factors, work)]
        d_memory = work[:, : -2 * H].split(H, dim=1)
        return *memory, work, f, of_o, o * (1 - tanh_c * tanh_c), work[:, -H:], *d_memory

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        factors, d_memory, work, f, of_o, of_c, d_o, *d_gates = views
        (dh, dc), (dh_before, dc_before) = flow, before
        torch.mul(of_o, dh, out=d_o)
        dc.addcmul_(of_c, dh)
        if self.w_c is not None:
            dc.addcmul_(d_o, self.w_c[-1])
        torch.mul(factors, dc.unsqueeze(1), out=d_memory)
        dc_before.addcmul_(dc, f)
        if self.w_c is not None:
            for d_gate, w in zip(d_gates, self.w_c, strict=False):
                dc_before.addcmul_(d_gate, w)
        dh_before.addmm_(work, self.W)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        W = self.multiply(work.t(), past[0])
        if self.w_c is None:
            return (W,)
        *d_gates, _, d_o = work.split(self.W.shape[1], dim=1)
        products = [*(d_gate * past[1] for d_gate in d_gates), d_o * path[1]]
        return W, torch.stack([product.sum(0) for product in products])
