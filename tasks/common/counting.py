"""Counts of random sequences: how often a symbol occurs in one, and how often one occurs again."""

import math
from collections.abc import Sequence

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


def expected_overlap(draws: int, strings: Sequence[int]) -> float:
    """The share of random strings that are to be expected among others drawn alike.

    A string of a kind with s different ones, out of n kinds, is drawn with p = 1 / (n s), and is
    among N draws with 1 - (1 - p)^N.

    Args:
        draws: N, of the others.
        strings: s of each kind, such as a length; kinds, and strings of a kind, are equally likely.
    """
    chances = [1 / (len(strings) * count) for count in strings]
    seen = (1.0 if p == 1 else -math.expm1(draws * math.log1p(-p)) for p in chances)
    return sum(seen) / len(strings) if draws else 0.0
