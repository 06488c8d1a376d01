"""Texts with labels: how they are read and cut into words."""

from typing import NamedTuple

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import Splits
from recurbench.tasks.common.symbols import LETTER, SPACE, words_and_signs
from recurbench.tasks.common.tables import SHOWN

_CUT = words_and_signs(f"{LETTER}'", rf"(?:[.,!?;:]|[^{LETTER}{SPACE}!-~])")


class Review(NamedTuple):
    """A text with its label.

    Attributes:
        label: its class.
        words: of the text.
        place: the file and line that it stands in.
    """

    label: str
    words: list[str]
    place: str


def words(text: str) -> list[str]:
    """The lower-cased words of a text in any script.

    Accents, points and vowel signs belong to the letters that bear them, and apostrophes to words.
    Marks of punctuation that end or join clauses are words too, and so is each sign beyond ASCII,
    such as an emoji; other signs are dropped. Thai, Chinese and their like need spaces, or
    zero-width spaces, between words: without, all that stands between two signs is one word.

        >>> words("It isn't “good” (or is it?)")
        ['it', "isn't", '“', 'good', '”', 'or', 'is', 'it', '?']
    """
    return _CUT(text.lower())


def labels_of(splits: Splits[Review]) -> list[str]:
    """The labels of the train split, sorted.

    Raises:
        TaskError: there is only one, or another split has a label that is not among them.
    """
    labels = sorted({review.label for review in splits.train})
    if len(labels) < 2:
        raise TaskError(f"{splits.train[0].place}: all training texts have the label {labels[0]}")
    for review in [*splits.val, *splits.test]:
        if review.label not in labels:
            known = ", ".join(labels[:SHOWN]) + ", ..." * (len(labels) > SHOWN)
            raise TaskError(f"{review.place}: training has no label {review.label}, only {known}")
    return labels
