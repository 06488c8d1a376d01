"""Hidden Markov models: how they are drawn, and what of their states can be known.

Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", 1989.

Legend: B batch, T time, N steps of a packed batch, S states, E emissions.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class HiddenMarkov(NamedTuple):
    """A Markov chain of states, each of which emits a symbol; all in float64.

    Attributes:
        initial: chances of the first state `(S,)`.
        moves: chances of the next state `(S, S)`, given the one in a row.
        emissions: chances of a symbol `(S, E)`, given the state.
    """

    initial: Tensor
    moves: Tensor
    emissions: Tensor

    def draw(self, rows: int, steps: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """New symbols and their states, both `(B, T)`."""
        moving, emitting = torch.rand(2, rows, steps, generator=source, dtype=torch.float64)
        moves, emissions = self.moves.cumsum(1), self.emissions.cumsum(1)
        path = [_pick(self.initial.cumsum(0), moving[:, 0])]
        for step in range(1, steps):
            path.append(_pick(moves[path[-1]], moving[:, step]))
        states = torch.stack(path, 1)
        return _pick(emissions[states], emitting), states

    def filter(self, symbols: PackedSequence) -> Tensor:
        """The chances of each step's state `(N, S)`, given the symbols up to that step."""
        likely = self._likelihoods(symbols)
        prior = self.initial.expand(len(likely[0]), -1)
        found = []
        for now in likely:
            found.append(_normalised(prior[: len(now)] * now))
            prior = found[-1] @ self.moves
        return torch.cat(found)

    def smoother(self, symbols: PackedSequence) -> Tensor:
        """The chances of each step's state `(N, S)`, given the whole sequence of symbols."""
        likely = self._likelihoods(symbols)
        to_come = torch.ones_like(likely[-1])
        found = [to_come]
        for now, then in zip(likely[-2::-1], likely[:0:-1], strict=True):
            # Sequences that end here have nothing to come, which is equally likely from all states.
            to_come = _normalised(torch.ones_like(now))
            to_come[: len(then)] = _normalised((then * found[-1]) @ self.moves.T)
            found.append(to_come)
        return _normalised(self.filter(symbols) * torch.cat(found[::-1]))

    def _likelihoods(self, symbols: PackedSequence) -> list[Tensor]:
        """The chances of each step's symbols from each state, `(b, S)` for b rows that go on."""
        sizes: list[int] = symbols.batch_sizes.tolist()
        return list(self.emissions.T[symbols.data].split(sizes))


def random_model(
    states: int, emissions: int, *, stay: float, noise: float, source: torch.Generator
) -> HiddenMarkov:
    """A random model in which a state is as likely at the first step as at any later one.

    Args:
        states: S.
        emissions: E.
        stay: how likely the next state is the same one; the chances of the others are random.
        noise: how often a symbol is any one, whatever the state; otherwise the state draws it.
        source: the random generator.
    """
    others = _uniform_simplex(states, states - 1, source)
    moves = stay * torch.eye(states, dtype=torch.float64)
    moves[~torch.eye(states, dtype=torch.bool)] = (1 - stay) * others.flatten()
    own = _uniform_simplex(states, emissions, source)
    return HiddenMarkov(stationary(moves), moves, (1 - noise) * own + noise / emissions)


def stationary(moves: Tensor) -> Tensor:
    """The stationary chances `(S,)` of a chain with moves `(S, S)`."""
    states = len(moves)
    equations = torch.eye(states, dtype=moves.dtype) - moves.T
    equations[-1] = 1  # one equation follows from the others; that they sum up to 1 does not
    kept: Tensor = torch.linalg.solve(equations, torch.eye(states, dtype=moves.dtype)[-1])
    return kept


def _pick(sums: Tensor, places: Tensor) -> Tensor:
    """The choices `(...)` at places from 0 to 1, for cumulative chances `(..., C)`."""
    return (sums[..., :-1] <= places[..., None]).sum(-1)


def _uniform_simplex(rows: int, width: int, source: torch.Generator) -> Tensor:
    """Rows of chances, drawn uniformly from all that sum up to 1."""
    spread = torch.empty(rows, width, dtype=torch.float64).exponential_(generator=source)
    return _normalised(spread)


def _normalised(chances: Tensor) -> Tensor:
    return chances / chances.sum(-1, keepdim=True)
