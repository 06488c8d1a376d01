"""The long short-term memory: with peepholes, coupled gates or no forget gate where wanted."""

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from recurbench.cells.base import CellError
from recurbench.cells.parts.stacked_gates import StackedGates


class LSTMState(NamedTuple):
    """The output and the memory of an LSTM."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)


class LSTM(StackedGates[LSTMState]):
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

    Raises:
        CellError: a size is not positive, `init` is unknown, or the gates are coupled and there
            is no forget gate.
    """

    name: ClassVar[str] = "lstm"
    year: ClassVar[int] = 1997
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 3

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
        forget_bias: float = 1.0,
        init: Literal["torch", "keras"] = "torch",
    ) -> None:
        if coupled and not forget:
            raise CellError("coupled=True needs the forget gate, which forget=False takes away")
        gates = 3 if coupled or not forget else 4
        super().__init__(input_size, hidden_size, gates=gates, bias=bias)
        self.coupled = coupled
        self.forget = forget
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
