"""Beliefs about hidden states are those of all paths counted, and drawn data follow the model."""

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from recurbench.tasks.tagging.hmm import HiddenMarkov, random_model, stationary

SIZES = [(2, 2), (3, 5)]


def model(states: int = 3, emissions: int = 4, *, stay: float = 0.7, noise: float = 0.2):
    source = torch.Generator().manual_seed(states)
    return random_model(states, emissions, stay=stay, noise=noise, source=source)


def by_enumeration(hmm: HiddenMarkov, symbols: list[int]) -> Tensor:
    """The chances of each step's state `(T, S)` given all symbols, from every path of states."""
    states = range(len(hmm.initial))
    found = torch.zeros(len(symbols), len(states), dtype=torch.float64)
    for path in product(states, repeat=len(symbols)):
        chance = hmm.initial[path[0]]
        for before, after in pairwise(path):
            chance = chance * hmm.moves[before, after]
        for state, symbol in zip(path, symbols, strict=True):
            chance = chance * hmm.emissions[state, symbol]
        for step, state in enumerate(path):
            found[step, state] += chance
    return found / found.sum(1, keepdim=True)


def sequences(emissions: int) -> list[Tensor]:
    source = torch.Generator().manual_seed(7)
    return [torch.randint(emissions, (n,), generator=source) for n in (6, 5, 5, 2, 1)]


def rows(beliefs: Tensor, packed) -> list[Tensor]:
    return unpack_sequence(packed._replace(data=beliefs))


@pytest.mark.parametrize(("states", "emissions"), SIZES)
def test_the_smoother_is_the_sum_over_all_paths(states, emissions):
    hmm, packed = model(states, emissions), pack_sequence(sequences(emissions))
    for symbols, beliefs in zip(
        sequences(emissions), rows(hmm.smoother(packed), packed), strict=True
    ):
        torch.testing.assert_close(beliefs, by_enumeration(hmm, symbols.tolist()))


@pytest.mark.parametrize(("states", "emissions"), SIZES)
def test_the_filter_is_the_sum_over_all_paths_so_far(states, emissions):
    hmm, packed = model(states, emissions), pack_sequence(sequences(emissions))
    for symbols, beliefs in zip(
        sequences(emissions), rows(hmm.filter(packed), packed), strict=True
    ):
        for step, belief in enumerate(beliefs):
            so_far = by_enumeration(hmm, symbols[: step + 1].tolist())
            torch.testing.assert_close(belief, so_far[-1])


def test_beliefs_do_not_depend_on_the_order_of_rows():
    hmm = model()
    backwards = sequences(4)[::-1]
    packed = pack_sequence(backwards, enforce_sorted=False)
    for found in (hmm.filter, hmm.smoother):
        for symbols, beliefs in zip(backwards, rows(found(packed), packed), strict=True):
            torch.testing.assert_close(found(pack_sequence([symbols])), beliefs)


def test_long_sequences_stay_finite_and_sum_to_one():
    hmm = model()
    symbols, _ = hmm.draw(2, 3000, torch.Generator().manual_seed(0))
    packed = pack_sequence(list(symbols))
    for beliefs in (hmm.filter(packed), hmm.smoother(packed)):
        torch.testing.assert_close(beliefs.sum(1), torch.ones(6000, dtype=torch.float64))


def test_what_is_drawn_follows_the_chances():
    hmm = model()
    symbols, states = hmm.draw(4000, 10, torch.Generator().manual_seed(0))
    assert symbols.shape == states.shape == (4000, 10)

    def shares(of: Tensor, given: Tensor, columns: int) -> Tensor:
        counts = torch.zeros(3, columns, dtype=torch.float64)
        counts.index_put_(
            (given.flatten(), of.flatten()),
            torch.ones((), dtype=torch.float64),
            accumulate=True,
        )
        return counts / counts.sum(1, keepdim=True)

    near = {"rtol": 0, "atol": 0.02}
    torch.testing.assert_close(shares(symbols, states, 4), hmm.emissions, **near)
    torch.testing.assert_close(shares(states[:, 1:], states[:, :-1], 3), hmm.moves, **near)
    for step in (0, 9):
        found = states[:, step].bincount(minlength=3).double() / 4000
        torch.testing.assert_close(found, hmm.initial, rtol=0, atol=0.04)


@pytest.mark.parametrize("stay", [0.0, 0.5, 0.99])
def test_a_random_model_is_made_of_chances_and_keeps_its_state_shares(stay):
    hmm = model(4, 6, stay=stay, noise=0.5)
    ones = torch.ones(4, dtype=torch.float64)
    torch.testing.assert_close(hmm.moves.sum(1), ones)
    torch.testing.assert_close(hmm.emissions.sum(1), ones)
    torch.testing.assert_close(hmm.moves.diagonal(), stay * ones)
    torch.testing.assert_close(hmm.initial @ hmm.moves, hmm.initial)
    assert hmm.emissions.min() >= 0.5 / 6


def test_stationary_shares_of_two_states():
    moves = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)
    expected = torch.tensor([0.75, 0.25], dtype=torch.float64)
    torch.testing.assert_close(stationary(moves), expected)


def test_knobs_that_set_difficulty_leave_the_random_part_alone():
    sure, noisy = model(noise=0.0), model(noise=0.5)
    torch.testing.assert_close(noisy.emissions, 0.5 * sure.emissions + 0.5 / 4)
