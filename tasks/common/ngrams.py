"""Counting baselines for the prediction of the next symbol."""

import torch
from torch import Tensor

PRIOR = 100.0
"""How many occurrences of a context the unigram weighs as much as, in the bigram's mixture."""


def ngram_nats(train: Tensor, test: Tensor, classes: int) -> dict[str, float]:
    """Mean negative log-likelihoods of unigram and bigram models over all transitions of a text.

    Both give every symbol some probability::

        p(b)     = (c(b) + 1) / (n + classes)
        p(b | a) = (c(a, b) + PRIOR p(b)) / (c(a) + PRIOR)

    where c counts in `train`; the second is the posterior mean under a Dirichlet prior (MacKay and
    Bauman Peto, 1995, "A hierarchical Dirichlet language model").

    Args:
        train: ids `(n,)` below `classes`, the text that is counted.
        test: ids `(m,)`, the text whose m - 1 transitions are scored.
        classes: the vocabulary's size.

    Returns:
        Nats per transition of `unigram` and `bigram`.
    """
    before, after = test[:-1], test[1:]
    counts = torch.bincount(train, minlength=classes)
    unigram = (counts + 1).double() / (len(train) + classes)

    # A pair of symbols is one number, so that a table of classes² is never needed.
    pairs, pair_counts = (train[:-1] * classes + train[1:]).unique(return_counts=True)
    wanted = before * classes + after
    place = torch.searchsorted(pairs, wanted).clamp(max=len(pairs) - 1)
    seen = torch.where(pairs[place] == wanted, pair_counts[place], 0)
    contexts = torch.bincount(train[:-1], minlength=classes)
    bigram = (seen + PRIOR * unigram[after]) / (contexts[before] + PRIOR)

    return {
        "unigram": -unigram[after].log().mean().item(),
        "bigram": -bigram.log().mean().item(),
    }
