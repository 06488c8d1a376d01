"""`recurbench probe` prints and writes the card of a cell, or says what is wrong."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from page_kit import data_in

from recurbench.harness.cli import main
from recurbench.harness.commands.loaded import probe as command
from recurbench.harness.probe.card import Card, probe
from recurbench.harness.probe.document import Document, read
from recurbench.harness.probe.settings import Settings

PROBES = Path("results/probes")
TINY = ["cell.hidden_size=4", "model.embedding_size=2"]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, workplace: Path, config_store: object) -> None:
    """Sizes with which a card takes a few hundredths of a second, in an empty folder."""
    small = Settings(
        sequences=2, warm_up=20, lags=24, track=48, points=2, exponents=2, exponent_steps=24,
        rows=10, row_steps=24, delays=24, pair_delays=3, draws=1, timed=10, hidden_sizes=(8, 9),
    )  # fmt: skip
    monkeypatch.setattr(command, "SETTINGS", small)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """The one line in which `probe` refuses."""

    def run(*arguments: str) -> str:
        assert main(["probe", *arguments]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        (line,) = output.err.splitlines()
        assert not PROBES.exists()
        return line

    return run


@pytest.fixture
def train(small: list, capsys: pytest.CaptureFixture, read_records: Callable) -> Callable[..., str]:
    """Trains a model and keeps its checkpoint; gives the id of the run."""

    def run(*overrides: str) -> str:
        assert main(["run", *small, "train.keep_checkpoint=true", *overrides]) == 0
        capsys.readouterr()
        run_id: str = read_records()[-1]["run_id"]
        return run_id

    return run


def only() -> Document:
    (path,) = PROBES.glob("*.json")
    return read(path)


def test_a_card_is_printed_and_left_as_a_document_and_a_picture(
    capsys: pytest.CaptureFixture,
) -> None:
    assert main(["probe", "gru"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    for words in ("gru, hidden size 64, 32 inputs, seed 0", "largest Lyapunov exponent", "of 64"):
        assert words in output.out
    assert "wrote results/probes/gru.json" in output.out
    document = only()
    assert (document.cell["name"], document.input_size, document.run_id) == ("gru", 32, None)
    assert document.initial.cost.parameters == {8: 1008, 9: 1161}
    assert document.trained is None
    assert (PROBES / "gru.png").read_bytes().startswith(b"\x89PNG")


def test_a_cell_has_the_weights_that_a_run_with_its_seed_begins_with(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(*TINY, "task=adding", "seed=3", "optimizer.lr=0.1")
    weights = []

    def listen(cell: torch.nn.Module, *others: object) -> Card:
        weights.append(torch.cat([p.detach().flatten() for p in cell.parameters()]))
        return probe(cell, *others)

    monkeypatch.setattr(command, "probe", listen)
    assert main(["probe", "gru", *TINY, "seed=3"]) == 0
    assert main(["probe", "--run", run]) == 0
    alone, initial, trained = weights
    assert torch.equal(alone, initial)
    assert not torch.equal(initial, trained)


def test_options_and_seeds_have_cards_of_their_own() -> None:
    assert main(["probe", "gru", *TINY]) == 0
    assert main(["probe", "gru", *TINY, "seed=1"]) == 0
    assert main(["probe", "gru_cho", *TINY]) == 0
    names = sorted(path.stem for path in PROBES.glob("*.json"))
    assert [name.partition("-")[0] for name in names] == ["gru", "gru", "gru_cho"]
    first, second, _ = (read(PROBES / f"{name}.json") for name in names)
    assert {first.seed, second.seed} == {0, 1}
    assert first.initial.reach != second.initial.reach
    assert first.cell["hidden_size"] == 4


def test_a_run_has_a_card_of_its_weights_before_and_after(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    run = train("task=adding", "optimizer.lr=0.1")
    assert main(["probe", "--run", run[:6]]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert f"layer 1 of run {run}" in output.out
    assert "trained" in output.out
    document = only()
    assert (document.name, document.run_id, document.input_size) == (run, run, 5)
    assert document.trained is not None
    assert document.trained.reach != document.initial.reach
    assert document.trained.cost.parameters == document.initial.cost.parameters
    assert main(["leaderboard", "--output", "board.html"]) == 0
    (track,) = data_in(Path("board.html").read_text())["tracks"]
    ((title, figures),) = track["rows"][0]["probes"]
    assert title.endswith(f"layer 1 of run {run}")
    assert len(figures) == 4
    assert all(trained is not None for _, _, trained in figures)


@pytest.mark.parametrize(
    "overrides",
    [
        ["task=variable_length", "cell=lstm"],
        ["task=copying", "cell=attention_gru", "model.norm=layer"],
        ["task=adding", "budget.parameters=384"],
    ],
    ids=" ".join,
)
def test_packed_tokens_and_budgets_are_no_obstacle(overrides: list, train: Callable) -> None:
    run = train(*overrides)
    assert main(["probe", "--run", run]) == 0
    assert only().trained is not None


def test_a_layer_of_a_stack_is_chosen(train: Callable, refused: Callable) -> None:
    run = train("task=adding", "model.depth=2", "model.bidirectional=true")
    assert f"--layer 3: run {run} has 2" in refused("--run", run, "--layer", "3")
    for layer in ("1", "2"):
        assert main(["probe", "--run", run, "--layer", layer]) == 0
    sizes = [read(PROBES / f"{run}-layer{layer}.json").input_size for layer in (1, 2)]
    assert sizes == [5, 16], "the second layer reads both directions of the first"


def test_the_folder_may_be_another(tmp_path: Path) -> None:
    assert main(["probe", "rnn", *TINY, "--output", "cards/today"]) == 0
    assert {path.suffix for path in Path("cards/today").iterdir()} == {".json", ".png"}
    assert not PROBES.exists()


def test_without_matplotlib_it_says_how_to_get_a_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("recurbench.harness.probe.picture.find_spec", lambda name: None)
    assert main(["probe", "rnn", *TINY]) == 0
    expected = "no picture: it needs matplotlib: pip install 'recurbench[plot]'"
    assert expected in capsys.readouterr().out
    assert [path.suffix for path in PROBES.iterdir()] == [".json"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [("feedforward", "no state"), ("local_attention", "minus infinity"), ("lru", "no bound")],
)
def test_what_a_cell_does_not_have_is_said(
    cell: str, words: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["probe", cell, *TINY]) == 0
    assert words in capsys.readouterr().out
    assert {path.suffix for path in PROBES.iterdir()} == {".json", ".png"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gruu"], "cell=gruu; did you mean gru?"),
        ([], "name one cell, or --run RUN_ID (valid: attention_gru,"),
        (["gru", "lstm"], "name one cell"),
        (["gru", "cell.hiden_size=4"], "cell (gru) has no option hiden_size; did you mean"),
        (["gru", "cell.hidden_size=0"], "hidden_size"),
        (["gru", "cell.hidden_size=8,16"], "several values need `run -m`"),
        (["gru", "task=adding"], "task=adding: only cell.KNOB, model.embedding_size and seed"),
        (["gru", "model.depth=2"], "model.depth=2: only cell.KNOB"),
        (["attention_gru", "cell.heads=3"], "cell=attention_gru: hidden_size=64 is not a multiple"),
        (
            ["gru", "cell.hidden_size=100000000"],
            "cell=gru with hidden size 100000000 and 32 inputs: too large for the memory",
        ),
        (["rnn", f"cell.hidden_size={10**20}"], "too large for the memory of this machine"),
        (["gru", "--layer", "2"], "--layer 2: goes with --run"),
        (["gru", "--layer", "0"], "--layer 0: must be an integer of at least 1"),
        (["gru", "--output", "file"], "--output file: a file; name a folder"),
        (["--pages", "file"], "--pages file: a file; name a folder"),
        (["gru", "--pages", "cells"], "--pages is about all cells at their defaults"),
        (["--run", "nothing"], "run id nothing: no such run in results/runs"),
        (["--run", "x", "gru"], "gru: --run says which cell"),
        (["--run", "x", "--results", "elsewhere"], "no such run in elsewhere/runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_refused_in_one_line(arguments: list, words: str, refused: Callable) -> None:
    Path("file").touch()
    assert words in refused(*arguments)


def test_a_run_without_its_checkpoint_is_refused_with_the_command_that_keeps_it(
    small: list, refused: Callable, read_records: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", *small, "task=adding"]) == 0
    capsys.readouterr()
    (record,) = read_records()
    line = refused("--run", record["run_id"])
    assert "its checkpoint was not kept; run it again with train.keep_checkpoint=true" in line
    again = shlex.split(line.partition("train.keep_checkpoint=true: recurbench ")[2])
    assert main([*again, "logger=none"]) == 0
    assert main(["probe", "--run", record["run_id"]]) == 0


def test_a_cell_that_explodes_is_refused(
    refused: Callable, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (Path(__file__).parents[2] / "support/known_memory.py").read_text()
    (plugin_folder / "known.py").write_text(source.replace("torch.float64", "torch.float32"))
    monkeypatch.setattr(command, "SETTINGS", replace(command.SETTINGS, exponent_steps=500))
    arguments = ["leaky", "model.embedding_size=1", "cell.hidden_size=1"]
    assert "its state grows beyond 1e+60" in refused(*arguments, "cell.a=2.0")
    assert main(["probe", *arguments, "cell.a=0.5"]) == 0
    found = only()
    assert found.initial.reach.half_life == pytest.approx(1)
    assert found.initial.spectrum.moduli == pytest.approx([0.5])
