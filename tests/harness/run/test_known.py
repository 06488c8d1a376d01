"""A completed run is passed over without its data or its model, as long as the data is the same."""

import dataclasses
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.config.sections import Config
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results import marks
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run import known
from recurbench.harness.run import prepare as preparing
from recurbench.harness.run.execute import execute, pass_over
from recurbench.harness.run.known import known_run, remember
from recurbench.harness.run.prepare import prepare
from recurbench.tasks.base import Task
from recurbench.tasks.common.corpora import FOLDER_VARIABLE

PLUGINS = registry().plugins["task"]

TASKS = sorted(
    name
    for name, plugin in PLUGINS.items()
    if plugin.cls.__module__.startswith("recurbench.tasks.")
)

READERS = [name for name in TASKS if "example_file" in vars(PLUGINS[name].cls)]

CORPORA = {
    "language": "shakespeare",
    "forecasting": "etth1",
    "music": "jsb",
    "sentiment": "movie_snippets",
    "variable_length": "japanese_vowels",
}

TEXT = "the quick brown fox jumps over the lazy dog. " * 60


@pytest.fixture(autouse=True)
def in_empty_folder(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file has been there for long."""
    monkeypatch.setattr(marks, "FRESH", -(10**15))


@pytest.fixture
def made(configure: Callable[..., Config], small: list) -> Callable[..., Config]:
    return lambda *overrides: configure(*small, *overrides)


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, neither data nor models can be made."""

    def refuse(*_: object) -> None:
        raise AssertionError("this takes long")

    def forbid() -> None:
        monkeypatch.setattr(preparing, "load_task", refuse)
        monkeypatch.setattr(preparing, "build_model", refuse)

    return forbid


def text_file(made: Callable[..., Config], content: str = TEXT) -> Config:
    Path("text.txt").write_text(content)
    return made("task=language", "task.dataset=file", "task.file=text.txt")


@pytest.mark.parametrize("task", TASKS)
def test_what_loading_a_task_told_is_all_that_its_identity_needs(task, made):
    config = made(f"task={task}")
    assert known_run(config) is None
    prepared = prepare(config)
    Path("results").mkdir()
    remember(prepared)
    assert known_run(config) == prepared.identity


@pytest.mark.parametrize(
    "overrides",
    [
        ["budget.parameters=5000", "cell=lstm"],
        ["model.encoder=causal_conv", "model.depth=2"],
        ["optimizer.lr=0.125", "study=mine"],
        ["train.max_steps=null", "train.max_seconds=3", "trainer.threads=2"],
        ["train.keep_checkpoint=true"],
    ],
)
def test_other_options_make_other_runs_of_the_same_data(overrides, made):
    Path("results").mkdir()
    remember(prepare(made()))
    config = made(*overrides)
    expected = prepare(config).identity
    found = known_run(config)
    assert found is not None
    # Only a size that a budget solves is open still, and no part of the identity.
    assert dataclasses.replace(found, sections=expected.sections) == expected


def test_a_completed_run_is_passed_over(made, nothing_loaded):
    config = made()
    assert pass_over(config) is None
    assert execute(config).status == "completed"
    nothing_loaded()
    outcome = execute(config)
    assert (outcome.status, outcome.ok) == ("skipped", True)
    assert pass_over(config) == outcome
    assert outcome.val is not None


def test_only_a_completed_run_is_passed_over(made):
    execute(made())
    for other in (made("seed=1"), made("optimizer.lr=0.3"), made("rerun=true")):
        assert pass_over(other) is None


def test_a_run_whose_checkpoint_was_not_kept_is_run_again(made, capsys):
    execute(made())
    config = made("train.keep_checkpoint=true")
    assert execute(config).status == "completed"
    assert capsys.readouterr().out.count("its checkpoint was not kept; runs again") == 1
    assert pass_over(config).status == "skipped"


def test_a_file_that_changes_is_read_again(made):
    first = prepare(text_file(made))
    Path("results").mkdir()
    remember(first)
    assert known_run(text_file(made, TEXT)) is None  # it was written again
    config = text_file(made, TEXT.upper())
    second = prepare(config)
    assert second.identity.run_id != first.identity.run_id
    remember(second)
    assert known_run(config) == second.identity
    Path("text.txt").unlink()
    assert known_run(config) is None


@pytest.mark.parametrize("task", READERS)
def test_every_file_of_ones_own_is_watched(task, made):
    folder = Path("data")
    folder.mkdir()
    cls: type[Task] = PLUGINS[task].cls
    file = cls.example_file(folder, 0)
    config = made(f"task={task}", "task.dataset=file", f"task.file={file}")
    Path("results").mkdir()
    for path in sorted(folder.iterdir()):
        remember(prepare(config))
        assert known_run(config) is not None
        path.write_bytes(path.read_bytes())
        assert known_run(config) is None


@pytest.mark.skipif(
    FOLDER_VARIABLE not in os.environ, reason=f"set {FOLDER_VARIABLE} to a folder with corpora"
)
@pytest.mark.parametrize(("task", "dataset"), CORPORA.items())
def test_every_corpus_is_watched(task, dataset, made):
    prepared = prepare(made(f"task={task}", f"task.dataset={dataset}"))
    assert prepared.reads
    for path, mark in prepared.reads.items():
        assert path.startswith(os.path.realpath(os.environ[FOLDER_VARIABLE]))
        assert mark == marks.mark_of(path)


def test_a_file_that_changed_a_moment_ago_is_not_relied_on(made, monkeypatch):
    monkeypatch.setattr(marks, "FRESH", 10**15)
    config = text_file(made)
    Path("results").mkdir()
    remember(prepare(config))
    assert known_run(config) is None


def test_a_file_that_comes_into_a_folder_is_seen(made):
    from mido import Message, MidiFile, MidiTrack

    def write(split: str, name: str, first: int) -> None:
        song = MidiFile()
        track = MidiTrack()
        song.tracks.append(track)
        for note in range(first, first + 12):
            track.append(Message("note_on", note=note, velocity=64, time=240))
            track.append(Message("note_off", note=note, velocity=64, time=240))
        folder = Path("songs", split, "inner")
        folder.mkdir(parents=True, exist_ok=True)
        song.save(folder / name)

    for first, split in enumerate(("train", "valid", "test"), 40):
        write(split, "a.mid", first)
    config = made("task=music", "task.dataset=file", "task.file=songs")
    Path("results").mkdir()
    remember(prepare(config))
    assert known_run(config) is not None
    write("train", "b.mid", 50)
    assert known_run(config) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setitem(
            vars(registry().plugins["task"]["copying"]), "version", "other"
        ),
        lambda patch: patch.setenv("RECURBENCH_DATA", "elsewhere"),
        lambda patch: patch.setenv("HOME", "elsewhere"),
        lambda patch: patch.setattr("sys.version", "4.0"),
        lambda patch: patch.chdir("results"),
    ],
    ids=["code", "corpora", "home", "python", "folder"],
)
def test_all_else_that_decides_the_data_is_looked_at(change, made, monkeypatch):
    config = made(f"results_dir={Path.cwd() / 'results'}")
    Path("results").mkdir()
    remember(prepare(config))
    assert known_run(config) is not None
    change(monkeypatch)
    assert known_run(config) is None


def test_the_task_of_somebody_else_is_not_known(discover, configure, small):
    discover(
        own="""\
from recurbench.tasks.parity import Parity


class Own(Parity):
    name = "own"
"""
    )
    config = configure("task=own", *small)
    assert execute(config).ok
    assert not ResultsFolder(Path("results")).known.exists()
    assert pass_over(config) is None


def other_file() -> bytes:
    with sqlite3.connect("other.sqlite") as database:
        database.execute("CREATE TABLE data (name)")
    database.close()
    return Path("other.sqlite").read_bytes()


def rows(change: Callable[[bytes], bytes]) -> bytes:
    with sqlite3.connect("results/known.sqlite") as database:
        found = database.execute("SELECT key, facts FROM data").fetchall()
        for key, facts in found:
            database.execute("UPDATE data SET facts = ? WHERE key = ?", (change(facts), key))
    database.close()
    return Path("results/known.sqlite").read_bytes()


DAMAGE = {
    "empty": lambda: b"",
    "noise": lambda: bytes(range(256)) * 64,
    "half": lambda: Path("results/known.sqlite").read_bytes()[:6000],
    "header": lambda: b"SQLite format 3\0" + b"\xff" * 4096,
    "other": other_file,
    "no facts": lambda: rows(lambda facts: b"{}"),
    "no JSON": lambda: rows(lambda facts: facts[:-5]),
    "number": lambda: rows(lambda facts: 3),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_not_used_and_mended(damage, made):
    config = made()
    execute(config)
    Path("results/known.sqlite").write_bytes(damage())
    assert known_run(config) is None
    for _ in range(2):  # what is no such file is deleted first
        assert execute(config).status == "skipped"
    assert known_run(config) is not None


def test_a_file_that_cannot_be_written_harms_nothing(made):
    Path("results/known.sqlite").mkdir(parents=True)
    config = made()
    assert execute(config).status == "completed"
    assert execute(config).status == "skipped"


def _remember(prepared: preparing.Prepared, seeds: range) -> None:
    for seed in seeds:
        config = dataclasses.replace(prepared.config, seed=seed)
        remember(dataclasses.replace(prepared, config=config))


def test_processes_that_write_at_once_lose_nothing(made, monkeypatch):
    monkeypatch.setattr(known, "WAIT", 60)
    config = made()
    prepared = prepare(config)
    Path("results").mkdir()
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_remember, args=(prepared, range(first, first + 20)))
        for first in (0, 20, 10)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert all(known_run(made(f"seed={seed}")) is not None for seed in range(40))
