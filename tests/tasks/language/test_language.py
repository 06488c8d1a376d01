"""A text is split without leaks, read in order, and compared to what counting achieves."""

import doctest
import math
import os
import random
import re
import shlex
import sys
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

import recurbench.tasks.language.task
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.model.build import build_task
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError, generator
from recurbench.tasks.common.corpora import FOLDER_VARIABLE
from recurbench.tasks.common.symbols import LINE_END
from recurbench.tasks.common.vocabulary import UNKNOWN
from recurbench.tasks.language.ngrams import PRIOR
from recurbench.tasks.language.streams import EVAL_LENGTH
from recurbench.tasks.language.task import Language

TEXT = "".join(random.Random(0).choices("abcde ,", weights=[9, 4, 3, 2, 1, 7, 1], k=4001))
LEVELS = ["character", "word"]
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


@pytest.fixture
def ready(tmp_path):
    """Builds the task on a text of one's own."""

    def build(text: str = TEXT, *, batch_size: int = 3, seed: int = 0, **knobs) -> Language:
        path = tmp_path / "text.txt"
        path.write_text(text, encoding="utf-8", newline="")
        task = Language(**{"dataset": "file", "file": str(path), "length": 7, **knobs})
        task.bind(batch_size=batch_size, seed=seed)
        task.setup()
        return task

    return build


def steps(task: Language) -> int:
    """Training batches of an epoch."""
    return len(task.train_ids) // (task.batch_size * task.length)


def rows(batches: list[Batch]) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of each row, put together again."""
    return torch.cat([b.inputs for b in batches], 1), torch.cat([b.targets for b in batches], 1)


def same(first, second) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) and a.fresh == b.fresh
        for a, b in zip(first, second, strict=True)
    )


def test_the_splits_are_the_text_cut_at_90_and_95_percent(ready):
    task = ready()
    splits = [task.to_text(ids) for ids in (task.train_ids, task.val_ids, task.test_ids)]
    assert "".join(splits) == TEXT
    assert [len(split) for split in splits] == [3600, 200, 201]


@pytest.mark.parametrize(
    ("own", "lengths"),
    [
        (["val_file"], [3800, 301, 201]),
        (["test_file"], [3800, 201, 301]),
        (["val_file", "test_file"], [4001, 301, 301]),
    ],
)
def test_a_split_with_a_file_of_its_own_takes_nothing_of_the_text(ready, tmp_path, own, lengths):
    other = tmp_path / "other.txt"
    other.write_text("edcba, " * 43, encoding="utf-8")
    task = ready(**{knob: str(other) for knob in own})
    splits = {"train": task.train_ids, "val_file": task.val_ids, "test_file": task.test_ids}
    assert [len(ids) for ids in splits.values()] == lengths
    for knob in own:
        assert task.to_text(splits.pop(knob)) == "edcba, " * 43
    assert "".join(task.to_text(ids) for ids in splits.values()) == TEXT


def test_symbols_that_training_never_saw_are_unknown(ready):
    task = ready(TEXT[:-3] + "Ωaλ")
    assert task.vocabulary.symbols[0] == UNKNOWN
    assert set(task.vocabulary.symbols[1:]) == set("abcde ,")
    assert task.test_ids[-3:].tolist() == [0, task.vocabulary.id_of("a"), 0]


def test_words_and_punctuation_are_symbols_and_rare_words_unknown(ready):
    text = "to be, or not to be: that is the question.\n" * 40
    task = ready(text, level="word", max_vocabulary=2)
    assert task.vocabulary.symbols == [UNKNOWN, "be", "to"]
    assert task.train_ids[:8].tolist() == [2, 1, 0, 0, 0, 2, 1, 0]
    assert task.spec.input_size == task.spec.output_size == 3


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_between_spaces_each_line_ends_and_the_unknown_of_a_corpus_is_ours(ready, line_end):
    text = f" no it was n't black {UNKNOWN}{line_end} was {UNKNOWN} N{line_end}" * 40
    task = ready(text, level="word", words="whitespace")
    line = ["no", "it", "was", "n't", "black", UNKNOWN, LINE_END, "was", UNKNOWN, "N", LINE_END]
    assert task.vocabulary.decode(task.train_ids[:11]) == line
    assert sorted(task.vocabulary.symbols) == sorted(set(line))
    assert sum(map(len, (task.train_ids, task.val_ids, task.test_ids))) == 40 * 11


@pytest.mark.parametrize("level", LEVELS)
def test_symbols_that_occur_too_rarely_in_training_are_unknown(ready, level):
    text = "a b a b a b a b c a b " * 5 + "a b " * 300 + "d " * 50
    known = ready(text, level=level, min_count=6, eval_streams=2).vocabulary.symbols
    assert set(known) - {" "} == {UNKNOWN, "a", "b"}


def test_symbols_beyond_the_first_plane_of_unicode_are_symbols(ready):
    text = "a🎼\U0010ffffŁ" * 200
    task = ready(text)
    assert task.to_text(task.train_ids) == text[:720]


@pytest.mark.parametrize("epoch", [0, 2])
def test_each_row_of_training_reads_on_where_it_stopped(ready, epoch):
    task = ready()
    count = steps(task)
    assert task.train_dataloader().epoch == count
    batches = list(islice(task.train_dataloader(), epoch * count, (epoch + 1) * count))
    inputs, targets = rows(batches)
    ring = task.train_ids.repeat(2)
    whole = torch.cat([inputs.flatten(), targets[-1, -1:]])
    starts = (ring.unfold(0, len(whole), 1) == whole).all(1).nonzero()
    assert len(starts) > 0, "the rows are not one stretch of the ring"
    assert torch.equal(targets.flatten(), whole[1:])
    assert [batch.fresh for batch in batches] == [True] + [False] * (count - 1)


def test_every_epoch_starts_elsewhere(ready):
    task = ready()
    count = steps(task)
    firsts = list(islice(task.train_dataloader(), 0, 5 * count, count))
    assert all(batch.fresh for batch in firsts)
    assert len({str(batch.inputs.tolist()) for batch in firsts}) == 5


def test_the_border_between_two_splits_is_crossed_by_none(ready):
    text = "ab" * 900 + "cd" * 50 + "ef" * 50
    task = ready(text)
    batches = [*islice(task.train_dataloader(), 300), *task.val_dataloader()]
    seen = {
        task.to_text(torch.stack(pair))
        for batch in [*batches, *task.test_dataloader()]
        for pair in zip(batch.inputs.flatten(), batch.targets.flatten(), strict=True)
        if pair[1] != IGNORE_INDEX
    }
    assert seen == {"ab", "ba", UNKNOWN * 2}


def test_training_depends_on_the_seed_alone(ready):
    def first(seed):
        return list(islice(ready(seed=seed).train_dataloader(), 9))

    assert same(first(3), first(3))
    assert not same(first(3), first(4))


def test_evaluation_depends_on_neither_seed_nor_batch_size(ready):
    one, other = ready(seed=0, batch_size=3), ready(seed=1, batch_size=5)
    assert same(one.val_dataloader(), other.val_dataloader())
    assert same(one.test_dataloader(), other.test_dataloader())
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("eval_streams", [1, 7, 16])
def test_evaluation_reads_every_transition_once_and_in_order(ready, eval_streams):
    task = ready(TEXT * 20, eval_streams=eval_streams)
    batches = list(task.test_dataloader())
    inputs, targets = rows(batches)
    counted = targets != IGNORE_INDEX
    assert torch.equal(inputs[counted], task.test_ids[:-1])
    assert torch.equal(targets[counted], task.test_ids[1:])
    assert [batch.fresh for batch in batches] == [True] + [False] * (len(batches) - 1)
    assert all(batch.inputs.shape[1] <= EVAL_LENGTH for batch in batches)


def test_perplexity_and_bits_come_from_the_mean_over_all_positions(ready):
    task = ready()
    metrics = task.metrics()
    size = task.spec.output_size
    batches = [(torch.randn(n, size), torch.randint(size, (n,))) for n in (1, 50, 7)]
    batches[1][1][:20] = IGNORE_INDEX
    for logits, targets in batches:
        metrics.update(logits, targets)
    found = {name: float(value) for name, value in metrics.compute().items()}
    logits, targets = (torch.cat(part) for part in zip(*batches, strict=True))
    nats = task.loss(logits, targets).item()
    hits = (logits.argmax(1) == targets)[targets != IGNORE_INDEX]
    assert found == pytest.approx(
        {
            "loss": nats,
            "perplexity": math.exp(nats),
            "bits_per_character": nats / math.log(2),
            "accuracy": hits.float().mean().item(),
        }
    )


def brute_force(task: Language, model: str, before: int, after: int) -> float:
    """The probability of a transition, counted pair by pair in Python."""
    train, size = task.train_ids.tolist(), task.spec.output_size
    unigram = (train.count(after) + 1) / (len(train) + size)
    if model != "bigram":
        return {"uniform": 1 / size, "unigram": unigram}[model]
    pairs = Counter(pairwise(train))
    context = sum(count for (first, _), count in pairs.items() if first == before)
    return (pairs[before, after] + PRIOR * unigram) / (context + PRIOR)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("model", ["uniform", "unigram", "bigram"])
def test_references_are_what_the_counting_models_score_when_played(ready, level, model):
    text = TEXT[:900] + "ΩΩ" + TEXT[900:920] + "Ω"
    task = ready(text, level=level, max_vocabulary=9, eval_streams=2, length=3)
    size = task.spec.output_size
    table = torch.tensor(
        [[math.log(brute_force(task, model, a, b)) for b in range(size)] for a in range(size)]
    )
    assert table.exp().sum(1).allclose(torch.ones(size))
    counted = task.play(lambda batch: table[batch.inputs.flatten()])
    assert counted == pytest.approx(task.references()[model], rel=1e-5)
    assert task.play(task.predictors()[model]) == pytest.approx(counted, rel=1e-5)


@pytest.mark.parametrize(("level", "best"), [("character", 0), ("word", 1)])
def test_the_oracle_is_sure_and_right(ready, level, best):
    task = ready(level=level, eval_streams=2)
    assert task.play(task.oracle) == pytest.approx(best)


@pytest.mark.parametrize(
    ("level", "primary"), [("character", "bits_per_character"), ("word", "perplexity")]
)
def test_the_primary_metric_is_that_of_the_level(ready, level, primary):
    task = ready(level=level, eval_streams=2)
    assert task.primary == primary
    assert task.metrics()[primary].higher_is_better is False
    assert ("bits_per_character" in task.metrics()) == (level == "character")


def test_the_fingerprint_tells_texts_and_cuts_apart_and_nothing_else(ready):
    same_twice = {ready().fingerprint(), ready(TEXT).fingerprint()}
    others = {
        ready(TEXT[:-1] + "a").fingerprint(),
        ready(length=8).fingerprint(),
        ready(eval_streams=3).fingerprint(),
        ready(level="word", eval_streams=2).fingerprint(),
        ready(level="word", words="whitespace", eval_streams=2).fingerprint(),
        ready(min_count=300).fingerprint(),
        ready(max_vocabulary=3).fingerprint(),
    }
    assert len(same_twice) == 1
    assert len(others - same_twice) == 7


def test_setting_up_again_changes_nothing(ready):
    task = ready()
    before = task.train_ids
    task.setup("test")
    assert task.train_ids is before


def test_by_default_it_needs_no_file():
    task = Language()
    task.setup()
    batch = next(iter(task.train_dataloader()))
    assert batch.inputs.shape == batch.targets.shape == (32, 64)
    bits = task.references()
    assert bits["uniform"] > bits["unigram"] > bits["bigram"] > 0
    if sys.version_info[:2] == (3, 11):
        assert {name: round(score, 4) for name, score in bits.items()} == task.default_references


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
    with pytest.raises(TaskError, match=r"latin\.txt: not UTF-8 text \(byte 4\)$"):
        ready(test_file=str(path))


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


def test_the_documented_examples_are_true():
    assert doctest.testmod(recurbench.tasks.language.task).failed == 0


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
