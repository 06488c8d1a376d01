"""The baselines read packed texts and features as they are, and give outputs of a task's form."""

import math

import pytest
import torch

from recurbench.tasks.common.baselines import Linear, NearestMean, naive_bayes
from recurbench.tasks.common.sequences import Sequences

TEXTS = [[0, 1, 1], [2], [1, 3], [0, 0, 2, 2, 2]]
LABELS = torch.tensor([0, 1, 0, 1])


def sequences(texts: list[list[int]], labels: torch.Tensor) -> Sequences:
    return Sequences.of([torch.tensor(text) for text in texts], labels)


def test_naive_bayes_scores_by_hand():
    bayes = naive_bayes(sequences(TEXTS, LABELS), vocabulary=5)
    found = bayes(sequences([[1, 4]], torch.tensor([0])).pack())
    # Class 0 has words 0 1 1 1 3, class 1 has 2 0 0 2 2 2.
    first = math.log(1 / 2) + math.log((3 + 1) / (5 + 5)) + math.log((0 + 1) / (5 + 5))
    second = math.log(1 / 2) + math.log((0 + 1) / (6 + 5)) + math.log((0 + 1) / (6 + 5))
    assert found.tolist() == [pytest.approx([first, second])]


def test_naive_bayes_scores_each_text_for_itself_in_the_callers_order():
    bayes = naive_bayes(sequences(TEXTS, LABELS), vocabulary=5)
    alone = [bayes(sequences([text], LABELS[:1]).pack())[0] for text in TEXTS]
    torch.testing.assert_close(bayes(sequences(TEXTS, LABELS).pack()), torch.stack(alone))


def test_the_nearest_mean_is_said():
    features = torch.tensor([[0.0, 0.0], [0.0, 2.0], [9.0, 9.0], [9.0, 7.0], [4.0, 0.0]])
    nearest = NearestMean(features, torch.tensor([0, 0, 1, 1, 2]))
    asked = torch.tensor([[8.0, 8.0], [0.0, 1.0], [3.0, 0.0]])
    assert nearest(asked).argmax(1).tolist() == [1, 0, 2]
    assert nearest(asked).shape == (3, 3)


def test_the_nearest_mean_of_classes_whose_members_are_all_alike_is_said():
    features = torch.tensor([[0.0, 1.0], [0.0, 1.0], [5.0, 1.0], [5.0, 1.0]])
    nearest = NearestMean(features, torch.tensor([0, 0, 1, 1]))
    assert nearest(torch.tensor([[1.0, 1.0], [4.0, 9.0]])).argmax(1).tolist() == [0, 1]


def test_a_linear_map_is_found_but_for_its_penalty():
    source = torch.Generator().manual_seed(0)
    x = torch.randn(50, 3, generator=source, dtype=torch.float64)
    y = x @ torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]], dtype=torch.float64) + 4
    torch.testing.assert_close(Linear(x, y, 1e-9)(x), y)
    heavy = Linear(x, y, 1e9)(x)
    torch.testing.assert_close(heavy, y.mean(0).expand_as(y), rtol=0, atol=1e-4)
