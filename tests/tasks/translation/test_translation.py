"""Translations are judged by what a model says by itself, on sources it was not trained on."""

from itertools import islice

import pytest
import torch
from torch.nn.utils.rnn import pad_packed_sequence, unpack_sequence

from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskError
from recurbench.tasks.translation.task import Translation
from recurbench.tasks.translation.translations import Pair, continuations, read_pairs, usual_symbols

PAIRS = [("der Hund bellt", "the dog barks"), ("die Katze", "the cat"), ("ja", "yes indeed so")]


@pytest.fixture
def own(tmp_path):
    """Builds the task on files of one's own, whose splits are given."""

    def build(*, batch_size: int = 2, seed: int = 0, level="word", **splits) -> Translation:
        files = {}
        for knob, pairs in {"file": PAIRS, "val_file": PAIRS, "test_file": PAIRS, **splits}.items():
            path = tmp_path / f"{knob}.tsv"
            path.write_text("\n".join("\t".join(pair) for pair in pairs), encoding="utf-8")
            files[knob] = str(path)
        return Translation(dataset="file", level=level, **files).ready(
            batch_size=batch_size, seed=seed
        )

    return build


@pytest.fixture(scope="module")
def dates() -> Translation:
    return Translation(eval_sequences=300).ready(batch_size=7, seed=0)


def pairs_of(task: Translation, batch: Batch) -> list[tuple[str, str]]:
    """The sources and the targets of a batch, as texts."""
    run = task.free_run(batch)
    prompts = unpack_sequence(run.prompts)
    texts = [task.to_text(torch.cat(both)) for both in zip(prompts, run.answers, strict=True)]
    return [tuple(text.split("\t")) for text in texts]


def test_the_example_in_the_docstring_holds(dates):
    lines = [line.split() for line in Translation.__doc__.splitlines()]
    shown, asked = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    signs = {"_": " ", ">": "<sep>", "$": "<stop>"}
    batch = dates.source.encode([Pair("1. Mai 2024", "2024-05-01")]).pack()
    ids = [dates.source.vocabulary.id_of(signs.get(sign, sign)) for sign in shown]
    assert batch.inputs.data.tolist() == ids
    assert batch.targets.data.tolist() == [
        IGNORE_INDEX if sign == "." else dates.source.vocabulary.id_of(signs.get(sign, sign))
        for sign in asked
    ]


def test_each_target_is_the_next_input_from_the_separator_to_the_stop(own):
    task = own()
    for inputs, targets in zip(
        *(
            unpack_sequence(part)
            for batch in task.test_dataloader()
            for part in (batch.inputs, batch.targets)
        ),
        strict=True,
    ):
        separator = task.source.vocabulary.decode(inputs).index("<sep>")
        assert (targets[:separator] == IGNORE_INDEX).all()
        assert torch.equal(targets[separator:-1], inputs[separator + 1 :])
        assert targets[-1] == task.stop


def test_free_runs_are_prompts_and_answers_in_the_callers_order(own):
    task = own()
    run = task.free_run(task.source.encode([Pair(*pair) for pair in PAIRS]).pack())
    prompts, lengths = pad_packed_sequence(run.prompts, batch_first=True)
    assert lengths.tolist() == [4, 3, 2]
    assert run.answers.shape == (3, 4)
    for prompt, answer, length, (source, target) in zip(
        prompts, run.answers, lengths, PAIRS, strict=True
    ):
        symbols = task.source.vocabulary.decode(prompt[:length])
        assert symbols == [*source.split(), "<sep>"]
        stops = 4 - len(target.split())
        assert task.source.vocabulary.decode(answer) == [*target.split(), *["<stop>"] * stops]


def test_a_free_run_alone_is_that_of_a_batch(dates):
    batch = next(iter(dates.test_dataloader()))
    run = dates.free_run(batch)
    inputs, targets = unpack_sequence(batch.inputs), unpack_sequence(batch.targets)
    for number in (0, 77, 255):
        alone = continuations(
            Batch(*(torch.nn.utils.rnn.pack_sequence([x[number]]) for x in (inputs, targets))),
            dates.stop,
        )
        assert torch.equal(alone.answers[0], run.answers[number])
        assert torch.equal(alone.prompts.data, unpack_sequence(run.prompts)[number])


def test_a_match_is_exact_through_the_stop_and_nothing_unknown_matches(own):
    task = own()
    the, dog, stop = (task.source.vocabulary.id_of(symbol) for symbol in ("the", "dog", "<stop>"))
    answers = torch.tensor([[the, dog, stop]] * 3 + [[the, 0, stop]])
    decoded = torch.tensor([[the, dog, stop], [the, stop, stop], [the, dog, the], [the, 0, stop]])
    metrics = task.free_run_metrics()
    metrics.update(decoded[:1], answers[:1])
    metrics.update(decoded[1:], answers[1:])
    assert metrics.compute()["exact_match"] == 1 / 4


def test_no_date_that_is_tested_was_trained_on_in_any_language(dates):
    def said(batches) -> set[str]:
        return {target for batch in batches for _, target in pairs_of(dates, batch)}

    train = said(islice(dates.train_dataloader(), 300))
    later = said(dates.extra_test_dataloaders()["later_years"])
    val, test = said(dates.val_dataloader()), said(dates.test_dataloader())
    assert len(train) > 2000
    for one, other in ((train, val), (train, test), (val, test)):
        assert not one & other
    assert all("1900" <= target[:4] <= "2099" for target in train | val | test)
    assert all("2100" <= target[:4] <= "2199" for target in later)


def test_nothing_is_unknown_in_dates_and_every_training_step_is_fresh(dates):
    batches = list(islice(dates.train_dataloader(), 40))
    assert len({str(pairs_of(dates, batch)) for batch in batches}) == 40
    for loader in (dates.test_dataloader(), *dates.extra_test_dataloaders().values()):
        batches += list(loader)
    assert min(int(batch.inputs.data.min()) for batch in batches) > 0


def test_languages_can_be_chosen():
    task = Translation(languages=["fi"], eval_sequences=50)
    task.setup()
    texts = [source for batch in task.val_dataloader() for source, _ in pairs_of(task, batch)]
    assert len(texts) == 50
    assert all("kuuta" in text or text.count(".") == 2 for text in texts)


def test_references_of_dates_are_counted(dates):
    pairs = [pair for batch in dates.test_dataloader() for pair in pairs_of(dates, batch)]
    by_numbers = 0
    for source, target in pairs:
        year, month, day = target.split("-")
        numeric = not any(map(str.isalpha, source))
        by_numbers += numeric or month == "01"
        assert year in source
        assert str(int(day)) in source
    assert dates.references() == {
        "most_frequent": 0.0,
        "copy_digits": pytest.approx(by_numbers / 300),
        "optimal": 1.0,
    }


def test_references_of_files_copy_or_say_the_usual(own):
    test = [("the cat", "the cat"), ("die", "the cat"), ("oh", "oh"), ("ja", "yes"), ("a", "b")]
    task = own(file=[*PAIRS, ("x", "the cat")], test_file=test)
    assert task.references() == {"most_frequent": 2 / 5, "copy": 1 / 5}  # "oh" is unknown


def test_the_usual_symbols_end_where_most_have_ended():
    targets = [[3, 4, 5], [3, 5], [4, 4], [3]]
    assert usual_symbols([torch.tensor(row) for row in targets], stop=2).tolist() == [3, 4]


def test_the_vocabulary_is_that_of_training(own):
    task = own(val_file=[("neu", "new")], test_file=[("ja", "quite so")])
    assert {"neu", "new", "quite"}.isdisjoint(task.source.vocabulary.symbols)
    assert pairs_of(task, next(iter(task.val_dataloader()))) == [("<unk>", "<unk>")]
    assert pairs_of(task, next(iter(task.test_dataloader()))) == [("ja", "<unk> so")]


@pytest.mark.parametrize("level", ["character", "word"])
def test_a_pass_over_a_file_has_each_pair_once(own, level):
    task = own(level=level)
    batches = task.train_dataloader()
    assert batches.epoch == 2
    for first in (0, 2):
        found = [pair for i in (first, first + 1) for pair in pairs_of(task, batches.make(i))]
        assert sorted(found) == sorted(PAIRS)


def test_equal_sources_are_in_one_split(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(f"{i % 50}\t{i}" for i in range(200)))
    task = Translation(dataset="file", file=str(path))
    task.setup()
    train = {s for i in range(5) for s, _ in pairs_of(task, task.train_dataloader().make(i))}
    for loader in (task.val_dataloader(), task.test_dataloader()):
        sources = {source for batch in loader for source, _ in pairs_of(task, batch)}
        assert sources
        assert not sources & train


def test_a_prompt_is_a_source_and_what_comes_after_it_a_target(own):
    task = own()
    prompt = task.encode_prompt(" die Katze ")
    assert task.source.vocabulary.decode(prompt) == ["die", "Katze", "<sep>"]
    said = task.source.vocabulary.encode(["the", "cat", "<stop>"])
    assert task.to_text(torch.cat([prompt, said])) == "die Katze\tthe cat"
    with pytest.raises(TaskError, match="the prompt is empty"):
        task.encode_prompt(" ")


def test_neither_the_unknown_nor_the_separator_is_ever_chosen(own):
    task = own()
    outputs = torch.zeros(500, len(task.source.vocabulary))
    outputs[:, [0, 1]] = 9.0
    chosen = task.choose(outputs, 1.0, None, torch.Generator().manual_seed(0))
    assert set(chosen.tolist()) == set(range(2, len(task.source.vocabulary)))


def test_the_fingerprint_follows_the_data(own, dates):
    base = own().fingerprint()
    assert own(batch_size=3, seed=1).fingerprint() == base
    assert own(level="character").fingerprint() != base
    assert own(test_file=PAIRS[:2]).fingerprint() != base
    assert own(file=[*PAIRS, ("ja", "yes")]).fingerprint() != base
    assert dates.fingerprint() != base


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dataset": "date"}, "dataset must be one of dates, file, not date"),
        ({"level": "line"}, "level must be one of character, word, not line"),
        ({"level": "word"}, "level=word goes with dataset=file, not dataset=dates"),
        ({"languages": ["dk"]}, f"languages must be one of {'de, en, es, fi, fr, it, nl'}"),
        ({"languages": []}, "languages must be different, at least one, not []"),
        ({"languages": ["de", "de"]}, "languages must be different, at least one, not ['de', "),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"file": "a.tsv"}, "file=a.tsv goes with dataset=file, not dataset=dates"),
        ({"header": True}, "header=True goes with dataset=file, not dataset=dates"),
        (
            {"dataset": "file", "file": "a.tsv", "languages": ["de"]},
            "languages=['de'] goes with dataset=dates, not dataset=file",
        ),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Translation(**knobs)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("der Hund", ", line 3: 0 tabs, but one is needed, between source and target"),
        ("a\tb\tc", ", line 3: 2 tabs, but one is needed, between source and target"),
        ("\tb", ", line 3: the source is empty"),
        ("a\t ", ", line 3: the target is empty"),
        ("a <sep>\tb", ", line 3: <sep> cannot be a word, as it has a meaning"),
        ("a\tb <stop>", ", line 3: <stop> cannot be a word, as it has a meaning"),
        (
            "a " * 19_999 + "\tb",
            ", line 3: a sequence of 20001 steps, but at most 20000 can be read",
        ),
    ],
)
def test_a_faulty_line_is_named(tmp_path, line, message):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"ja\tyes\n\n{line}\n", encoding="utf-8")
    with pytest.raises(TaskError) as error:
        read_pairs(path, str.split, [])
    assert str(error.value) == f"{path}{message}"


def test_a_split_without_a_pair_is_named(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("ja\tyes\n")
    with pytest.raises(TaskError, match="split has no sequence"):
        Translation(dataset="file", file=str(path)).setup()


def test_text_that_is_not_utf_8_is_named(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_bytes("München\tMunich".encode("latin-1"))
    with pytest.raises(TaskError, match=r"not UTF-8 text \(byte 1 is 0xfc\)"):
        Translation(dataset="file", file=str(path)).setup()


def test_example_files_can_be_read_and_differ(tmp_path):
    files = [Translation.example_file(tmp_path, seed) for seed in (0, 1)]
    prints = []
    for path in files:
        task = Translation(dataset="file", file=str(path))
        task.setup()
        prints.append(task.fingerprint())
    assert prints[0] != prints[1]
