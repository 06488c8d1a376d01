"""A reader of the grammar, written from its description, finds the verdict of every review."""

import pytest
import torch

from recurbench.tasks.sentiment.reviews import BAD, ELSEWHERE, FILM, GOOD, Reviews

CONTRASTS = ("but", "yet", "although", "though")


def clauses_of(text: list[str]) -> list[list[str]]:
    """Cuts before each joining word; `but` in `anything but` is none."""
    found: list[list[str]] = [["and"]]
    for before, word in zip(["", *text], text, strict=False):
        if word in ("and", *CONTRASTS) and before != "anything":
            found.append([])
        found[-1].append(word)
    return found


def read(text: list[str]) -> tuple[str, bool]:
    """What a clause is about, and whether it praises."""
    thing = text[text.index("the") + 1]
    predicate = text[text.index("is") + 1 :]
    negated = any(word in ("not", "never", "hardly", "far", "anything") for word in predicate)
    assert predicate[-1] in GOOD + BAD
    return thing, (predicate[-1] in GOOD) ^ negated


def verdict(text: list[str]) -> bool:
    so_far = None
    for clause in clauses_of(text):
        thing, praises = read(clause)
        if thing in ELSEWHERE:
            continue
        assert thing in FILM
        if so_far is None:
            so_far = praises
        elif clause[0] == "and":
            assert praises == so_far
        else:
            assert praises != so_far
            so_far = praises if clause[0] in ("but", "yet") else so_far
    assert so_far is not None
    return so_far


def texts(reviews: Reviews, rows: int, clauses: int) -> tuple[list[list[str]], list[int]]:
    drawn = reviews.draw(rows, clauses, torch.Generator().manual_seed(3))
    decoded = [
        reviews.vocabulary.decode(row[:length])
        for row, length in zip(drawn.inputs, drawn.lengths, strict=True)
    ]
    return decoded, drawn.targets.tolist()


@pytest.mark.parametrize("clauses", [1, 2, 5])
@pytest.mark.parametrize("shares", [(0.2, 0.4, 0.2), (0, 1, 0.5), (1, 0, 0), (0.5, 1, 1)])
def test_the_verdict_follows_from_the_text(shares, clauses):
    found, targets = texts(Reviews(*shares), 201, clauses)
    assert [verdict(text) for text in found] == targets
    assert {len(clauses_of(text)) for text in found} == {clauses}


@pytest.mark.parametrize("rows", [1, 2, 7, 32])
def test_good_and_bad_reviews_are_as_many(rows):
    _, targets = texts(Reviews(0.2, 0.4, 0.2), rows, 3)
    assert sum(targets) == rows // 2


def test_shares_are_kept():
    found, _ = texts(Reviews(negation=0.3, contrast=0.4, distraction=0.1), 1000, 5)
    clauses = [clause for text in found for clause in clauses_of(text)]
    later = [clause for text in found for clause in clauses_of(text)[1:]]
    negated = [
        any(w in ("not", "never", "hardly", "far", "anything") for w in clause)
        for clause in clauses
    ]
    contrasts = [clause[0] in CONTRASTS for clause in later]
    asides = [read(clause)[0] in ELSEWHERE for clause in later]
    relative = ["that" in clause for clause in clauses]
    for flags, share in ((negated, 0.3), (contrasts, 0.4), (asides, 0.1), (relative, 0.1)):
        assert sum(flags) / len(flags) == pytest.approx(share, abs=0.03)


def test_every_word_occurs_and_none_is_unknown():
    reviews = Reviews(0.2, 0.4, 0.2)
    drawn = reviews.draw(1000, 4, torch.Generator().manual_seed(0))
    ids = torch.cat([row[:n] for row, n in zip(drawn.inputs, drawn.lengths, strict=True)])
    assert ids.unique().tolist() == list(range(1, len(reviews.vocabulary)))
