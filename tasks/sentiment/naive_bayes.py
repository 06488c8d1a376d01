"""Multinomial naive Bayes, the baseline that knows which words a text has and not their order."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.base import Batch
from recurbench.tasks.common.sequences import Sequences


class NaiveBayes:
    """A `Predictor` that adds up what each word says of the class.

    McCallum & Nigam, "A Comparison of Event Models for Naive Bayes Text Classification", 1998, with
    one added to each count. Of a text with words w and a class c,

        score(c) = log P(c) + sum over w of log ((count(w, c) + 1) / (count(c) + V))

    Args:
        train: texts of word ids with a class each, all classes among them.
        vocabulary: V, the number of word ids.
        classes: the number of classes.
    """

    def __init__(self, train: Sequences, vocabulary: int, classes: int) -> None:
        ids = torch.cat([row[:n] for row, n in zip(train.inputs, train.lengths, strict=True)])
        cells = ids * classes + train.targets.repeat_interleave(train.lengths)
        counts = torch.bincount(cells, minlength=vocabulary * classes).view(vocabulary, classes)
        smooth = counts.double() + 1
        self.log_likelihood = (smooth / smooth.sum(0)).log()  # (V, C)
        shares = torch.bincount(train.targets, minlength=classes).double() / len(train.targets)
        self.log_prior = shares.log()

    def __call__(self, batch: Batch) -> Tensor:
        """The scores `(B, C)` of a batch of packed texts."""
        assert isinstance(batch.inputs, PackedSequence)
        ids, lengths = pad_packed_sequence(batch.inputs, batch_first=True)
        present = torch.arange(ids.shape[1]) < lengths[:, None]
        return self.log_prior + (self.log_likelihood[ids] * present[..., None]).sum(1)
