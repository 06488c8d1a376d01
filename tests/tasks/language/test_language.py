"""A text is split without leaks, read in order, and compared to what counting achieves."""

import doctest
import math
import sys
from collections import Counter
from itertools import islice, pairwise

import pytest
import torch
from language_kit import LEVELS, TEXT, ready  # noqa: F401

import recurbench.tasks.language.task
from recurbench.tasks.base import IGNORE_INDEX, Batch
from recurbench.tasks.common.symbols import LINE_END
from recurbench.tasks.common.vocabulary import UNKNOWN
from recurbench.tasks.language.ngrams import PRIOR
from recurbench.tasks.language.streams import EVAL_LENGTH
from recurbench.tasks.language.task import Language


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


def test_the_documented_examples_are_true():
    assert doctest.testmod(recurbench.tasks.language.task).failed == 0
