"""Which texts are read, which are refused, and how a text is continued."""

import os
import re
import shlex
from pathlib import Path

import pytest
import torch
from language_kit import LEVELS, TEXT, ready  # noqa: F401

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.model.build import build_task
from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.common.corpora import FOLDER_VARIABLE
from recurbench.tasks.common.symbols import LINE_END
from recurbench.tasks.common.vocabulary import UNKNOWN
from recurbench.tasks.language.task import Language

RECIPES = Path(__file__).parents[3] / "docs" / "corpora-recipes.md"


COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```\n(.*?)```", RECIPES.read_text(), re.DOTALL)
    for line in block.splitlines()
]


needs_shakespeare = pytest.mark.skipif(
    FOLDER_VARIABLE not in os.environ,
    reason=f"Shakespeare is not tested: set {FOLDER_VARIABLE} to a folder with "
    "shakespeare/input.txt",
)


def test_symbols_that_training_never_saw_are_unknown(ready):
    task = ready(TEXT[:-3] + "Ωaλ")
    assert task.vocabulary.symbols[0] == UNKNOWN
    assert set(task.vocabulary.symbols[1:]) == set("abcde ,")
    assert task.test_ids[-3:].tolist() == [0, task.vocabulary.id_of("a"), 0]


@pytest.mark.parametrize("level", LEVELS)
def test_symbols_that_occur_too_rarely_in_training_are_unknown(ready, level):
    text = "a b a b a b a b c a b " * 5 + "a b " * 300 + "d " * 50
    known = ready(text, level=level, min_count=6, eval_streams=2).vocabulary.symbols
    assert set(known) - {" "} == {UNKNOWN, "a", "b"}


def test_symbols_beyond_the_first_plane_of_unicode_are_symbols(ready):
    text = "a🎼\U0010ffffŁ" * 200
    task = ready(text)
    assert task.to_text(task.train_ids) == text[:720]


@needs_shakespeare
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("character", {"uniform": 6.044, "unigram": 4.850, "bigram": 3.602}),
        ("word", {"uniform": 10001, "unigram": 452.4, "bigram": 255.3}),
    ],
)
def test_shakespeare_has_its_known_references(level, expected):
    task = Language(dataset="shakespeare", level=level)
    task.setup()
    assert task.references() == pytest.approx(expected, rel=5e-4)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"dataset": "shakespear"},
            "dataset must be one of stdlib, shakespeare, file, not shakespear; "
            "did you mean shakespeare?",
        ),
        ({"level": "byte"}, "level must be one of character, word, not byte"),
        (
            {"words": "space"},
            "words must be one of punctuation, whitespace, not space; did you mean whitespace?",
        ),
        ({"length": 0}, "length must be at least 1, not 0"),
        ({"min_count": 0}, "min_count must be at least 1, not 0"),
        ({"max_vocabulary": -1}, "max_vocabulary must be at least 1, not -1"),
        ({"eval_streams": 0}, "eval_streams must be at least 1, not 0"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"file": "a.txt"}, "file=a.txt goes with dataset=file, not dataset=stdlib"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Language(**knobs)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "knobs", "message"),
    [
        ("", {}, "the file is empty"),
        (
            TEXT[:100],
            {"batch_size": 10, "length": 9},
            "the train split has 90 characters, but batch_size=10 and length=9 need 91",
        ),
        (TEXT[:300], {}, "the val split has 15 characters, but eval_streams=16 need 17"),
        (
            "one two three. " * 200,
            {"level": "word", "min_count": 999},
            "no word of the train split occurs min_count=999 times",
        ),
    ],
)
def test_a_text_that_is_too_short_is_named_with_what_it_needs(ready, text, knobs, message):
    with pytest.raises(TaskError) as error:
        ready(text, **knobs)
    assert str(error.value).endswith(f"text.txt: {message}")


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_is_too_short_is_named_with_its_own_file(ready, tmp_path, split):
    path = tmp_path / "short.txt"
    path.write_text("abc", encoding="utf-8")
    with pytest.raises(TaskError) as error:
        ready(**{f"{split}_file": str(path)})
    assert str(error.value) == (
        f"{path}: the {split} split has 3 characters, but eval_streams=16 need 17"
    )


def test_a_text_that_is_not_utf_8_is_named_with_the_place(ready, tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("to bé".encode("latin-1"))
    with pytest.raises(TaskError, match=r"latin\.txt, line 1: not UTF-8 text \(byte 4 is 0xe9\)"):
        ready(test_file=str(path))


def test_a_text_of_another_encoding_is_read_if_its_mark_says_so(ready, tmp_path):
    plain, path = ready(), tmp_path / "wide.txt"
    path.write_text(TEXT, encoding="utf-16")
    task = ready(file=str(path))
    assert task.fingerprint() == plain.fingerprint()
    assert task.notes == [f"{path}: read as UTF-16, as its byte order mark says"]


def test_line_ends_of_two_characters_stay_what_they_are(ready):
    assert set(ready("ab\r\n" * 300).vocabulary.symbols) == {UNKNOWN, "a", "b", "\r", "\n"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("अच्छी फिल्म, है।", ["अच्छी", "फिल्म", ",", "है", "।"]),
        ("చాలా బాగుంది!", ["చాలా", "బాగుంది", "!"]),
        ("שָׁלוֹם (עוֹלָם)", ["שָׁלוֹם", "(", "עוֹלָם", ")"]),
        ("cafe\u0301_2 x=🎼", ["cafe\u0301_2", "x", "=", "🎼"]),
    ],
)
def test_words_of_any_script_keep_their_marks(text, words):
    assert Language(level="word").symbols.cut(text) == words


def test_a_missing_text_is_named(tmp_path):
    path = tmp_path / "none.txt"
    with pytest.raises(TaskError, match=r"none\.txt: cannot read this file"):
        Language(dataset="file", file=str(path)).setup()


def test_an_example_file_is_a_text_of_its_seed(tmp_path):
    texts = {seed: Language.example_file(tmp_path, seed).read_text() for seed in (0, 1)}
    assert texts[0] != texts[1]
    assert Language.example_file(tmp_path, 0).read_text() == texts[0]
    for level in LEVELS:
        path = Language.example_file(tmp_path, 0)
        Language(dataset="file", file=str(path), level=level).setup()


@pytest.mark.parametrize(
    ("knobs", "prompt", "read", "text"),
    [
        ({}, "bad", ["b", "a", "d"], "bad"),
        ({}, "bΩ\udcff", ["b", UNKNOWN, UNKNOWN], f"b{UNKNOWN}{UNKNOWN}"),
        ({"level": "word"}, "abba, zz", ["abba", ",", UNKNOWN], f"abba , {UNKNOWN}"),
        (
            {"level": "word", "words": "whitespace"},
            "abba,\ncd",
            ["abba,", LINE_END, "cd"],
            "abba,\ncd",
        ),
    ],
)
def test_a_prompt_is_read_as_the_text_is(ready, knobs, prompt, read, text):
    task = ready("abba, cd abba\n" * 120, **knobs)
    ids = task.encode_prompt(prompt)
    assert task.vocabulary.decode(ids) == [s if s in task.vocabulary else UNKNOWN for s in read]
    assert task.vocabulary.id_of(read[0]) > 0
    if knobs.get("words") != "whitespace":
        assert task.to_text(ids) == text


@pytest.mark.parametrize(
    ("knobs", "begins"),
    [
        ({}, "\n"),
        ({"level": "word", "words": "whitespace"}, LINE_END),
        ({"level": "word"}, "dada"),
    ],
)
def test_an_empty_prompt_begins_a_line_or_is_the_likeliest_symbol(ready, knobs, begins):
    task = ready("dada abba dada\n" * 120, **knobs)
    assert task.vocabulary.decode(task.encode_prompt("")) == [begins]


def test_words_are_written_between_spaces_and_on_lines(ready):
    task = ready("ab cd\nef\n" * 120, level="word", words="whitespace")
    ids = task.vocabulary.encode([LINE_END, "ab", "cd", LINE_END, LINE_END, "ef"])
    assert task.to_text(ids) == "\nab cd\n\nef"


@pytest.mark.parametrize(("temperature", "top_k"), [(0, None), (1.0, None), (5.0, 2)])
def test_the_unknown_is_never_written(ready, temperature, top_k):
    task = ready()
    outputs = torch.zeros(500, task.spec.output_size)
    outputs[:, 0] = 9.0
    before = outputs.clone()
    chosen = task.choose(outputs, temperature, top_k, generator("test"))
    assert chosen.min() > 0
    assert torch.equal(outputs, before)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[2:6]))
def test_the_recipes_are_commands_that_the_task_understands(command, config_store):
    assert command[:2] == ["recurbench", "run"]
    register()
    (composed,), _ = compose_jobs(command[2:], multirun=False)
    task = build_task(resolve(composed))
    assert isinstance(task, Language)
    assert task.files is not None


def test_there_are_recipes():
    assert len(COMMANDS) == 3
