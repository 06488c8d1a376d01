"""Sentiment asks what words alone do not tell, and real reviews are split and counted as told."""

import os
import re
from itertools import islice, product
from pathlib import Path
from unicodedata import category

import pytest
from torch.nn.utils.rnn import unpack_sequence

from recurbench.tasks.base import Task, TaskError
from recurbench.tasks.common.files import Splits, split_of
from recurbench.tasks.common.symbols import Symbols
from recurbench.tasks.common.vocabulary import UNKNOWN
from recurbench.tasks.sentiment.task import Sentiment
from recurbench.tasks.sentiment.text import Review, labels_of, words

needs_the_data = pytest.mark.skipif(
    "RECURBENCH_DATA" not in os.environ,
    reason="movie_snippets is not tested: set RECURBENCH_DATA to a folder with "
    "sentiment/movieReviewSnippets_GroundTruth.txt",
)


PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # a zero-width non-joiner in a word


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> Sentiment:
    return Sentiment(**knobs).ready(batch_size=batch_size, seed=seed)


def of_files(folder: Path, train: str, val: str, test: str, **knobs) -> Sentiment:
    paths = {}
    for knob, text in (("file", train), ("val_file", val), ("test_file", test)):
        path = folder / f"{knob}.tsv"
        path.write_text(text, encoding="utf-8")
        paths[knob] = str(path)
    return Sentiment(dataset="file", **paths, **knobs)


def texts(task: Sentiment, batches) -> list[tuple[str, str]]:
    return [
        (task.source.labels[label], " ".join(task.source.vocabulary.decode(row)))
        for batch in batches
        for row, label in zip(unpack_sequence(batch.inputs), batch.targets.tolist(), strict=True)
    ]


def rounded_references(task: Task) -> dict[str, float]:
    return {name: round(value, 4) for name, value in task.references().items()}


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
        ("अच्छी फिल्म है।", ["अच्छी", "फिल्म", "है", "।"]),
        ("చాలా బాగుంది", ["చాలా", "బాగుంది"]),
        ("மிகவும் நல்ல படம்", ["மிகவும்", "நல்ல", "படம்"]),
        ("שָׁלוֹם עוֹלָם", ["שָׁלוֹם", "עוֹלָם"]),
        ("كِتَابٌ مُمْتَاز", ["كِتَابٌ", "مُمْتَاز"]),
        ("cafe\u0301 İstanbul", ["cafe\u0301", "i\u0307stanbul"]),
        (f"{PERSIAN} क्\u200dष co\u00adop", [PERSIAN, "क्\u200dष", "co\u00adop"]),
        ("ดีมาก\u200bครับ หนัง", ["ดีมาก", "ครับ", "หนัง"]),
        ("👩\u200d🚀 ❤️👍🏽 1️⃣", ["👩\u200d🚀", "❤️", "👍🏽", "1️⃣"]),
        ("\u0301 a", ["\u0301", "a"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_signs_and_letters_without_marks_are_cut_as_words_of_english_are():
    marked = {"Mn", "Mc", "Me", "Cf", "Sk", "Cn", "Cs"}
    text = (
        "".join(
            f"a{sign}b {sign}" for sign in map(chr, range(0x20000)) if category(sign) not in marked
        )
        .replace("İ", "")
        .lower()
    )  # which has a mark in lower case
    assert words(text) == re.findall(r"[\w']+|[.,!?;:]|[^\w\s!-~]", text)
    assert Symbols("word", "punctuation").cut(text) == re.findall(r"\w+|[^\w\s]", text)


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


def test_the_default_references_are_what_is_found():
    assert rounded_references(ready()) == Sentiment.default_references


def test_words_alone_say_something_but_far_from_all():
    few = ready(clauses=4, negation=0.2, contrast=0.4, distraction=0.3).references()
    assert 0.58 < few["naive_bayes"] < 0.7
    assert Sentiment.default_references["naive_bayes"] == 0.5
    plain = ready(negation=0, distraction=0, clauses=1, eval_sequences=200).references()
    assert plain["naive_bayes"] == 1
    assert ready(negation=0.5, clauses=1).references()["naive_bayes"] < 0.56


def test_the_example_in_the_docstring_can_be_written():
    lines = [line.split() for line in Sentiment.__doc__.splitlines()]
    review, answer = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = Sentiment()
    assert all(word in task.reviews.vocabulary for word in review)
    assert answer == ["bad"]


def test_longer_reviews_are_further_test_splits():
    extra = ready(clauses=3, eval_sequences=50).extra_test_dataloaders()
    lengths = {name: len(next(iter(split)).inputs.batch_sizes) for name, split in extra.items()}
    assert set(lengths) == {"clauses_6", "clauses_12"}
    assert lengths["clauses_12"] > 1.5 * lengths["clauses_6"]


def test_an_own_file_is_split_by_the_words_of_each_text(tmp_path):
    path = Sentiment.example_file(tmp_path, 0)
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    task = ready(dataset="file", file=str(path))
    train = islice(task.train_dataloader(), task.train_dataloader().epoch)
    found = {"train": train, "val": task.val_dataloader(), "test": task.test_dataloader()}
    for split, batches in found.items():
        spaced = [(label, text.replace(".", " .")) for label, text in lines]
        expected = [(label, text) for label, text in spaced if split_of(text) == split]
        assert sorted(texts(task, batches)) == sorted(expected)


def test_texts_that_differ_in_case_alone_are_in_one_split(tmp_path):
    path = tmp_path / "reviews.tsv"
    kinds = [str, str.upper, str.title, lambda text: text + "  "]
    lines = [
        f"{label}\t{kind(' '.join(text))}\n"
        for label, *text in product("ab", *3 * [("odd", "even", "equal")])
        for kind in kinds
    ]
    path.write_text("".join(lines))
    task = ready(dataset="file", file=str(path))
    for split in (task.val_dataloader(), task.test_dataloader()):
        found = texts(task, split)
        assert len(found) == 4 * len(set(found))


def test_words_are_counted_on_training_alone(tmp_path):
    task = of_files(tmp_path, "a\tx x y\nb\tx z\n", "a\tx w w w\n", "b\tv v v z\n")
    task.setup()
    assert task.source.vocabulary.symbols == [UNKNOWN, "x", "y", "z"]
    unknown = f"{UNKNOWN} {UNKNOWN} {UNKNOWN}"
    assert texts(task, task.val_dataloader()) == [("a", f"x {unknown}")]
    assert texts(task, task.test_dataloader()) == [("b", f"{unknown} z")]


@pytest.mark.parametrize(
    ("knobs", "known"),
    [
        ({"min_count": 2}, ["x", "y"]),
        ({"min_count": 3}, ["x"]),
        ({"max_vocabulary": 1}, ["x"]),
        ({"max_vocabulary": 3}, ["x", "y", "a"]),
    ],
)
def test_rare_words_can_be_left_out(tmp_path, knobs, known):
    task = of_files(tmp_path, "a\tx x y z\nb\tx y a\n", "a\tx\n", "b\tx\n", **knobs)
    task.setup()
    assert task.source.vocabulary.symbols == [UNKNOWN, *known]


def test_any_labels_will_do_and_the_usual_one_is_the_baseline(tmp_path):
    train = "x\tone\nx\ttwo\n5 stars\tthree\n☹\tfour\n"
    task = of_files(tmp_path, train, "x\tone more\n", "x\tone\n☹\tsix\n5 stars\tx\nx\ty\n")
    task.setup()
    assert task.source.labels == ["5 stars", "x", "☹"]
    assert task.spec.output_size == 3
    assert task.references()["majority"] == 0.5


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("a\tx\nb\ty\n", "a\tz\n\nc\tz\n", "{test}, line 3: training has no label c, only a, b"),
        ("a\tx\na\ty\n", "a\tz\n", "{train}, line 1: all training texts have the label a"),
        ("a\tx\nb y\n", "a\tz\n", "{train}, line 2: no label, tab and text"),
        ("a\tx\nb\ty\n", " \n", "{test}: the file is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, train, test, message):
    task = of_files(tmp_path, train, "a\tv\n", test)
    with pytest.raises(TaskError) as error:
        task.setup()
    places = {"train": tmp_path / "file.tsv", "test": tmp_path / "test_file.tsv"}
    assert str(error.value).startswith(message.format(**places))


def test_text_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_bytes("a\tclich\xe9\n".encode("latin-1"))
    with pytest.raises(TaskError, match="not UTF-8 text"):
        Sentiment(dataset="file", file=str(path)).setup()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dataset": "snippets"}, "dataset must be one of grammar, movie_snippets, file, not"),
        ({"clauses": 0}, "clauses must be at least 1, not 0"),
        ({"negation": 1.5}, "negation must be at most 1, not 1.5"),
        ({"contrast": -0.1}, "contrast must be at least 0, not -0.1"),
        ({"distraction": float("nan")}, "distraction must be finite, not nan"),
        ({"min_count": 0}, "min_count must be at least 1, not 0"),
        ({"max_vocabulary": 0}, "max_vocabulary must be at least 1, not 0"),
        ({"eval_sequences": 1}, "eval_sequences must be at least 2, not 1"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"file": "x"}, "file=x goes with dataset=file, not dataset=grammar"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Sentiment(**knobs)
    assert str(error.value).startswith(message)


@needs_the_data
class TestMovieSnippets:
    def test_it_has_all_sentences_but_those_rated_0_in_the_splits_of_their_hashes(self):
        task = ready(dataset="movie_snippets", batch_size=500)
        train = islice(task.train_dataloader(), task.train_dataloader().epoch)
        counts = [
            sum(len(batch.targets) for batch in split)
            for split in (train, task.val_dataloader(), task.test_dataloader())
        ]
        assert counts == [8470, 1071, 1027]
        assert sum(counts) == 10_605 - 37

    def test_references_are_those_that_were_counted_before(self):
        references = ready(dataset="movie_snippets").references()
        # By scikit-learn's CountVectorizer and MultinomialNB on the same words.
        assert references == pytest.approx({"majority": 518 / 1027, "naive_bayes": 815 / 1027})
