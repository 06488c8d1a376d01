"""The largest count of random symbols is what counting all draws gives."""

from collections import Counter
from itertools import product

import pytest
import torch

from recurbench.tasks.common.counting import expected_largest_count


@pytest.mark.parametrize(
    ("draws", "alphabet"), [(1, 2), (1, 9), (2, 2), (5, 3), (3, 7), (9, 2), (4, 8), (6, 1)]
)
def test_small_cases_agree_with_all_draws_counted(draws, alphabet):
    largest = [max(Counter(drawn).values()) for drawn in product(range(alphabet), repeat=draws)]
    expected = sum(largest) / len(largest)
    assert expected_largest_count(draws, alphabet) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("draws", "alphabet"), [(62, 16), (300, 5)])
def test_large_cases_agree_with_random_draws(draws, alphabet):
    drawn = torch.randint(alphabet, (4000, draws), generator=torch.Generator().manual_seed(0))
    counts = torch.stack([(drawn == symbol).sum(1) for symbol in range(alphabet)])
    largest = counts.max(0).values.double()
    error = largest.std().item() / len(largest) ** 0.5
    assert expected_largest_count(draws, alphabet) == pytest.approx(
        largest.mean().item(), abs=4 * error
    )
