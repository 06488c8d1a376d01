"""Texts are cut into words that mean something, and lines that cannot be read are named."""

import pytest

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import MAX_STEPS, Splits
from recurbench.tasks.sentiment.labelled import LabelReader
from recurbench.tasks.sentiment.text import Review, labels_of, words


def read_reviews(path, notes=None, *, label=None, text=None, header=None) -> list[Review]:
    return LabelReader([] if notes is None else notes, label, text, header)(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Not BAD", ["not", "bad"]),
        ("It isn't good.", ["it", "isn't", "good", "."]),
        ("so-so (really): 7/10!", ["so", "so", "really", ":", "7", "10", "!"]),
        ("Ça va été  à\tÉvian", ["ça", "va", "été", "à", "évian"]),
        ("хорошо, да", ["хорошо", ",", "да"]),
        ("loved it 🙂🙂", ["loved", "it", "🙂", "🙂"]),
        ("§ … “x”", ["§", "…", "“", "x", "”"]),
        ("*** -- ()", []),
        ("", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_lines_have_a_label_and_a_text_that_may_hold_tabs(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_bytes("\ufeffgood\tI laughed\r\n\r\n very bad \tno\tfun\n".encode())
    assert read_reviews(path) == [
        Review("good", ["i", "laughed"], f"{path}, line 1"),
        Review("very bad", ["no", "fun"], f"{path}, line 3"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("good", "no label, tab and text"),
        ("\tI laughed", "no label, tab and text"),
        ("good\t", "a sequence of 0 steps, but at least 1 can be read"),
        ("good\t---", "a sequence of 0 steps, but at least 1 can be read"),
        ("good\t" + "a " * (MAX_STEPS + 1), "a sequence of 20001 steps, but at most 20000"),
    ],
)
def test_a_line_that_is_no_review_is_named(tmp_path, line, message):
    path = tmp_path / "reviews.tsv"
    path.write_text(f"good\tfine\n\n{line}\n")
    with pytest.raises(TaskError) as error:
        read_reviews(path)
    assert str(error.value).startswith(f"{path}, line 3: {message}")


def splits(train: str, val: str, test: str) -> Splits[Review]:
    return Splits(
        *(
            [Review(x, ["w"], f"{name} {x}") for x in labels]
            for name, labels in (("train", train), ("val", val), ("test", test))
        )
    )


def test_labels_are_those_of_training_in_order():
    assert labels_of(splits("cabbc", "a", "b")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("train", "val", "test", "message"),
    [
        ("aaa", "a", "a", "train a: all training texts have the label a"),
        ("aab", "abx", "a", "val x: training has no label x, only a, b"),
        ("aab", "ab", "ay", "test y: training has no label y, only a, b"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(train, val, test, message):
    with pytest.raises(TaskError) as error:
        labels_of(splits(train, val, test))
    assert str(error.value) == message
