"""What a cell is driven by: independent inputs, alike at every step, so that all memory is its own.

Legend: B sequences, T time, I input size, N positions.
"""

import math

import torch
from torch import Tensor


class Drive:
    """Independent inputs of a cell, as vectors or along one direction.

    Args:
        input_size: I.
        seed: of all that is drawn.
        pool: `(N, I)`, inputs that the cell has in a trained model. Vectors are drawn from it with
            replacement, and the direction is that of its largest variance, with that variance.
            Without a pool, features are standard normal and the direction gives each a variance
            of 1.
    """

    def __init__(self, input_size: int, seed: int, pool: Tensor | None = None) -> None:
        self.input_size = input_size
        self.pool = None if pool is None else pool.double()
        self._source = torch.Generator().manual_seed(seed)
        if self.pool is None:
            signs = torch.randint(0, 2, (input_size,), generator=self._source) * 2.0 - 1.0
            self._mean = torch.zeros(input_size, dtype=torch.float64)
            self._direction = signs.double()
        else:
            self._mean = self.pool.mean(0)
            centred = self.pool - self._mean
            _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
            self._direction = directions[0] * sizes[0] / math.sqrt(len(self.pool))

    def vectors(self, rows: int, steps: int) -> Tensor:
        """Inputs `(B, T, I)` in float64."""
        if self.pool is None:
            return self.normal(rows, steps, self.input_size)
        chosen = torch.randint(len(self.pool), (rows, steps), generator=self._source)
        return self.pool[chosen]

    def scalars(self, rows: int, steps: int) -> Tensor:
        """Numbers `(B, T)`, uniform from -1 to 1."""
        drawn = torch.rand(rows, steps, generator=self._source, dtype=torch.float64)
        return 2 * drawn - 1

    def along(self, scalars: Tensor) -> Tensor:
        """The inputs `(B, T, I)` that numbers from `scalars` stand for."""
        return self._mean + math.sqrt(3) * scalars.unsqueeze(-1) * self._direction

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, generator=self._source, dtype=torch.float64)
