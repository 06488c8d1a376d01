"""Naive Bayes counts as the formula says."""

import math

import pytest
import torch
from sklearn.naive_bayes import MultinomialNB

from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.sentiment.naive_bayes import NaiveBayes

TEXTS = [[0, 1, 1], [2], [1, 3], [0, 0, 2, 2, 2]]
LABELS = torch.tensor([0, 1, 0, 1])


def sequences(texts: list[list[int]], labels: torch.Tensor) -> Sequences:
    return Sequences.of([torch.tensor(text) for text in texts], labels)


def test_scores_by_hand():
    bayes = NaiveBayes(sequences(TEXTS, LABELS), vocabulary=5, classes=2)
    found = bayes(sequences([[1, 4]], torch.tensor([0])).pack())
    # Class 0 has words 0 1 1 1 3, class 1 has 2 0 0 2 2 2.
    first = math.log(1 / 2) + math.log((3 + 1) / (5 + 5)) + math.log((0 + 1) / (5 + 5))
    second = math.log(1 / 2) + math.log((0 + 1) / (6 + 5)) + math.log((0 + 1) / (6 + 5))
    assert found.tolist() == [pytest.approx([first, second])]


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_are_those_of_scikit_learn(classes):
    source = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 9, (41,), generator=source).tolist()
    texts = [torch.randint(7, (length,), generator=source).tolist() for length in lengths]
    labels = torch.cat([torch.arange(classes), torch.randint(classes, (41 - classes,))])
    counts = torch.stack([torch.tensor(text).bincount(minlength=7) for text in texts]).numpy()
    theirs = MultinomialNB().fit(counts, labels.numpy()).predict_joint_log_proba(counts)
    ours = NaiveBayes(sequences(texts, labels), vocabulary=7, classes=classes)
    torch.testing.assert_close(
        ours(sequences(texts, labels).pack()), torch.from_numpy(theirs), rtol=1e-9, atol=1e-9
    )


def test_scores_do_not_depend_on_the_texts_beside():
    bayes = NaiveBayes(sequences(TEXTS, LABELS), vocabulary=5, classes=2)
    alone = [bayes(sequences([text], LABELS[:1]).pack())[0] for text in TEXTS]
    torch.testing.assert_close(bayes(sequences(TEXTS, LABELS).pack()), torch.stack(alone))
