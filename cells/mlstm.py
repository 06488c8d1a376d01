"""The matrix-memory cell of xLSTM, step by step or a chunk of steps at once."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from recurbench.cells.base import RecurrentCell
from recurbench.cells.parts.chunks import fold_chunks, set_apart
from recurbench.cells.parts.precision import widen


class MLSTMState(NamedTuple):
    """The memory of each head; the paper's memory and normaliser are `C exp(m)` and `n exp(m)`."""

    C: Tensor  # (B, heads, D, D), rows are values and columns keys
    n: Tensor  # (B, heads, D)
    m: Tensor  # (B, heads)


class MLSTM(RecurrentCell[MLSTMState]):
    """mLSTM (Beck et al. 2024, https://arxiv.org/abs/2405.04517).

    Each head has `D = H / heads` features of `q`, `k`, `v`, `o` and `h`, and its own `C`, `n`, `m`,
    `i` and `f`. With `σ` the logistic function and `*` elementwise::

        q  = W_q x + b_q                         query
        k  = (W_k x + b_k) / √D                  key
        v  = W_v x + b_v                         value
        o  = σ(W_o x + b_o)                      output gate
        ĩ  = w_i · x + b_i,   i = exp(ĩ)         input gate
        f̃  = w_f · x + b_f,   f = σ(f̃)           forget gate
        m' = max(log f + m, ĩ, 0)
        C' = exp(log f + m - m') C + exp(ĩ - m') v kᵀ
        n' = exp(log f + m - m') n + exp(ĩ - m') k
        h  = o * C' q / max(|n' · q|, exp(-m')),   y = h

    `m` is the paper's stabiliser: it scales `C`, `n` and the 1 of the paper's `max(|nᵀ q|, 1)`
    alike, so that `h` is the same whatever `m` is.

    What differs: `m` is at least 0 here, so that `exp(-m')` never overflows and a fresh state, all
    zeros, is no special case. `exp(-m')` is never below `exp(-80)`, so that the quotient is defined
    in single precision when `n' · q` is zero. The paper also allows `f = exp(f̃)`. The gates read
    `x`, as in the paper's equations; in the published code (https://github.com/NX-AI/xlstm) they
    read `q`, `k` and `v`. That code also adds 1e-6 to the maximum, which neither the paper nor this
    cell does; `h` then depends on `m` a little. Left out, as parts of the paper's block around the
    cell: the convolution, the group norm, the skip and the projection to twice the width.

    Parameters are `weight` `(4H + 2 heads, I)` and `bias`, rows head after head and in a head D
    each of `q`, `k`, `v`, `o`, then one each of `i` and `f`. As in the published code, `w_i` and
    `w_f` start at zero, `b_f` goes from 3 to 6 over the heads, `b_i` is normal with deviation 0.1,
    the other weights are normal with variance `2 / (5 I)` and the other biases are zero.

    Args:
        input_size: I, features of an input step.
        hidden_size: H, a multiple of `heads`.
        heads: the number of memories.
        kernel: `fused` does a chunk of steps at once, in which each step attends to the steps
            before it and to the memory before the chunk; `reference` takes step after step. Both
            compute the same.

    Raises:
        CellError: a size is not positive or does not fit `heads`, or `kernel` is unknown.
    """

    name: ClassVar[str] = "mlstm"
    year: ClassVar[int] = 2024
    family: ClassVar[str] = "memory"
    gates: ClassVar[int] = 3
    parallel: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        heads: Annotated[int, Ge(1)] = 4,
        kernel: Literal["fused", "reference"] = "fused",
    ) -> None:
        self.hidden_multiple = heads
        super().__init__(input_size, hidden_size)
        self.heads = heads
        self.kernel = kernel
        D = hidden_size // heads
        self.sizes = [D, D, D, D, 1, 1]  # of q, k, v, o, i, f in a head
        weight = torch.zeros(heads, sum(self.sizes), input_size)
        weight[:, : 4 * D].normal_(std=math.sqrt(2 / (5 * input_size)))
        self.weight = nn.Parameter(weight.flatten(0, 1))
        bias = torch.zeros(heads, sum(self.sizes))
        bias[:, -2].normal_(std=0.1)
        bias[:, -1] = torch.linspace(3, 6, heads)
        self.bias = nn.Parameter(bias.flatten())

    def initial_state(self, batch_size: int) -> MLSTMState:
        """Zeros."""
        D = self.hidden_size // self.heads
        C = self._zeros(batch_size, self.heads, D, D)
        return MLSTMState(C, C.new_zeros(C.shape[:3]), C.new_zeros(C.shape[:2]))

    def project(self, x: Tensor) -> Tensor:
        """Of each head `q`, `k`, `v`, `o`, `ĩ` and `log f`: `(..., I)` to `(..., 4H + 2 heads)`."""
        q, k, v, o, i, f = self._split(F.linear(x, self.weight, self.bias))
        k = k / math.sqrt(k.shape[-1])
        i, f = widen(i), widen(f)  # sums of coarse logarithms would be useless
        return torch.cat((q, k, v, torch.sigmoid(o), i, F.logsigmoid(f)), dim=-1).flatten(-2)

    def _split(self, u: Tensor) -> Sequence[Tensor]:
        """`(..., G)` to `q`, `k`, `v`, `o` `(..., heads, D)` and `i`, `f` `(..., heads, 1)`."""
        parts: Sequence[Tensor] = u.unflatten(-1, (self.heads, -1)).split(self.sizes, dim=-1)
        return parts

    def recur(self, u: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
        """One step: `(B, 4H + 2 heads)` and the state to `(B, H)` and the next state."""
        q, k, v, o, i, log_f = self._split(u)
        C, n, m = map(widen, state)
        kept = log_f + m.unsqueeze(-1)  # (B, heads, 1)
        m = torch.maximum(kept, i.relu())
        f, i = torch.exp(kept - m), torch.exp(i - m)
        C = torch.addcmul(f.unsqueeze(-1) * C, (i * v).unsqueeze(-1), k.unsqueeze(-2))
        n = torch.addcmul(f * n, i, k)
        read = torch.matmul(C, q.unsqueeze(-1)).squeeze(-1)
        h = o * read / _normaliser((n * q).sum(-1, keepdim=True), m)
        return h.flatten(1), MLSTMState(C, n, m.squeeze(-1))

    def unroll(
        self, u: Tensor, batch_sizes: Sequence[int], state: MLSTMState
    ) -> tuple[Tensor, MLSTMState]:
        """All steps, by the kernel that was chosen; see the base class for the shapes."""
        if self.kernel == "reference":
            return super().unroll(u, batch_sizes, state)
        idle = u.new_zeros(self.heads, sum(self.sizes))
        idle[:, -2] = -math.inf  # stores nothing, and a log f of 0 forgets nothing
        return fold_chunks(self._chunk, u, batch_sizes, state, idle=idle.flatten())

    def _chunk(self, u: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
        """L steps at once: `(R, L, G)` and the state to `(R, L, H)` and the next state.

        With `F_t` the sum of `log f` over steps 1 to t, the memory at step t has what step s wrote
        with the weight `exp(F_t - F_s + ĩ_s - m_t)`, and what was there before the chunk with the
        weight `exp(F_t + m_0 - m_t)`.
        """
        q, k, v, o, i, log_f = (part.transpose(1, 2) for part in self._split(u))
        C, n, m = map(widen, state)
        m = m[..., None, None]
        F_t = log_f.cumsum(-2)  # (R, heads, L, 1)
        m_t = F_t + torch.maximum(m, torch.cummax(i.relu() - F_t, dim=-2).values)
        later = torch.ones(u.shape[1], u.shape[1], dtype=torch.bool, device=u.device).triu(1)
        stored = ((F_t - m_t) + (i - F_t).transpose(-1, -2)).masked_fill(later, -math.inf).exp()
        before = torch.exp(F_t + m - m_t)

        scores = (torch.matmul(q, k.transpose(-1, -2)) * stored).tril_()  # (R, heads, L, L)
        finite, broken = set_apart(v)
        read = torch.matmul(scores, finite) + before * torch.matmul(q, C.transpose(-1, -2))
        n_q = scores.sum(-1, keepdim=True) + broken + before * torch.matmul(q, n.unsqueeze(-1))
        h = o * read / _normaliser(n_q, m_t)

        weighted_k = stored[..., -1, :].unsqueeze(-1) * k
        before = before[..., -1, :]  # (R, heads, 1)
        C = before.unsqueeze(-1) * C + torch.matmul(v.transpose(-1, -2), weighted_k)
        n = before * n + weighted_k.sum(-2)
        return h.transpose(1, 2).flatten(2), MLSTMState(C, n, m_t[..., -1, 0])


def _normaliser(n_q: Tensor, m: Tensor) -> Tensor:
    """What the memory's answer is divided by, from `n · q` and the stabiliser."""
    return torch.maximum(n_q.abs(), torch.exp(-m.clamp(max=80)))
