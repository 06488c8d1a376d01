"""What language models are judged by beside their cross-entropy."""

import math

from torch import Tensor

from recurbench.tasks.common.metrics import MeanCrossEntropy


class BitsPerCharacter(MeanCrossEntropy):
    """The mean negative log-likelihood of an epoch in bits: nats / ln 2."""

    def compute(self) -> Tensor:
        """Bits per character so far."""
        return super().compute() / math.log(2)


class Perplexity(MeanCrossEntropy):
    """The exponential of the epoch's mean negative log-likelihood."""

    def compute(self) -> Tensor:
        """The perplexity so far."""
        return super().compute().exp()
