"""Texts with labels: how they are read and cut into words."""

import re
from pathlib import Path
from typing import NamedTuple

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import Splits, numbered_lines, require_steps

_WORD = re.compile(r"[\w']+|[.,!?;:]|[^\w\s!-~]")


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
    """The lower-cased words of a text in any script that puts spaces between them.

    Apostrophes belong to words. Marks of punctuation that end or join clauses are words too, and so
    is each sign beyond ASCII, such as an emoji; other signs are dropped.

        >>> words("It isn't “good” (or is it?)")
        ['it', "isn't", '“', 'good', '”', 'or', 'is', 'it', '?']
    """
    return _WORD.findall(text.lower())


def read_reviews(path: Path) -> list[Review]:
    """Reads lines of a label, a tab and a text; blank lines are skipped.

    Raises:
        TaskError: the file cannot be read, or a line has no label or no word.
    """
    reviews = []
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        label, tab, text = line.partition("\t")
        if not tab or not label.strip():
            raise TaskError(
                f"{path}, line {number}: no label, tab and text, such as good<tab>I laughed"
            )
        found = words(text)
        require_steps(path, number, len(found))
        reviews.append(Review(label.strip(), found, f"{path}, line {number}"))
    return reviews


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
            known = ", ".join(labels)
            raise TaskError(f"{review.place}: training has no label {review.label}, only {known}")
    return labels
