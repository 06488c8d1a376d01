"""A GRU that also attends over a sliding window of its own hidden states."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from recurbench.cells.base import HiddenState, RecurrentCell
from recurbench.cells.gru import GRU
from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.window import WINDOWS, Windows, head_of, mix, push


class AttentionState(NamedTuple):
    """The GRU's state and two ring buffers; `parts.window.push` says what lies where."""

    h: Tensor  # (B, H)
    memory: Tensor  # (B, W, H), the last hidden states
    keys: Tensor  # (B, W, H), their keys, kept so that each is computed once
    steps: Tensor  # (B,), int64, how many were taken so far


class AttentionGRU(RecurrentCell[AttentionState]):
    """GRU with attention over its own last `window` hidden states.

    With `t` the number of the step, which the window needs::

        h_t    = GRU(x_t, h_{t-1})
        q_t    = W_q h_t,   k_t = W_k h_t
        e_tj   = v · tanh(q_t + k_j)               score=additive, Bahdanau et al. 2015
        e_tj   = q_t · k_j / √D                    score=dot, Vaswani et al. 2017
        a_t    = softmax over j of e_t,            j = max(0, t - window + 1), ..., t
        c_t    = Σ_j a_tj h_j
        y_t    = W_o [h_t; c_t] + b_o

    Each of several heads has its own `D = H / heads` features of `q`, `k`, `v` and `h`, and its own
    softmax; the heads' contexts are put side by side. The newest state is part of the window, so
    there is always something to attend to. The attention reads the recurrence and does not feed
    back into it. Bahdanau et al. (https://arxiv.org/abs/1409.0473) attend from a decoder to an
    encoder; here, as in self-attention (https://arxiv.org/abs/1706.03762), a sequence attends to
    itself.

    Parameters are those of the GRU under `gru.`, `query_key` (`W_q` above `W_k`, no bias), `v`
    (additive only) and `output` (`W_o`, `b_o`).

    Args:
        input_size: I, features of an input step.
        hidden_size: H, a multiple of `heads`.
        window: W, the number of hidden states attended over.
        heads: the number of attention heads.
        score: how a query and a key are compared.
        bias: whether the GRU and the output have biases.
        reset_after: the GRU's reset convention.
        init: the GRU's initialisation; the attention's is uniform in `±1/√(inputs)`.
        kernel: `reference` takes step after step; the others run the GRU first, each as
            `CellByHand` says, and then attend from all steps at once, which is possible as the
            attention does not feed back.

    Raises:
        CellError: a size is not positive or does not fit `heads`, or `score`, `init` or `kernel`
            is unknown.
    """

    name: ClassVar[str] = "attention_gru"
    year: ClassVar[int] = 2014
    family: ClassVar[str] = "attention"
    gates: ClassVar[int] = 2

    v: nn.Parameter | None  # (H,), the heads' vectors side by side
    slots: Tensor  # (W,)
    head_of: Tensor  # (heads, H), 1 where a feature belongs to a head

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        window: Annotated[int, Ge(1)] = 16,
        heads: Annotated[int, Ge(1)] = 1,
        score: Literal["additive", "dot"] = "additive",
        bias: bool = True,
        reset_after: bool = True,
        init: Literal["torch", "keras"] = "torch",
        kernel: Kernel = "auto",
    ) -> None:
        self.hidden_multiple = heads
        super().__init__(input_size, hidden_size)
        self.window = window
        self.heads = heads
        self.kernel = kernel
        self.gru = GRU(
            input_size, hidden_size, bias=bias, reset_after=reset_after, init=init, kernel=kernel
        )
        self.query_key = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        v = nn.Parameter(torch.empty(hidden_size)) if score == "additive" else None
        self.register_parameter("v", v)
        if v is not None:
            bound = 1 / math.sqrt(hidden_size // heads)
            nn.init.uniform_(v, -bound, bound)
        self.output = nn.Linear(2 * hidden_size, hidden_size, bias=bias)
        self.register_buffer("slots", torch.arange(window), persistent=False)
        self.register_buffer("head_of", head_of(hidden_size, heads), persistent=False)

    def initial_state(self, batch_size: int) -> AttentionState:
        """A zero hidden state, which is not attended to, and an empty window."""
        h = self._zeros(batch_size, self.hidden_size)
        ring = self._zeros(batch_size, self.window, self.hidden_size)
        steps = torch.zeros(batch_size, dtype=torch.int64, device=h.device)
        return AttentionState(h, ring, torch.zeros_like(ring), steps)

    def project(self, x: Tensor) -> Tensor:
        """The GRU's projection: `(..., I)` to `(..., 3H)`."""
        return self.gru.project(x)

    def recur(self, u: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """One step: `(B, 3H)` and the state to `(B, H)` and the next state."""
        h, _ = self.gru.recur(u, HiddenState(state.h))
        query, key = self.query_key(h).chunk(2, dim=-1)
        key = key.to(state.keys.dtype)  # autocast narrows it
        rings = state.memory, state.keys
        (memory, keys), empty, steps = push(rings, (h, key), state.steps, self.slots)
        return self._attend(h, query, memory, keys, empty), AttentionState(h, memory, keys, steps)

    def kernel_on(self, device: torch.device, dtype: torch.dtype) -> str | None:
        """The GRU's."""
        return self.gru.kernel_on(device, dtype)

    def unroll(
        self, u: Tensor, batch_sizes: Sequence[int], state: AttentionState
    ) -> tuple[Tensor, AttentionState]:
        """All steps, by the kernel that was chosen; see the base class for the shapes."""
        if self.kernel == "reference":
            return super().unroll(u, batch_sizes, state)
        h, (h_last,) = self.gru.unroll(u, batch_sizes, HiddenState(state.h))
        query, key = self.query_key(h).chunk(2, dim=-1)
        windows = Windows(batch_sizes, state.steps, self.slots)
        memory = windows.table(state.memory, h)
        keys = windows.table(state.keys, key.to(state.keys.dtype))
        y = windows.run(self._attend, (h, query), (memory, keys), WINDOWS)
        return y, AttentionState(h_last, windows.ring(memory), windows.ring(keys), windows.steps)

    def _attend(
        self, h: Tensor, query: Tensor, memory: Tensor, keys: Tensor, empty: Tensor
    ) -> Tensor:
        """Outputs `(B, H)` from states and queries `(B, H)`, windows `(B, W, H)` and their gaps."""
        context = mix(self._scores(query.unsqueeze(1), keys), memory, empty)
        y: Tensor = self.output(torch.cat((h, context), dim=1))
        return y

    def _scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """Compares `(B, 1, H)` with `(B, W, H)`, each head apart: `(B, W, heads)`."""
        compared = query * keys if self.v is None else torch.tanh(query + keys)
        scale = 1 / math.sqrt(self.hidden_size // self.heads) if self.v is None else self.v
        return F.linear(compared, scale * self.head_of)
