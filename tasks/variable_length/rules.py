"""Rules that give a random sequence of any length its class.

Legend: B batch, T longest length.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Rule(ABC):
    """Draws token sequences and names their class; all classes are equally likely.

    Attributes:
        tokens: how many different tokens there are.
        classes: how many different answers there are.
        min_length: the shortest sequence that has an answer.
        uniform: whether all sequences of a length are equally likely.
    """

    tokens: int
    classes: int
    min_length = 1
    uniform = True

    def draw(self, lengths: Tensor, source: torch.Generator) -> Tensor:
        """Random tokens `(B, T)` for lengths `(B,)`; those after a row's end have no meaning."""
        return torch.randint(self.tokens, (len(lengths), int(lengths.max())), generator=source)

    @abstractmethod
    def label(self, tokens: Tensor) -> Tensor:
        """The class `(B,)` of each row of tokens `(B, T)`."""


class FirstSymbol(Rule):
    """The first symbol is the class; everything after it distracts."""

    def __init__(self, alphabet: int) -> None:
        self.tokens = self.classes = alphabet

    def label(self, tokens: Tensor) -> Tensor:
        """The first symbol."""
        return tokens[:, 0]


class TemporalOrder(Rule):
    """Two markers, each X or Y, among distractors: which came first, and which second?

    Task 6a of Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997, at any length: the first
    marker is placed between 10 and 20 % of the length, the second between 50 and 60 %. The paper's
    start and end symbols are left out, as sequences are read out at their last step.
    """

    DISTRACTORS = 4

    tokens = DISTRACTORS + 2
    classes = 4
    min_length = 2
    uniform = False

    def draw(self, lengths: Tensor, source: torch.Generator) -> Tensor:
        """Distractors with two markers in each row."""
        rows = torch.arange(len(lengths))
        size = (len(lengths), int(lengths.max()))
        tokens = torch.randint(self.DISTRACTORS, size, generator=source)
        markers = torch.randint(self.DISTRACTORS, self.tokens, (len(lengths), 2), generator=source)
        places = torch.rand(len(lengths), 2, generator=source)
        for marker, tenth in enumerate((1, 5)):
            begin, end = lengths * tenth // 10, lengths * (tenth + 1) // 10
            width = (end - begin).clamp(min=1)
            tokens[rows, begin + (places[:, marker] * width).long()] = markers[:, marker]
        return tokens

    def label(self, tokens: Tensor) -> Tensor:
        """XX, XY, YX, YY as 0 to 3."""
        is_y = (tokens[tokens >= self.DISTRACTORS] - self.DISTRACTORS).view(-1, 2)
        return 2 * is_y[:, 0] + is_y[:, 1]


class Parity(Rule):
    """Whether the number of ones is odd; every single bit matters."""

    tokens = classes = 2

    def draw(self, lengths: Tensor, source: torch.Generator) -> Tensor:
        """Random bits, with zeros after a row's end."""
        bits = super().draw(lengths, source)
        return bits * (torch.arange(bits.shape[1]) < lengths[:, None])

    def label(self, tokens: Tensor) -> Tensor:
        """The sum of the bits modulo 2."""
        return tokens.sum(1) % 2
