"""The long short-term memory, with optional peepholes and a choice of initial forget bias."""

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from cells.stacked_gates import StackedGates


class LSTMState(NamedTuple):
    """The output and the memory of an LSTM."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)


class LSTM(StackedGates[LSTMState]):
    """Long short-term memory with forget gates (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    With σ the logistic function and * elementwise::

        i  = σ(W_ii x + b_ii + W_hi h + b_hi [+ w_ci * c])       input gate
        f  = σ(W_if x + b_if + W_hf h + b_hf [+ w_cf * c])       forget gate
        g  = tanh(W_ig x + b_ig + W_hg h + b_hg)                 candidate
        c' = f * c + i * g
        o  = σ(W_io x + b_io + W_ho h + b_ho [+ w_co * c'])      output gate
        h' = o * tanh(c'),   y = h'

    The terms in brackets are the peepholes of Gers & Schmidhuber 2000 ("Recurrent nets that time
    and count"): a gate sees its own memory cell only, so their weights are diagonal. The paper
    uses other squashing functions; tanh is today's custom and torch's.

    Parameters are those of `nn.LSTMCell`, rows in the order i, f, g, o; with peepholes also
    `weight_peephole` `(3, H)`, rows in the order w_ci, w_cf, w_co.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        bias: whether the gates have biases.
        peepholes: whether the gates see the memory.
        forget_bias: added to the forget gate's initial bias, if there are biases. 1 is the advice
            of Gers et al. 2000 and Jozefowicz et al. 2015 ("An empirical exploration of recurrent
            network architectures") and Keras's `unit_forget_bias`; 0 is torch's initialisation.
        init: `torch` draws everything from ±1/√H; `keras` is Glorot uniform, orthogonal, zero.

    Raises:
        CellError: a size is not positive, or `init` is unknown.
    """

    name: ClassVar[str] = "lstm"

    weight_peephole: nn.Parameter | None  # (3, H)

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        bias: bool = True,
        peepholes: bool = False,
        forget_bias: float = 1.0,
        init: Literal["torch", "keras"] = "torch",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=4, bias=bias)
        weight_peephole = nn.Parameter(torch.empty(3, hidden_size)) if peepholes else None
        self.register_parameter("weight_peephole", weight_peephole)
        self._initialise(init)
        if self.bias_ih is not None:
            with torch.no_grad():
                _, b_f, _, _ = self.bias_ih.chunk(4)
                b_f += forget_bias

    def initial_state(self, batch_size: int) -> LSTMState:
        """Zeros."""
        h = self._zeros(batch_size, self.hidden_size)
        return LSTMState(h, torch.zeros_like(h))

    def recur(self, u: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One step: `(B, 4H)` and the state to `(B, H)` and the next state."""
        h, c = state
        i, f, g, o = torch.addmm(u, h, self.weight_hh.t()).chunk(4, dim=-1)
        if self.weight_peephole is not None:
            w_ci, w_cf, w_co = self.weight_peephole
            i = torch.addcmul(i, w_ci, c)
            f = torch.addcmul(f, w_cf, c)
        c = torch.addcmul(torch.sigmoid(f) * c, torch.sigmoid(i), torch.tanh(g))
        if self.weight_peephole is not None:
            o = torch.addcmul(o, w_co, c)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, LSTMState(h, c)
