"""A fast-weight memory that is corrected by the delta rule and forgets by a gate."""

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

EPSILON = 1e-6
"""Added to squared norms, so that a vector of zeros has a gradient."""


class GatedDeltaNetState(NamedTuple):
    """The memory of each head."""

    S: Tensor  # (B, heads, D, D), rows are values and columns keys


class GatedDeltaNet(RecurrentCell[GatedDeltaNetState]):
    """Gated DeltaNet (Yang et al. 2024, https://arxiv.org/abs/2412.06464).

    Each head has `D = H / heads` features of `q`, `k` and `v`, and its own `S`, `α` and `β`. With
    `σ` the logistic function and `normalised(a) = a / √(a · a + 1e-6)`::

        q  = normalised(silu(W_q x))                     query
        k  = normalised(silu(W_k x))                     key
        v  = silu(W_v x)                                 value
        α  = exp(-exp(A) softplus(w_α · x + b_α))        decay gate
        β  = σ(w_β · x)                                  writing strength
        S' = α S (I - β k kᵀ) + β v kᵀ
        y  = S' q

    Asked for the key `k`, the memory answers `S k`. A step first forgets by the factor `α`, then
    moves the answer towards `v`: by all of the way if `β` is 1, and not at all if it is 0. The
    decay `α` and its initial values are those of Mamba2 (https://arxiv.org/abs/2405.21060).

    What differs: the 1e-6, and that keys and values have the same size. The published code
    (https://github.com/fla-org/flash-linear-attention) divides `q`, and so `y`, by `√D` unless
    told otherwise, which neither the paper's equation nor this cell does. Left out, as parts of the
    paper's block around the rule: the short convolutions before the activations, and after the
    memory the norm, the output gate and the output projection.

    Parameters are `weight` `(3H + 2 heads, I)`, rows head after head and in a head D each of `q`,
    `k`, `v`, then one each of `α` and `β`; and `A` and `b_α` as `log_rate` and `bias`, both
    `(heads,)`. At first `exp(A)` is uniform in `[1, 16]`, `softplus(b_α)` is log-uniform in
    `[0.001, 0.1]`, and the weights are uniform in `±1/√I`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H, a multiple of `heads`.
        heads: the number of memories.
        kernel: `fused` does a chunk of steps at once: it solves a triangular system for all of
            their corrections. `reference` takes step after step. Both compute the same.

    Raises:
        CellError: a size is not positive or does not fit `heads`, or `kernel` is unknown.
    """

    name: ClassVar[str] = "gated_delta_net"
    year: ClassVar[int] = 2024
    family: ClassVar[str] = "memory"
    gates: ClassVar[int] = 2
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
        self.weight = nn.Parameter(torch.empty(3 * hidden_size + 2 * heads, input_size))
        bound = 1 / math.sqrt(input_size)
        nn.init.uniform_(self.weight, -bound, bound)
        self.log_rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        step = torch.empty(heads).uniform_(math.log(0.001), math.log(0.1)).exp()
        self.bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # inverse of softplus

    def initial_state(self, batch_size: int) -> GatedDeltaNetState:
        """Zeros."""
        D = self.hidden_size // self.heads
        return GatedDeltaNetState(self._zeros(batch_size, self.heads, D, D))

    def project(self, x: Tensor) -> Tensor:
        """Of each head `q`, `k`, `v`, `log α` and `β`: `(..., I)` to `(..., 3H + 2 heads)`."""
        q, k, v, a, b = self._split(F.linear(x, self.weight))
        q, k, v = F.silu(q), F.silu(k), F.silu(v)
        q, k = (e * (e.square().sum(-1, keepdim=True) + EPSILON).rsqrt() for e in (q, k))
        rate = self.log_rate.exp().unsqueeze(-1)
        log_alpha = -rate * F.softplus(widen(a) + self.bias.unsqueeze(-1))  # to be summed
        return torch.cat((q, k, v, log_alpha, torch.sigmoid(b)), dim=-1).flatten(-2)

    def _split(self, u: Tensor) -> Sequence[Tensor]:
        """`(..., G)` to `q`, `k`, `v` `(..., heads, D)` and the gates `(..., heads, 1)`."""
        D = self.hidden_size // self.heads
        parts: Sequence[Tensor] = u.unflatten(-1, (self.heads, -1)).split([D, D, D, 1, 1], dim=-1)
        return parts

    def recur(self, u: Tensor, state: GatedDeltaNetState) -> tuple[Tensor, GatedDeltaNetState]:
        """One step: `(B, 3H + 2 heads)` and the state to `(B, H)` and the next state."""
        q, k, v, log_alpha, beta = self._split(u)
        S = log_alpha.exp().unsqueeze(-1) * widen(state.S)
        correction = beta * (v - torch.matmul(S, k.unsqueeze(-1)).squeeze(-1))
        S = torch.addcmul(S, correction.unsqueeze(-1), k.unsqueeze(-2))
        y = torch.matmul(S, q.unsqueeze(-1))
        return y.flatten(1), GatedDeltaNetState(S)

    def unroll(
        self, u: Tensor, batch_sizes: Sequence[int], state: GatedDeltaNetState
    ) -> tuple[Tensor, GatedDeltaNetState]:
        """All steps, by the kernel that was chosen; see the base class for the shapes."""
        if self.kernel == "reference":
            return super().unroll(u, batch_sizes, state)
        idle = u.new_zeros(u.shape[-1])  # a log α of 0 forgets nothing and a β of 0 writes nothing
        return fold_chunks(self._chunk, u, batch_sizes, state, idle=idle)

    def _chunk(self, u: Tensor, state: GatedDeltaNetState) -> tuple[Tensor, GatedDeltaNetState]:
        """L steps at once: `(R, L, G)` and the state to `(R, L, H)` and the next state.

        With `F_t` the sum of `log α` over steps 1 to t, the memory after step t is
        `S_t = exp(F_t) S_0 + Σ_s exp(F_t - F_s) e_s k_sᵀ`, summed over the steps s up to t. The
        correction `e_t = β_t (v_t - α_t S_{t-1} k_t)` thus depends on those before it alone: the
        corrections of a chunk are the solution of a triangular system of equations.
        """
        q, k, v, log_alpha, beta = (part.transpose(1, 2) for part in self._split(u))
        F_t = log_alpha.cumsum(-2)  # (R, heads, L, 1)
        later = torch.ones(u.shape[1], u.shape[1], dtype=torch.bool, device=u.device).triu(1)
        decay = (F_t - F_t.transpose(-1, -2)).masked_fill(later, -math.inf).exp()
        before = F_t.exp()  # NaN from a broken step on
        S = widen(state.S)
        S_transposed = S.transpose(-1, -2)

        overlap = beta * decay * torch.matmul(k, k.transpose(-1, -2))  # its diagonal is not read
        e = beta * (v - before * torch.matmul(k, S_transposed))
        e, broken = set_apart(e)  # twice, as a processor may solve by the inverse, a product too
        before = before + broken
        e = torch.linalg.solve_triangular(overlap, e, upper=False, unitriangular=True)
        finite, broken = set_apart(e)
        before = before + broken
        y = torch.matmul((torch.matmul(q, k.transpose(-1, -2)) * decay).tril_(), finite)
        y = y + before * torch.matmul(q, S_transposed)

        weighted_k = decay[..., -1, :].unsqueeze(-1) * k
        S = before[..., -1:, :] * S + torch.matmul(e.transpose(-1, -2), weighted_k)
        return y.transpose(1, 2).flatten(2), GatedDeltaNetState(S)
