"""How often the most frequent of some random symbols occurs."""

import math

import torch

NEGLIGIBLE = 1e-12
"""Counts that are larger with less than this chance are left out."""


def expected_largest_count(draws: int, alphabet: int) -> float:
    """How often the most frequent of some symbols occurs, on average over random draws.

    Counts of uniform draws are independent Poisson counts whose sum happens to be `draws`::

        P(largest <= m) = P(X_1 + ... + X_A = draws, all X_a <= m) / P(X_1 + ... + X_A = draws)

    The distribution of the sum is an A-fold convolution, by Fourier transform in double precision.
    """

    def poisson(counts: torch.Tensor, mean: float) -> torch.Tensor:
        return (counts * math.log(mean) - mean - torch.lgamma(counts + 1)).exp()

    counts = torch.arange(draws + 1, dtype=torch.float64)
    chances = poisson(counts, draws / alphabet)
    of_sum = poisson(counts[-1], float(draws))
    # The largest is at least the mean, rounded up.
    expected, limit, beyond = 0.0, 0, 1.0
    while limit < draws and beyond > NEGLIGIBLE:
        if limit * alphabet >= draws:
            size = 1 << (alphabet * limit).bit_length()  # no sum wraps around
            transform = torch.fft.rfft(chances[: limit + 1], n=size)
            within = torch.fft.irfft(transform**alphabet, n=size)[draws] / of_sum
            beyond = 1 - float(within)
        expected += beyond
        limit += 1
    return expected
