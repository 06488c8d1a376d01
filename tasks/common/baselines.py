"""scikit-learn's baselines as predictors: what a model without memory of order can do.

scikit-learn is imported when a baseline is fitted, because importing it takes a second.
"""

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurbench.tasks.base import Batch, Predictor, one_hot_logits
from recurbench.tasks.common.sequences import Sequences


def naive_bayes(train: Sequences, vocabulary: int) -> Predictor:
    """Multinomial naive Bayes: knows which words a text has, and not their order.

    McCallum & Nigam, "A Comparison of Event Models for Naive Bayes Text Classification", 1998, with
    one added to each count.

    Args:
        train: texts of word ids with a class each, all classes among them.
        vocabulary: the number of word ids.
    """
    from scipy.sparse import csr_array
    from sklearn.naive_bayes import MultinomialNB

    def counts(ids: Tensor, rows: Tensor, count: int) -> csr_array:
        ones = torch.ones(len(ids), dtype=torch.float64)
        places = rows.numpy(), ids.numpy()
        return csr_array((ones.numpy(), places), shape=(count, vocabulary))

    rows = torch.arange(len(train.lengths)).repeat_interleave(train.lengths)
    ids = torch.cat([row[:n] for row, n in zip(train.inputs, train.lengths, strict=True)])
    model = MultinomialNB().fit(counts(ids, rows, len(train.lengths)), train.targets.numpy())

    def predict(batch: Batch) -> Tensor:
        assert isinstance(batch.inputs, PackedSequence)
        data, sizes, _, unsorted = batch.inputs
        texts = int(sizes[0])
        sorted_rows = torch.arange(len(data)) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
        scores = model.predict_joint_log_proba(counts(data, sorted_rows, texts))
        found = torch.from_numpy(scores)
        return found if unsorted is None else found[unsorted]

    return predict


class NearestMean:
    """Says the class whose mean is nearest.

    Args:
        features: `(S, F)`, of each training sequence.
        classes: `(S,)`, all of them present.
    """

    def __init__(self, features: Tensor, classes: Tensor) -> None:
        from sklearn.neighbors import NearestCentroid

        # It warns of, and divides by, the deviation of features that do not vary within classes,
        # for what is not asked of it here: distances to the means do not need it.
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.filterwarnings("ignore", "self.within_class_std_dev_", UserWarning)
            self._model = NearestCentroid().fit(features.numpy(), classes.numpy())

    def __call__(self, features: Tensor) -> Tensor:
        """Logits `(B, classes)` of features `(B, F)`."""
        said = torch.from_numpy(self._model.predict(features.numpy()))
        return one_hot_logits(said, len(self._model.classes_))


class Linear:
    """Linear regression with a penalty on the squares of its weights.

    Args:
        inputs: `(S, F)` in double precision.
        targets: `(S, T)`.
        penalty: what is added to the sums of squares of the centred inputs.
    """

    def __init__(self, inputs: Tensor, targets: Tensor, penalty: float) -> None:
        from sklearn.linear_model import Ridge

        self._model = Ridge(alpha=penalty).fit(inputs.numpy(), targets.numpy())

    def __call__(self, inputs: Tensor) -> Tensor:
        """Predictions `(B, T)` for inputs `(B, F)`."""
        return torch.from_numpy(self._model.predict(inputs.numpy()))
