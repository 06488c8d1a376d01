"""Counting models of the next symbol, to beat in language modelling."""

import math

import torch
from torch import Tensor

PRIOR = 100.0
"""The unigram weighs as much as this many occurrences of a context in the bigram's mixture."""


class NGrams:
    """Uniform, unigram and bigram models; all of them give every symbol some probability.

    Where c counts in a text of n symbols out of V::

        p(b)     = (c(b) + 1) / (n + V)
        p(b | a) = (c(a, b) + PRIOR p(b)) / (c(a) + PRIOR)

    The second is the posterior mean under a Dirichlet prior (MacKay and Bauman Peto, 1995, "A
    hierarchical Dirichlet language model").

    Each method takes the ids of a symbol `before` and of the one `after` it, in any shapes that
    broadcast, and gives the log-probability in nats of the transition, in float64.

    Args:
        text: ids `(n,)` below `classes`, at least two.
        classes: V, the vocabulary's size.
    """

    def __init__(self, text: Tensor, classes: int) -> None:
        self.classes = classes
        counts = torch.bincount(text, minlength=classes)
        self.probabilities = (counts + 1).double() / (len(text) + classes)
        self.contexts = torch.bincount(text[:-1], minlength=classes)
        # A pair of symbols is one number, so that a table of V² is never needed.
        self.pairs, self.pair_counts = (text[:-1] * classes + text[1:]).unique(return_counts=True)

    def uniform(self, before: Tensor, after: Tensor) -> Tensor:
        """All symbols are equally likely."""
        shape = torch.broadcast_shapes(before.shape, after.shape)
        return torch.full(shape, -math.log(self.classes), dtype=torch.float64)

    def unigram(self, before: Tensor, after: Tensor) -> Tensor:
        """The more often a symbol occurs, the likelier it is."""
        return (
            self.probabilities[after]
            .log()
            .expand(torch.broadcast_shapes(before.shape, after.shape))
        )

    def bigram(self, before: Tensor, after: Tensor) -> Tensor:
        """The more often a symbol follows the one before, the likelier it is."""
        wanted = before * self.classes + after
        place = torch.searchsorted(self.pairs, wanted).clamp(max=len(self.pairs) - 1)
        seen = torch.where(self.pairs[place] == wanted, self.pair_counts[place], 0)
        mixed = (seen + PRIOR * self.probabilities[after]) / (self.contexts[before] + PRIOR)
        return mixed.log()
