"""`recurbench run` refuses what cannot work in one clear line, before anything is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.core.config_store import ConfigStore

from recurbench.harness.cli import main

NOTHING = ["logger=none", "train.max_steps=2"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["cell=gruu"], "cell=gruu; did you mean gru?"),
        (["task=copyng"], "task=copyng; did you mean copying?"),
        (["optimizer=adamm"], "did you mean adam"),
        (["logger=wandbb"], "did you mean wandb?"),
        (["-m", "cell=gru,lstmm"], "cell=lstmm; did you mean lstm?"),
        (["cell.hiden_size=3"], "cell (gru) has no option hiden_size; did you mean hidden_size?"),
        (["+cell.colour=red"], "has no option colour"),
        (["train.max_step=3"], "did you mean max_steps?"),
        (["speed=3"], "has no option speed"),
        (["cell.hidden_size=many"], "cell.hidden_size: Value 'many'"),
        (["cell.hidden_size=0"], "hidden_size must be at least 1, not 0"),
        (["cell.hidden_size=-3"], "hidden_size must be at least 1, not -3"),
        (["train.batch_size=0"], "train.batch_size must be at least 1, not 0"),
        (["train.eval_every=0"], "train.eval_every must be at least 1, not 0"),
        (["model.depth=0"], "model.depth must be at least 1, not 0"),
        (["model.dropout=1"], "model.dropout must be below 1, not 1.0"),
        (["optimizer.lr=0"], "optimizer.lr must be above 0, not 0.0"),
        (["optimizer.schedule=cosin"], "did you mean cosine?"),
        (["seed=-1"], "seed must be at least 0, not -1"),
        (["task.delay=0"], "delay"),
        (["task.score=evry"], "did you mean every?"),
        (["cell=attention_gru", "cell.heads=3"], "hidden_size=64 is not a multiple of 3"),
        (["cell=attention_gru", "cell.window=0"], "window"),
        (["seed=0,1"], "run -m"),
        (["--multi", "seed=0,1"], "--multi: no such flag; did you mean --multirun?"),
        (["cell"], "cannot read the override"),
        (["budget.parameters=12"], "no hidden size comes within 2%"),
        (["results_dir=/dev/null/x"], "cannot write to /dev/null/x"),
        (["task=language", "task.dataset=file"], "file"),
        (["task=language", "task.dataset=file", "task.file=nowhere.txt"], "nowhere.txt"),
        (["task=forecasting", "task.dataset=file", "task.file=nowhere.csv"], "nowhere.csv"),
        (["task=language", "model.bidirectional=true"], "predicts the next step"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_run_is_one_clear_line(overrides: list, words: str, refused: Callable) -> None:
    repeated = {override.partition("=")[0] for override in overrides}
    rest = [item for item in NOTHING if item.partition("=")[0] not in repeated]
    assert words in refused("run", *overrides, *rest)


def test_zero_steps_are_refused(refused: Callable) -> None:
    assert "train.max_steps must be at least 1, not 0" in refused("run", "train.max_steps=0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_named(refused: Callable) -> None:
    assert "no CUDA device" in refused("run", "trainer=gpu", *NOTHING)


def write_table(path: Path, rows: int = 400, changes: dict[int, str] | None = None) -> None:
    """A table with a time column and two columns of numbers; `changes` replaces whole lines."""
    lines = ["time,load,heat"]
    lines += [f"2024-01-{1 + i // 24:02d}T{i % 24:02d}:00:00,{i % 24},{i}" for i in range(rows)]
    for line, text in (changes or {}).items():
        lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({7: "2024-01-01T05:00:00,warm,5"}, ["table.csv", "7", "load", "warm"]),
        ({9: "2024-01-01T07:00:00,,7"}, ["table.csv", "9", "load"]),
        ({11: "2024-01-01T09:00:00,9"}, ["table.csv", "11"]),
        ({12: "2024-01-01T10:30:00,10,10"}, ["table.csv", "12", "time"]),
    ],
    ids=["text", "gap", "short row", "time"],
)
def test_a_bad_table_is_named_with_row_and_column(
    changes: dict, words: list, workplace: Path, refused: Callable
) -> None:
    write_table(workplace / "table.csv", changes=changes)
    options = ["task.dataset=file", "task.file=table.csv", "task.time_column=time"]
    line = refused("run", "task=forecasting", *options, *NOTHING)
    assert all(word in line for word in words), line


def test_a_table_with_too_few_rows_is_told_how_many_it_needs(
    workplace: Path, refused: Callable
) -> None:
    write_table(workplace / "table.csv", rows=20)
    options = ["task.dataset=file", "task.file=table.csv", "task.time_column=time"]
    assert "rows" in refused("run", "task=forecasting", *options, *NOTHING)


def test_an_empty_corpus_is_named(workplace: Path, refused: Callable) -> None:
    (workplace / "empty.txt").touch()
    options = ["task.dataset=file", "task.file=empty.txt"]
    assert "empty.txt" in refused("run", "task=language", *options, *NOTHING)


def test_real_data_that_cannot_be_had_is_named_with_its_address(
    refused: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import pooch

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.delenv("RECURBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", offline)
    line = refused("run", "task=language", "task.dataset=shakespeare", *NOTHING)
    for word in ("https://", "shakespeare/input.txt", "RECURBENCH_DATA"):
        assert word in line


def test_a_users_own_text_and_table_run(
    workplace: Path, config_store: ConfigStore, small: list
) -> None:
    (workplace / "mine.txt").write_text("to be, or not to be, that is the question. " * 200)
    text = ["task=language", "task.dataset=file", "task.file=mine.txt"]
    assert main(["run", *text, *small]) == 0
    write_table(workplace / "table.csv")
    table = ["task=forecasting", "task.dataset=file", "task.file=table.csv"]
    columns = ["task.columns=[heat]", "task.time_column=time"]
    assert main(["run", *table, *columns, *small]) == 0
