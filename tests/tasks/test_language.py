"""A text is split without leaks, read in order, and compared to what counting achieves."""

import math
import os
import random
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

from tasks.base import IGNORE_INDEX, Batch, TaskError
from tasks.common.ngrams import PRIOR
from tasks.language import EVAL_LENGTH, UNKNOWN, Language

TEXT = "".join(random.Random(0).choices("abcde ,", weights=[9, 4, 3, 2, 1, 7, 1], k=4001))
LEVELS = ["character", "word"]


@pytest.fixture
def ready(tmp_path):
    """Builds the task on a text of one's own."""

    def build(text: str = TEXT, *, batch_size: int = 3, seed: int = 0, **knobs) -> Language:
        path = tmp_path / "text.txt"
        path.write_text(text, encoding="utf-8", newline="")
        task = Language(**{"corpus": "path", "file": str(path), "length": 7, **knobs})
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


def scores(task: Language, predict) -> dict[str, float]:
    """The test metrics of `predict`, which gives logits `(N, V)` for symbols `(N,)`."""
    metrics = task.metrics()
    for batch in task.test_dataloader():
        counted = batch.targets != IGNORE_INDEX
        metrics.update(predict(batch.inputs[counted]), batch.targets[counted])
    return {name: float(value) for name, value in metrics.compute().items()}


def same(first, second) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) and a.fresh == b.fresh
        for a, b in zip(first, second, strict=True)
    )


def test_the_splits_are_the_text_cut_at_90_and_95_percent(ready):
    task = ready()
    splits = [
        "".join(task.vocabulary[i] for i in ids)
        for ids in (task.train_ids, task.val_ids, task.test_ids)
    ]
    assert "".join(splits) == TEXT
    assert [len(split) for split in splits] == [3600, 200, 201]


def test_symbols_that_training_never_saw_are_unknown(ready):
    task = ready(TEXT[:-3] + "Ωaλ")
    assert task.vocabulary[0] == UNKNOWN
    assert set(task.vocabulary[1:]) == set("abcde ,")
    assert task.test_ids[-3:].tolist() == [0, task.vocabulary.index("a"), 0]


def test_words_and_punctuation_are_symbols_and_rare_words_unknown(ready):
    text = "to be, or not to be: that is the question.\n" * 40
    task = ready(text, level="word", max_vocabulary=2)
    assert task.vocabulary == [UNKNOWN, "to", "be"]
    assert task.train_ids[:8].tolist() == [1, 2, 0, 0, 0, 1, 2, 0]
    assert task.spec.input_size == task.spec.output_size == 3


@pytest.mark.parametrize("epoch", [0, 2])
def test_each_row_of_training_reads_on_where_it_stopped(ready, epoch):
    task = ready()
    count = steps(task)
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
def test_references_are_what_the_counting_models_score_as_predictors(ready, level, model):
    text = TEXT[:900] + "ΩΩ" + TEXT[900:920] + "Ω"
    task = ready(text, level=level, max_vocabulary=9, eval_streams=2, length=3)
    size = task.spec.output_size
    table = torch.tensor(
        [[math.log(brute_force(task, model, a, b)) for b in range(size)] for a in range(size)]
    )
    assert table.exp().sum(1).allclose(torch.ones(size))
    found = scores(task, lambda symbols: table[symbols])
    assert found[task.primary] == pytest.approx(task.references()[model], rel=1e-5)


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
    }
    assert len(same_twice) == 1
    assert len(others - same_twice) == 4


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


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("character", {"uniform": 6.044, "unigram": 4.850, "bigram": 3.602}),
        ("word", {"uniform": 10001, "unigram": 454.6, "bigram": 241.5}),
    ],
)
def test_shakespeare_has_its_known_references(level, expected):
    name = "shakespeare/input.txt"
    if not (Path(os.environ.get("RECURBENCH_DATA", "/nowhere")) / name).is_file():
        pytest.skip(f"needs {name} in the folder RECURBENCH_DATA")
    task = Language(corpus="shakespeare", level=level)
    task.setup()
    assert task.references() == pytest.approx(expected, rel=5e-4)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"corpus": "shakespear"},
            "corpus must be one of stdlib, shakespeare, path, not shakespear; "
            "did you mean shakespeare?",
        ),
        ({"level": "byte"}, "level must be one of character, word, not byte"),
        ({"length": 0}, "length must be above 0, not 0"),
        ({"max_vocabulary": -1}, "max_vocabulary must be above 0, not -1"),
        ({"eval_streams": 0}, "eval_streams must be above 0, not 0"),
        ({"corpus": "path"}, "corpus=path with file=None: corpus=path, and it alone, has a file"),
        ({"file": "a.txt"}, "corpus=stdlib with file=a.txt: corpus=path, and it alone, has a file"),
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
    ],
)
def test_a_text_that_is_too_short_is_named_with_what_it_needs(ready, text, knobs, message):
    with pytest.raises(TaskError) as error:
        ready(text, **knobs)
    assert str(error.value).endswith(f"text.txt: {message}")


def test_a_missing_text_is_named(tmp_path):
    path = tmp_path / "none.txt"
    with pytest.raises(TaskError, match=r"none\.txt: cannot read this file"):
        Language(corpus="path", file=str(path)).setup()
