"""The linear recurrent unit: a complex diagonal recurrence that starts on a ring."""

import math
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from recurbench.cells.base import CellError
from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.linear_recurrence import ComplexRecurrence
from recurbench.cells.parts.precision import widen


class LRU(ComplexRecurrence):
    """LRU (Orvieto et al. 2023, "Resurrecting RNNs", https://arxiv.org/abs/2303.06349).

    With `h` complex and `*` elementwise::

        λ  = exp(-exp(ν) + i exp(θ))
        h' = λ * h + exp(γ) * (B x)
        y  = Re(C h') + D x

    The exponentials keep `|λ|` below 1 whatever is learnt. What differs: `D` is `(H, I)` here; in
    the paper it is diagonal, as a layer's input and output have one width. The paper's block around
    the layer (normalisation, gated units, residuals) is the harness's. The paper tunes a factor,
    0.25 or 0.5, on the learning rate of `ν`, `θ` and `γ`; here it is `optimizer.lr_factor`, 1 by
    default. `B`, to which some code gives that rate too and no weight decay, is trained as `D` is.

    At first, as in the paper, `λ` is uniform on the ring `r_min <= |λ| <= r_max` with phases in
    `[0, max_phase]`, and `exp(γ)` is `√(1 - |λ|²)`. The real and imaginary parts of `B` are drawn
    from `N(0, 1 / 2I)`, those of `C` from `N(0, 1 / H)`, and `D` from `N(0, 1 / I)`. The default
    ring is one that the paper found by tuning.

    Parameters are `ν`, `θ`, `γ` as `log_decay`, `log_phase`, `log_scale` `(H,)`, `input` (`Re B`,
    `Im B`, `D` below each other, `(3H, I)`) and `output` `(H, 2H)`, in which the columns `Re C` and
    `-Im C` of each feature are side by side.

    Args:
        input_size: I, features of an input step.
        hidden_size: H, complex features of `h` and real features of `y`.
        r_min: the ring's inner radius, at least 0.
        r_max: its outer radius, above `r_min` and at most 1.
        max_phase: the largest phase in radians, above 0.
        kernel: how a sequence is run, see `LinearRecurrence`.

    Raises:
        CellError: a size is not positive, the ring or the phase is out of range, or `kernel` is
            unknown.
    """

    name: ClassVar[str] = "lru"
    year: ClassVar[int] = 2023
    gates: ClassVar[int] = 0
    own_rate: ClassVar[frozenset[str]] = frozenset({"log_decay", "log_phase", "log_scale"})

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        r_min: Annotated[float, Ge(0)] = 0.9,
        r_max: Annotated[float, Le(1)] = 0.999,
        max_phase: Annotated[float, Gt(0)] = 2 * math.pi,
        kernel: Kernel = "auto",
    ) -> None:
        if not r_min < r_max:
            raise CellError(f"r_min={r_min} must be below r_max={r_max}")
        super().__init__(input_size, hidden_size, kernel=kernel)
        tiny = torch.finfo(torch.get_default_dtype()).eps  # keeps logarithms finite
        square = torch.rand(hidden_size) * (r_max**2 - r_min**2) + r_min**2
        square = square.clamp(tiny, 1 - tiny)
        phase = (max_phase * torch.rand(hidden_size)).clamp(min=tiny)
        self.log_decay = nn.Parameter(torch.log(-torch.log(square) / 2))
        self.log_phase = nn.Parameter(torch.log(phase))
        self.log_scale = nn.Parameter(torch.log1p(-square) / 2)
        self.input = nn.Linear(input_size, 3 * hidden_size, bias=False)
        self.output = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        with torch.no_grad():
            B, D = self.input.weight.split([2 * hidden_size, hidden_size])
            nn.init.normal_(B, std=1 / math.sqrt(2 * input_size))
            nn.init.normal_(D, std=1 / math.sqrt(input_size))
            nn.init.normal_(self.output.weight, std=1 / math.sqrt(hidden_size))

    @property
    def modes(self) -> int:
        """H."""
        return self.hidden_size

    def project(self, x: Tensor) -> Tensor:
        """`Re B x`, `Im B x` and `D x`: `(..., I)` to `(..., 3H)`."""
        u: Tensor = self.input(x)
        return u

    def coefficients(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """`λ` and `exp(γ) * (B x)`, complex: `(N, 3H)` to `(N, H)` each."""
        re, im, _ = widen(u).chunk(3, dim=-1)
        rate, phase = torch.exp(widen(self.log_decay)), torch.exp(widen(self.log_phase))
        decay = torch.polar(torch.exp(-rate), phase)
        return decay.expand_as(re), torch.exp(widen(self.log_scale)) * torch.complex(re, im)

    def emit(self, h: Tensor, u: Tensor) -> Tensor:
        """`Re(C h) + D x`: `(N, H)` complex and `(N, 3H)` to `(N, H)`."""
        y: Tensor = self.output(torch.view_as_real(h).flatten(-2).to(u.dtype))
        return y + u[..., 2 * self.hidden_size :]
