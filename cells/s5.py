"""A diagonal state space model, discretised with a learnt time step."""

import math
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn

from recurbench.cells.base import CellError
from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.linear_recurrence import ComplexRecurrence
from recurbench.cells.parts.precision import widen


class S5(ComplexRecurrence):
    """S5 (Smith et al. 2023, "Simplified state space layers", https://arxiv.org/abs/2208.04933).

    A linear system in continuous time whose input is constant between two steps (zero-order hold).
    With `h` complex and `*` elementwise::

        λ  = -exp(α) + i ω
        Δ  = exp(δ)
        a  = exp(λ * Δ)
        h' = a * h + (a - 1) / λ * (B x)
        y  = 2 Re(C h') + D x

    The H eigenvalues of a real system come in conjugate pairs. One of each pair is kept: `h` has
    H/2 features, and twice the real part stands for both.

    What differs: the paper learns `Re λ` itself, while `-exp(α)` keeps the system stable whatever
    is learnt. `D` is `(H, I)` here; in the paper it is diagonal, as a layer's input and output have
    one width. The paper's activation and gate after the layer are left out. The paper's code has a
    learning rate of their own for `λ`, `Δ` and `B`, and no weight decay for them. Here
    `optimizer.lr_factor`, 1 by default, is for `α`, `ω` and `δ`, and `B` is trained as `D` is.

    At first `λ` are the eigenvalues of the normal part of the HiPPO-LegS matrix, with
    `Re λ = -1/2`, and `B` and `C` are in the basis of its eigenvectors, as in the paper. Before the
    change of basis `B` is drawn from `N(0, 1 / I)` and `C` from `N(0, 1 / H)`. `D` is drawn from
    `N(0, 1 / I)`, and `δ` is uniform between `log dt_min` and `log dt_max`.

    Parameters are `α`, `ω`, `δ` as `log_decay`, `frequency`, `log_step` `(H/2,)`, `input` (`Re B`,
    `Im B`, `D` below each other, `(2H, I)`) and `output` `(H, H)`, in which the columns `2 Re C`
    and `-2 Im C` of each feature are side by side.

    Args:
        input_size: I, features of an input step.
        hidden_size: H, even: features of `y` and eigenvalues of the system.
        dt_min: the smallest initial time step, above 0.
        dt_max: the largest, at least `dt_min`.
        kernel: how a sequence is run, see `LinearRecurrence`.

    Raises:
        CellError: a size is not positive or H is odd, the time steps are out of range, or
            `kernel` is unknown.
    """

    name: ClassVar[str] = "s5"
    year: ClassVar[int] = 2023
    gates: ClassVar[int] = 0
    own_rate: ClassVar[frozenset[str]] = frozenset({"log_decay", "frequency", "log_step"})
    hidden_multiple: int = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        dt_min: Annotated[float, Gt(0)] = 0.001,
        dt_max: Annotated[float, Gt(0)] = 0.1,
        kernel: Kernel = "auto",
    ) -> None:
        if dt_min > dt_max:
            raise CellError(f"dt_min={dt_min} must be at most dt_max={dt_max}")
        super().__init__(input_size, hidden_size, kernel=kernel)
        frequency, basis = hippo_normal(hidden_size)
        log_step = torch.empty(self.modes).uniform_(math.log(dt_min), math.log(dt_max))
        self.log_decay = nn.Parameter(torch.full((self.modes,), math.log(0.5)))
        self.frequency = nn.Parameter(frequency)
        self.log_step = nn.Parameter(log_step)
        self.input = nn.Linear(input_size, 2 * hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, hidden_size, bias=False)
        with torch.no_grad():
            B = basis.mH @ _normal(hidden_size, input_size).to(basis.dtype)
            C = _normal(hidden_size, hidden_size).to(basis.dtype) @ basis
            D = _normal(hidden_size, input_size)
            self.input.weight.copy_(torch.cat((B.real, B.imag, D)))
            self.output.weight.copy_(2 * torch.view_as_real(C.conj().resolve_conj()).flatten(-2))

    @property
    def modes(self) -> int:
        """H / 2."""
        return self.hidden_size // 2

    def project(self, x: Tensor) -> Tensor:
        """`Re B x`, `Im B x` and `D x`: `(..., I)` to `(..., 2H)`."""
        u: Tensor = self.input(x)
        return u

    def coefficients(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """`a` and `(a - 1) / λ * (B x)`, complex: `(N, 2H)` to `(N, H/2)` each."""
        re, im, _ = widen(u).split([self.modes, self.modes, self.hidden_size], dim=-1)
        rate = torch.complex(-torch.exp(widen(self.log_decay)), widen(self.frequency))
        exponent = rate * torch.exp(widen(self.log_step))
        scale = torch.expm1(exponent) / rate  # a - 1 would cancel where the time step is short
        return torch.exp(exponent).expand_as(re), scale * torch.complex(re, im)

    def emit(self, h: Tensor, u: Tensor) -> Tensor:
        """`2 Re(C h) + D x`: `(N, H/2)` complex and `(N, 2H)` to `(N, H)`."""
        y: Tensor = self.output(torch.view_as_real(h).flatten(-2).to(u.dtype))
        return y + u[..., self.hidden_size :]


def hippo_normal(size: int) -> tuple[Tensor, Tensor]:
    """Half the eigenvalues and eigenvectors of the normal part of the HiPPO-LegS matrix.

    The matrix is `A = -(p pᵀ + S + I) / 2` with `p_n = √(2n + 1)` and
    `S_ij = p_i p_j sign(i - j)` (Gu et al. 2022, https://arxiv.org/abs/2206.11893). Without its
    rank-one term `p pᵀ` it is normal, and its eigenvalues are `-1/2 ± i ω`.

    Args:
        size: H, even.

    Returns:
        The `ω` above zero, `(H/2,)`, and their eigenvectors, complex, `(H, H/2)`.
    """
    p = torch.sqrt(2 * torch.arange(size, dtype=torch.get_default_dtype()) + 1)
    outer = torch.outer(p, p) / 2
    skew = outer.triu(1) - outer.tril(-1)
    values, vectors = torch.linalg.eigh(torch.complex(torch.zeros_like(skew), -skew))
    return values[size // 2 :].contiguous(), vectors[:, size // 2 :]


def _normal(rows: int, columns: int) -> Tensor:
    """A matrix drawn from `N(0, 1 / columns)`."""
    return torch.randn(rows, columns) / math.sqrt(columns)
