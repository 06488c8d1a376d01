"""Dates written out in ten languages, as the Unicode consortium's locale data has them."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Literal, get_args

import torch

from recurbench.tasks.common.files import Splits, split_of
from recurbench.tasks.translation.translations import Pair

Language = Literal["de", "en", "es", "fi", "fr", "it", "nl", "pl", "pt", "sv"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
"""Those that write with Latin letters and put the day before the month in dates of numbers alone,
so that no date can be read in two ways."""

Form = Literal["full", "long", "medium"]
FORMS: tuple[Form, ...] = get_args(Form)
"""With the weekday and the month's name; with the month's name; with its abbreviation or number."""

YEARS = 1900, 2099
"""The first and the last year of the three splits."""

LATER_YEARS = 2100, 2199
"""Years beyond all that is trained on."""


class Dates:
    """Draws pairs: a date written out, and the same date in the form of ISO 8601.

    A hash of its ISO form puts a date into one split, so that no date of test is trained on in any
    language. Babel says how a date is written, from Unicode's CLDR; other versions of it may write
    some dates in another way.

    Args:
        languages: those of `LANGUAGES` to draw from.

    Attributes:
        splits: the days of each split, as numbers (`date.toordinal`), in order.
    """

    def __init__(self, languages: Sequence[str] = LANGUAGES) -> None:
        self.languages, self.splits = languages, split_days()

    def draw(self, rows: int, among: Sequence[int], source: torch.Generator) -> list[Pair]:
        """Random days in random languages and forms, all equally likely."""
        picked = torch.randint(len(among), (rows,), generator=source).tolist()
        language = torch.randint(len(self.languages), (rows,), generator=source).tolist()
        form = torch.randint(len(FORMS), (rows,), generator=source).tolist()
        return [
            write(among[day], self.languages[a], FORMS[b])
            for day, a, b in zip(picked, language, form, strict=True)
        ]

    def alphabet(self) -> list[Pair]:
        """Pairs of the train split in which every character of all pairs occurs.

        They have one day for each weekday of each month, in all languages and forms.
        """
        weekdays = {
            (when.month, when.weekday()): when.toordinal()
            for when in map(date.fromordinal, self.splits.train)
        }
        return [
            write(day, language, form)
            for day in weekdays.values()
            for language in self.languages
            for form in FORMS
        ]


@cache
def split_days() -> Splits[int]:
    """The days of each split."""
    splits: Splits[int] = Splits()
    for day in days(YEARS):
        getattr(splits, split_of(date.fromordinal(day).isoformat())).append(day)
    return splits


def days(years: tuple[int, int]) -> range:
    """The days from the first of a year to the last of another, as numbers."""
    first, last = years
    return range(date(first, 1, 1).toordinal(), date(last + 1, 1, 1).toordinal())


def write(day: int, language: str, form: Form) -> Pair:
    """A day, as a number, written out and in the form of ISO 8601.

    >>> write(730180, "de", "full")
    Pair(source='Mittwoch, 1. März 2000', target='2000-03-01')
    """
    when = date.fromordinal(day)
    return Pair(writer(language, form)(when), when.isoformat())


@cache
def writer(language: str, form: Form) -> Callable[[date], str]:
    """Writes dates of a language in a form, as `babel.dates.format_date` does, which is slower."""
    from babel import Locale  # loads slowly, and other data sets do without
    from babel.dates import get_date_format

    locale = Locale.parse(language)
    pattern = get_date_format(form, locale)
    return lambda when: pattern.apply(when, locale)


def numbers_in_place(text: str) -> str:
    """A date by its numbers alone: the year has four digits, and a month's name means January.

    >>> numbers_in_place("Mar 2, 1999"), numbers_in_place("02.03.1999")
    ('1999-01-02', '1999-03-02')
    """
    (year,) = re.findall(r"\d{4}", text)
    day, month, *_ = [*re.findall(r"\b\d{1,2}\b", text), "1"]
    return f"{year}-{month:0>2}-{day:0>2}"
