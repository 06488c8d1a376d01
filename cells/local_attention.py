"""Softmax attention over the last W inputs, with no recurrence beside it."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from recurbench.cells.base import RecurrentCell
from recurbench.cells.parts.window import WINDOWS, Windows, head_of, mix, push


class LocalAttentionState(NamedTuple):
    """Two ring buffers; `parts.window.push` says what lies where."""

    keys: Tensor  # (B, W, H), of the last inputs
    values: Tensor  # (B, W, H)
    steps: Tensor  # (B,), int64, how many were taken so far


class LocalAttention(RecurrentCell[LocalAttentionState]):
    """Sliding-window attention (Beltagy et al. 2020, https://arxiv.org/abs/2004.05150).

    With `t` the number of the step, which the window needs::

        q_t    = W_q x_t,   k_t = W_k x_t,   v_t = W_v x_t
        e_tj   = q_t · k_j / √D + p_{t-j}
        a_t    = softmax over j of e_t,            j = max(0, t - window + 1), ..., t
        c_t    = Σ_j a_tj v_j
        y_t    = W_o c_t + b_o

    Each of several heads has its own `D = H / heads` features of `q`, `k` and `v`, its own biases
    `p` and its own softmax; the heads' contexts are put side by side. This is the multi-head
    attention of Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762) over the window of
    Longformer's language models, which looks back only.

    A window sees inputs only, never the result of another window, so what is older than the window
    is forgotten. This cell is `attention_gru` without its recurrence: that cell slides the same
    window over a GRU's states.

    Without positions, a window would be a bag of inputs. The bias `p` of each head and distance
    tells their order. It is that of T5 (Raffel et al. 2020, https://arxiv.org/abs/1910.10683), but
    T5 has one value for several distances, and here each distance has its own, zero at first.
    Shaw et al. 2018 (https://arxiv.org/abs/1803.02155) have a vector where T5 has a number. Vaswani
    et al. give the inputs absolute positions, which a stream without an end does not have.

    Left out: the residual sum, layer normalisation and feed-forward network that follow attention
    in a transformer, and Longformer's dilated windows and global tokens.

    Parameters are `query_key_value` (`W_q` above `W_k` above `W_v`, no bias), `position_bias`
    `(W, heads)`, row `d` for distance `d`, and `output` (`W_o`, `b_o`).

    Args:
        input_size: I, features of an input step.
        hidden_size: H, a multiple of `heads`.
        window: W, the number of inputs attended over, the current one among them.
        heads: the number of attention heads.
        bias: whether the output has a bias.
        kernel: `fused` attends from all steps at once; `reference` takes step after step.

    Raises:
        CellError: a size is not positive or does not fit `heads`, or `kernel` is unknown.
    """

    name: ClassVar[str] = "local_attention"
    year: ClassVar[int] = 2020
    family: ClassVar[str] = "attention"
    gates: ClassVar[int] = 0
    parallel: ClassVar[bool] = True
    undecayed: ClassVar[frozenset[str]] = frozenset({"position_bias"})

    slots: Tensor  # (W,)
    head_of: Tensor  # (heads, H)

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        window: Annotated[int, Ge(1)] = 16,
        heads: Annotated[int, Ge(1)] = 4,
        bias: bool = True,
        kernel: Literal["fused", "reference"] = "fused",
    ) -> None:
        self.hidden_multiple = heads
        super().__init__(input_size, hidden_size)
        self.window = window
        self.heads = heads
        self.kernel = kernel
        self.query_key_value = nn.Linear(input_size, 3 * hidden_size, bias=False)
        self.position_bias = nn.Parameter(torch.zeros(window, heads))  # at first no order
        self.output = nn.Linear(hidden_size, hidden_size, bias=bias)
        self.register_buffer("slots", torch.arange(window), persistent=False)
        self.register_buffer("head_of", head_of(hidden_size, heads), persistent=False)

    def initial_state(self, batch_size: int) -> LocalAttentionState:
        """An empty window."""
        ring = self._zeros(batch_size, self.window, self.hidden_size)
        steps = torch.zeros(batch_size, dtype=torch.int64, device=ring.device)
        return LocalAttentionState(ring, torch.zeros_like(ring), steps)

    def project(self, x: Tensor) -> Tensor:
        """The queries, keys and values: `(..., I)` to `(..., 3H)`."""
        u: Tensor = self.query_key_value(x)
        return u

    def recur(self, u: Tensor, state: LocalAttentionState) -> tuple[Tensor, LocalAttentionState]:
        """One step: `(B, 3H)` and the state to `(B, H)` and the next state."""
        query, key, value = u.chunk(3, dim=-1)
        rings = state.keys, state.values
        new = key.to(state.keys.dtype), value.to(state.values.dtype)  # autocast narrows them
        (keys, values), empty, steps = push(rings, new, state.steps, self.slots)
        distance = (state.steps.unsqueeze(1) - self.slots) % self.window  # (B, W)
        bias = F.embedding(distance, self.position_bias)
        y = self._attend(bias, query, keys, values, empty)
        return y, LocalAttentionState(keys, values, steps)

    def unroll(
        self, u: Tensor, batch_sizes: Sequence[int], state: LocalAttentionState
    ) -> tuple[Tensor, LocalAttentionState]:
        """All steps, by the kernel that was chosen; see the base class for the shapes."""
        if self.kernel == "reference":
            return super().unroll(u, batch_sizes, state)
        query, key, value = u.chunk(3, dim=-1)
        windows = Windows(batch_sizes, state.steps, self.slots)
        keys = windows.table(state.keys, key.to(state.keys.dtype))
        values = windows.table(state.values, value.to(state.values.dtype))
        attend = partial(self._attend, self.position_bias.flip(0))  # a window has the oldest first
        y = windows.run(attend, (query,), (keys, values), WINDOWS)
        return y, LocalAttentionState(windows.ring(keys), windows.ring(values), windows.steps)

    def _attend(
        self, bias: Tensor, query: Tensor, keys: Tensor, values: Tensor, empty: Tensor
    ) -> Tensor:
        """Outputs `(B, H)` from biases `([B,] W, heads)`, queries `(B, H)`, windows and gaps."""
        scale = 1 / math.sqrt(self.hidden_size // self.heads)
        scores = F.linear(query.unsqueeze(1) * keys, scale * self.head_of) + bias
        y: Tensor = self.output(mix(scores, values, empty))
        return y
