"""Rules that turn a random string into another, and how much of it those get right who know less.

Legend: B batch, L longest string, A alphabet.
"""

from abc import ABC, abstractmethod
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from recurbench.tasks.common.counting import expected_largest_count


class Rule(ABC):
    """Draws strings and answers them, a symbol for each symbol if nothing else is said.

    Attributes:
        alphabet: different symbols of an answer.
        tokens: different tokens of a string, the marker and the blank among them.
        shortest: the least length that has an answer.
    """

    shortest = 1

    def __init__(self, alphabet: int) -> None:
        self.alphabet = alphabet
        self.tokens = alphabet + 2

    def draw(self, lengths: Tensor, source: torch.Generator) -> Tensor:
        """Random strings `(B, L)` of lengths `(B,)`; what follows a string's end has no meaning."""
        return torch.randint(self.alphabet, (len(lengths), int(lengths.max())), generator=source)

    @abstractmethod
    def answer(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """The answers `(B, L)`; what follows an answer's end has no meaning."""

    @abstractmethod
    def guesses(self, strings: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Answers `(B, L)` of those who know less, by the name of the reference."""

    @abstractmethod
    def right(self, length: int) -> dict[str, float]:
        """How many symbols of an answer each guess is expected to get right."""

    def due(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """How many symbols `(B,)` the answers have."""
        return lengths

    def expected_due(self, length: int) -> float:
        """How many symbols an answer is expected to have."""
        return length

    def chances(self, length: int) -> list[tuple[float, float]]:
        """Groups of equally likely strings of a length: the share of all draws, and of each string.

        One group where nothing else is said.
        """
        return [(1.0, 1 / self.alphabet**length)]


class Reordering(Rule):
    """The string's own symbols in another order.

    `bag` knows the symbols and not their order: it always says the most frequent one.
    """

    @abstractmethod
    def places(self, size: int, lengths: Tensor) -> Tensor:
        """Where `(B, size)` in the string each symbol of the answer stands."""

    def answer(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """The symbols at the places."""
        size = strings.shape[1]
        return strings.gather(1, self.places(size, lengths).clamp(0, size - 1))

    def guesses(self, strings: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The most frequent symbol of each string, at every place."""
        outside = torch.arange(strings.shape[1]) >= lengths[:, None]
        counts = F.one_hot(strings.masked_fill(outside, self.alphabet), self.tokens).sum(1)
        most = counts[:, : self.alphabet].argmax(1)
        return {"bag": most[:, None].expand_as(strings)}

    def right(self, length: int) -> dict[str, float]:
        """How often the most frequent symbol occurs."""
        return {"bag": largest_count(length, self.alphabet)}


class Reverse(Reordering):
    """The last symbol first."""

    def places(self, size: int, lengths: Tensor) -> Tensor:
        """From the end to the beginning."""
        return lengths[:, None] - 1 - torch.arange(size)


class OddsFirst(Reordering):
    """First the symbols at odd places, counted from 1, then those at even ones."""

    def places(self, size: int, lengths: Tensor) -> Tensor:
        """Every second from the first, then every second from the second."""
        places, odd = torch.arange(size), (lengths[:, None] + 1) // 2
        return torch.where(places < odd, 2 * places, 2 * (places - odd) + 1)


class Sort(Rule):
    """The smallest symbol first.

    `clock` knows the length and the place: it says the symbol that is likeliest there.
    """

    def answer(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """The symbols in order."""
        outside = torch.arange(strings.shape[1]) >= lengths[:, None]
        return strings.masked_fill(outside, self.alphabet).sort(1).values

    def guesses(self, strings: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The likeliest symbol of each place."""
        said = torch.zeros_like(strings)
        for row, length in enumerate(lengths.tolist()):
            said[row, :length] = likeliest_in_order(length, self.alphabet)[0]
        return {"clock": said}

    def right(self, length: int) -> dict[str, float]:
        """The chances of the likeliest symbols."""
        return {"clock": float(likeliest_in_order(length, self.alphabet)[1].sum())}


class Addition(Rule):
    """The sum of two binary numbers with a plus between them, all least significant bit first.

    The bits of the numbers are drawn, and the plus is at any place but the ends. The sum has one
    bit more than the longer number: the last carry.

    `clock` knows the place: all bits but the last carry are 0 and 1 alike, since a random bit is
    added to each, and the last carry is rather 0. `no_carry` adds each two bits alone.
    """

    PLUS = 4
    shortest = 3

    def __init__(self) -> None:
        super().__init__(alphabet=2)
        self.tokens += 1

    def draw(self, lengths: Tensor, source: torch.Generator) -> Tensor:
        """Random bits with a plus among them."""
        strings = super().draw(lengths, source)
        chances = torch.rand(len(lengths), generator=source, dtype=torch.float64)
        plus = 1 + (chances * (lengths - 2)).long()
        return strings.scatter_(1, plus[:, None], self.PLUS)

    def answer(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """The bits of the sum."""
        sums, carry = [], torch.zeros_like(lengths)
        for ones in self._ones(strings, lengths).T:
            sums.append((ones + carry) % 2)
            carry = (ones + carry) // 2
        return torch.stack(sums, 1)

    def guesses(self, strings: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Zeros; sums of two bits without what is carried over."""
        ones = self._ones(strings, lengths)
        return {"clock": torch.zeros_like(ones), "no_carry": ones % 2}

    def right(self, length: int) -> dict[str, float]:
        """By how likely bit t of a sum, from 0, gets a carry: P_t, with P_0 = 0.

        The carry of two bits that are drawn is 1 if both are, or one is and a carry comes in.
        Beyond the s bits of the shorter number it goes on if the longer one, of l bits, has a 1
        there::

            P_t = 1/4 + 1/2 P_{t-1} = (1 - 2^-t) / 2          up to s
            P_t = 1/2 P_{t-1}                                 beyond
            P_l = 2^-(l-s) (1 - 2^-s) / 2                     the last carry
            P_1 + ... + P_l = s / 2 - P_l                     by adding up the first two

        A clock has half of l bits right and is right about the last carry with 1 - P_l. Without
        carries a bit is right if none comes in.
        """
        clock = no_carry = 0.0
        for longer, shorter in self._splits(length):
            last = (0.5 ** (longer - shorter) - 0.5**longer) / 2
            clock += longer / 2 + 1 - last
            no_carry += longer + 1 - (shorter / 2 - last)
        return {"clock": clock / (length - 2), "no_carry": no_carry / (length - 2)}

    def due(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """One more than the bits of the longer number."""
        plus = self._plus(strings)
        return torch.maximum(plus, lengths - 1 - plus) + 1

    def expected_due(self, length: int) -> float:
        """The mean over all places of the plus."""
        return sum(longer + 1 for longer, _ in self._splits(length)) / (length - 2)

    def chances(self, length: int) -> list[tuple[float, float]]:
        """By the places of the plus, times the bits."""
        return [(1.0, 1 / ((length - 2) * 2 ** (length - 1)))]

    def _ones(self, strings: Tensor, lengths: Tensor) -> Tensor:
        """How many ones `(B, L)` the two numbers have at each bit."""
        places, plus = torch.arange(strings.shape[1]), self._plus(strings)[:, None]
        second = places + plus + 1
        inside = second < lengths[:, None]
        later = strings.gather(1, second.clamp(max=strings.shape[1] - 1))
        return torch.where(places < plus, strings, 0) + torch.where(inside, later, 0)

    def _plus(self, strings: Tensor) -> Tensor:
        return (strings == self.PLUS).int().argmax(1)

    def _splits(self, length: int) -> list[tuple[int, int]]:
        """The bits of the longer and the shorter number, for each place of the plus."""
        sizes = [(plus, length - 1 - plus) for plus in range(1, length - 1)]
        return [(max(pair), min(pair)) for pair in sizes]


@cache
def largest_count(length: int, alphabet: int) -> float:
    """As `expected_largest_count`, which takes long for long strings."""
    return expected_largest_count(length, alphabet)


@cache
def likeliest_in_order(length: int, alphabet: int) -> tuple[Tensor, Tensor]:
    """The likeliest symbol at each place of a sorted random string, and its chance, `(length,)`.

    The symbol X_k at place k, from 0, is at most a if more than k of the n symbols are. How many
    of them are is binomial, as each one is with (a + 1) / A::

        P(X_k <= a) = P(Binomial(n, (a + 1) / A) > k)
    """
    shares = torch.arange(1, alphabet, dtype=torch.float64)[:, None] / alphabet
    counts = torch.arange(length + 1, dtype=torch.float64)
    ways = torch.lgamma(counts[-1] + 1) - torch.lgamma(counts + 1)
    ways -= torch.lgamma(length - counts + 1)
    chances = (ways + counts * shares.log() + (length - counts) * (-shares).log1p()).exp()
    at_most = chances.flip(1).cumsum(1).flip(1)[:, 1:]  # (A - 1, length)
    bounds = F.pad(at_most, (0, 0, 1, 0)), F.pad(at_most, (0, 0, 0, 1), value=1.0)
    best = (bounds[1] - bounds[0]).max(0)
    return best.indices, best.values
