"""A grammar of short film reviews whose verdict follows from how their words are put together."""

from collections.abc import Iterator, Sequence

import torch

from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.vocabulary import Vocabulary

GOOD = ("good", "great", "clever", "funny", "moving", "fresh", "superb", "charming", "witty")
BAD = ("bad", "awful", "stupid", "boring", "clumsy", "stale", "dreadful", "silly", "dull")
FILM = ("film", "plot", "story", "acting", "ending", "script", "music", "cast")
ELSEWHERE = ("popcorn", "seat", "crowd", "weather", "trailer", "foyer")
OTHERS = ("critics", "friends", "neighbours", "students")
NEGATORS = ("not", "never", "hardly", "far from", "anything but")
INTENSIFIERS = ("", "", "very", "truly", "rather")
JOINED = {"agrees": ("and",), "overturns": ("but", "yet"), "concedes": ("although", "though")}
"""What an opinion after the first does to the verdict, and the words that join it."""

_DICE = 13
"""The most random numbers that one clause needs."""


class Reviews:
    """Draws reviews with their verdicts.

    A clause says of a thing that it is, or with a negator is not, good or bad. Clauses after the
    first are joined by

    - *and*, if it is an opinion that agrees with the verdict so far,
    - *but* or *yet*, if it overturns the verdict,
    - *although* or *though*, if it disagrees and yet leaves the verdict as it is.

    Two things distract, both good or bad at random: an aside on what is not the film, after any of
    these words, and a relative clause that says what others call the thing.

    Args:
        negation: the share of clauses with a negator.
        contrast: the share of clauses after the first that are joined by other words than *and*.
        distraction: the share of clauses after the first that are asides, and of all clauses that
            have a relative clause.
    """

    def __init__(self, negation: float, contrast: float, distraction: float) -> None:
        self.negation, self.contrast, self.distraction = negation, contrast, distraction
        groups = (GOOD, BAD, FILM, ELSEWHERE, OTHERS, NEGATORS, INTENSIFIERS, *JOINED.values())
        phrases = [phrase for group in groups for phrase in group]
        self.vocabulary = Vocabulary(" ".join(["the is that call", *phrases]).split())

    def draw(self, rows: int, clauses: int, source: torch.Generator) -> Sequences:
        """Reviews of a number of clauses each, bad (0) and good (1) ones taking turns."""
        numbers = torch.rand(rows * clauses * _DICE, generator=source, dtype=torch.float64)
        dice = iter(numbers.tolist())
        texts = [self.write(row % 2 == 1, clauses, dice) for row in range(rows)]
        verdicts = torch.arange(rows) % 2
        return Sequences.of([self.vocabulary.encode(text) for text in texts], verdicts)

    def write(self, good: bool, clauses: int, dice: Iterator[float]) -> list[str]:
        """The words of a review, from random numbers in [0, 1)."""
        text: list[str] = []
        for _ in range(clauses - 1):  # from the end, where the verdict is known, to the start
            joint = "agrees"
            if next(dice) < self.contrast:
                joint = "overturns" if next(dice) < 0.5 else "concedes"
            if next(dice) < self.distraction:
                clause = self._clause(next(dice) < 0.5, ELSEWHERE, dice)
            else:
                clause = self._clause(good ^ (joint == "concedes"), FILM, dice)
                good ^= joint == "overturns"
            text = [pick(JOINED[joint], dice), *clause, *text]
        return [*self._clause(good, FILM, dice), *text]

    def _clause(self, good: bool, things: Sequence[str], dice: Iterator[float]) -> list[str]:
        text = f"the {pick(things, dice)}"
        if next(dice) < self.distraction:
            text += f" that {pick(OTHERS, dice)} call {pick(GOOD + BAD, dice)}"
        text += " is"
        if next(dice) < self.negation:
            good = not good
            text += f" {pick(NEGATORS, dice)}"
        text += f" {pick(INTENSIFIERS, dice)} {pick(GOOD if good else BAD, dice)}"
        return text.split()


def pick(choices: Sequence[str], dice: Iterator[float]) -> str:
    """One of the choices."""
    return choices[int(next(dice) * len(choices))]
