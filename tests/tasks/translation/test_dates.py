"""Dates are written as people write them, can be read in one way, and are split by date."""

from datetime import date

import pytest
import torch

from recurbench.tasks.translation.dates import (
    FORMS,
    LANGUAGES,
    LATER_YEARS,
    YEARS,
    Dates,
    days,
    numbers_in_place,
    write,
)

EVERY_99TH_DAY = [*days(YEARS)[::99], *days(LATER_YEARS)[::99]]


@pytest.fixture(scope="module")
def dates() -> Dates:
    return Dates()


@pytest.fixture(scope="module")
def written() -> list:
    return [write(day, a, b) for day in EVERY_99TH_DAY for a in LANGUAGES for b in FORMS]


@pytest.mark.parametrize(
    ("language", "form", "expected"),
    [
        ("en", "full", "Monday, May 1, 2023"),
        ("de", "long", "1. Mai 2023"),
        ("fi", "medium", "1.5.2023"),
        ("sv", "full", "måndag 1 maj 2023"),
    ],
)
def test_a_date_is_written_as_in_its_language(language, form, expected):
    pair = write(date(2023, 5, 1).toordinal(), language, form)
    assert pair == (expected, "2023-05-01")


def test_no_text_means_two_dates(written):
    meanings: dict[str, set[str]] = {}
    for source, target in written:
        meanings.setdefault(source, set()).add(target)
    assert {len(targets) for targets in meanings.values()} == {1}


def test_the_splits_are_all_days_once(dates):
    splits = dates.splits
    every = [*splits.train, *splits.val, *splits.test]
    assert sorted(every) == list(range(*[date(y, 1, 1).toordinal() for y in (1900, 2100)]))
    assert len(splits.val) / len(every) == pytest.approx(0.1, abs=0.01)
    assert len(splits.test) / len(every) == pytest.approx(0.1, abs=0.01)


def test_later_years_begin_where_the_splits_end():
    assert days(YEARS)[-1] + 1 == days(LATER_YEARS)[0]


def test_the_alphabet_has_every_character_and_is_of_training(dates, written):
    alphabet = dates.alphabet()
    assert set("".join(map("".join, alphabet))) == set("".join(map("".join, written)))
    train = {date.fromordinal(day).isoformat() for day in dates.splits.train}
    assert {target for _, target in alphabet} <= train


@pytest.mark.parametrize("languages", [("de",), ("pt", "fi"), LANGUAGES])
def test_draws_have_all_languages_and_forms_and_no_other(languages):
    drawing = Dates(languages)
    found = drawing.draw(700, drawing.splits.val[:2], torch.Generator().manual_seed(0))
    expected = {
        write(day, language, form)
        for day in drawing.splits.val[:2]
        for language in languages
        for form in FORMS
    }
    assert set(found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tuesday, March 2, 1999", "1999-01-02"),
        ("2. maaliskuuta 1999", "1999-01-02"),
        ("12.3.1999", "1999-03-12"),
        ("2 de mar. de 2100", "2100-01-02"),
    ],
)
def test_numbers_alone_leave_the_month_to_guess(text, expected):
    assert numbers_in_place(text) == expected


def test_numbers_alone_are_right_where_a_date_is_numbers(written):
    numeric = [pair for pair in written if not any(map(str.isalpha, pair.source))]
    assert len(numeric) == 2 * len(EVERY_99TH_DAY)  # German and Finnish, medium
    assert all(numbers_in_place(source) == target for source, target in numeric)
