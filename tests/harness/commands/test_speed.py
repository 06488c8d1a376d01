"""`recurbench speed` from the command line; nothing is said about the times it takes."""

import csv
import json
import re
import signal
from pathlib import Path

import pytest
import torch
from program import start

from recurbench.harness.cli import main

SMALL = ["--rounds", "2", "--shape", "5,3,4,8"]

MINE = '''
from typing import Literal

import torch

from recurbench.cells.rnn import RNN


class Mine(RNN):
    """Has a kernel that is wrong where `wrong` says so (nobody 2026)."""

    name = "mine"

    def __init__(
        self, input_size: int, hidden_size: int = 8, *, wrong: str = "nowhere",
        kernel: Literal["fused", "reference"] = "fused",
    ) -> None:
        super().__init__(input_size, hidden_size, kernel="reference")
        self.kernel, self.wrong = kernel, wrong

    def unroll(self, u, batch_sizes, state):
        y, final = self.step_by_step(u, batch_sizes, state)
        if self.kernel == "reference" or self.wrong == "nowhere":
            return y, final
        if self.wrong == "values":
            return y + 1e-4, final
        if self.wrong == "gradients":
            return y.detach() + 0 * y, final
        if self.wrong == "packed" and batch_sizes[0] > batch_sizes[-1]:
            raise RuntimeError("no packed batches, please")
        return y, final

    def step(self, x, state):
        y, state = super().step(x, state)
        return (2 * y if self.wrong == "step" else y), state
'''


@pytest.fixture(autouse=True)
def one_place(workplace: Path, config_store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files land in an empty folder, and the terminal has room for every column."""
    monkeypatch.setenv("COLUMNS", "150")


@pytest.fixture
def mine(plugin_folder: Path) -> None:
    """A plugin whose kernel and step may be wrong."""
    (plugin_folder / "mine.py").write_text(MINE)


def timed(*arguments: str, code: int = 0) -> dict:
    """What the command writes as JSON."""
    assert main(["speed", *SMALL, *arguments, "--json", "found.json"]) == code
    found: dict = json.loads(Path("found.json").read_text())
    return found


def test_the_usual_cells_are_timed_beside_torchs_layers_which_compute_the_same(capsys):
    rows = timed("--shape", "2-6,3,4,8")["rows"]
    pairs = {(row["cell"], row["against"]) for row in rows}
    assert pairs == {
        ("gru", "nn.GRU"), ("lstm", "nn.LSTM"), ("rnn", "nn.RNN"),
        ("nn.GRU", None), ("nn.LSTM", None), ("nn.RNN", None),
    }  # fmt: skip
    for row in rows:
        if row["cell"] in ("gru", "lstm", "rnn"):
            assert row["equal_to"].startswith(f"{row['cell']},kernel=reference; nn.")
    groups = {(row["measure"], row["layout"], row["T"]) for row in rows}
    assert groups == {
        ("forward", "dense", "5"), ("train", "dense", "5"), ("step", "step", "1"),
        ("forward", "packed", "2-6"), ("train", "packed", "2-6"),
    }  # fmt: skip
    shown = capsys.readouterr().out
    machine, _, title, *_ = shown.splitlines()
    assert re.search(r", 1 thread, torch 2\..*; medians of 2 rounds$", machine)
    assert title.strip() == "forward pass: dense, T 5, B 3, I 4, H 8"
    assert shown.count("times as fast") == 5


def test_the_numbers_of_a_row_belong_together():
    found = timed("--cell", "gru")
    for row in found["rows"]:
        assert row["tokens"] == (3 if row["measure"] == "step" else 15)
        assert row["tokens_per_second"] == pytest.approx(row["tokens"] / row["seconds"])
        assert row["seconds_low"] <= row["seconds"] <= row["seconds_high"]
        assert row["floor_percent"] > 0
        assert (row["saved_bytes"] is None) == (row["measure"] != "train")
        if row["against"]:
            assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
    assert found["environment"]["hardware"]
    assert found["environment"]["threads"] == torch.get_num_threads() == 1
    assert found["tables"] == {"timed": 3, "asked_for": 3}
    assert found["refused"] == []


def test_csv_and_json_hold_the_same_rows():
    rows = timed("--cell", "gru,kernel=fused", "--cell", "lru", "--csv", "found.csv")["rows"]
    lines = list(csv.DictReader(Path("found.csv").read_text().splitlines()))
    assert lines == [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert {row["floor_percent"] is None for row in rows if row["cell"] == "lru"} == {True}


def test_what_a_step_saves_is_exact():
    """A layer keeps its inputs and its outputs, and of both nothing twice."""
    rows = timed("--cell", "feedforward", "--measure", "train")["rows"]
    (row,) = [row for row in rows if row["cell"] == "feedforward"]
    assert row["saved_bytes"] == 4 * 15 * (4 + 8)
    assert row["saved_bytes_per_token"] == 48


def test_a_picture_has_a_panel_for_each_measure():
    assert main(["speed", *SMALL, "--cell", "rnn", "--plot", "found.svg"]) == 0
    picture = Path("found.svg").read_text()
    for words in ("forward pass", "training step", "single step", "nn.RNN"):
        assert f"<!-- {words} -->" in picture


def test_a_picture_needs_matplotlib_and_says_how_to_install_it(refused, monkeypatch):
    monkeypatch.setattr("recurbench.harness.speed.plot.find_spec", lambda name: None)
    line = refused("speed", "--plot", "found.png")
    assert line.endswith("--plot needs matplotlib: pip install 'recurbench[plot]'")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("values", "outputs off by 0.0001, compared with mine,wrong=values,kernel=reference"),
        ("gradients", "gradient of input off by"),
        ("step", "outputs of single steps off by"),
    ],
)
def test_a_cell_that_computes_something_else_is_not_timed(mine, capsys, wrong, said):
    found = timed("--cell", f"mine,wrong={wrong}", "--cell", "rnn", code=1)
    line = found["refused"][0]
    assert line.startswith(f"mine,wrong={wrong} at T 5, B 3, I 4, H 8 is not timed: ")
    assert said in line
    assert f"recurbench: {line}" in capsys.readouterr().err.splitlines()
    assert f"mine,wrong={wrong}" not in {row["cell"] for row in found["rows"]}
    assert {"rnn", "nn.RNN"} <= {row["cell"] for row in found["rows"]}, "others are timed"


def test_a_sound_cell_of_ones_own_is_timed_beside_its_reference(mine):
    rows = timed("--cell", "mine")["rows"]
    assert {(row["cell"], row["against"]) for row in rows} == {
        ("mine", "mine,kernel=reference"),
        ("mine,kernel=reference", None),
    }


def test_a_cell_that_cannot_be_packed_is_timed_where_it_can_run(mine):
    arguments = ["--cell", "mine,wrong=packed", "--packed", "2-6", "--measure", "forward"]
    found = timed(*arguments, code=1)
    (line,) = found["refused"]
    assert line == (
        "mine,wrong=packed cannot run packed at T 2-6, B 3, I 4, H 8: "
        "RuntimeError: no packed batches, please"
    )
    layouts = [row["layout"] for row in found["rows"] if row["cell"] == "mine,wrong=packed"]
    assert layouts == ["dense"]


def test_cells_are_compared_with_their_steps_their_reference_and_other_cells():
    against = ["--against", "step", "--against", "reference", "--against", "gru,kernel=fused"]
    rows = timed("--cell", "lru", *against)["rows"]
    found = {m: [r["against"] for r in rows if r["measure"] == m and r["cell"] == "lru"]
             for m in ("train", "step")}  # fmt: skip
    assert found["train"] == ["lru by step", "lru,kernel=reference", "gru,kernel=fused"]
    assert found["step"] == ["lru,kernel=reference", "gru,kernel=fused"]
    assert {r["equal_to"] for r in rows if r["cell"] == "lru by step"} == {"lru"}
    own = [{**row, "against": None, "ratio": None, "ratio_low": None, "ratio_high": None}
           for row in rows if row["cell"] == "lru" and row["measure"] == "train"]  # fmt: skip
    assert own == [own[0]] * 3, "measured once for all rivals"


@pytest.mark.parametrize(
    ("cell", "rival"),
    [
        ("lstm,peepholes=true", "lstm,peepholes=true,kernel=reference"),
        ("lstm,forget_bias=0", "nn.LSTM"),
        ("rnn,nonlinearity=relu,bias=false", "nn.RNN,nonlinearity=relu,bias=false"),
        ("gru_cho", "gru_cho,kernel=reference"),
        ("torch_gru", "nn.GRU"),
        ("feedforward", "nn.GRU"),
    ],
)
def test_a_cell_has_the_rival_that_is_the_same_function_if_there_is_one(cell, rival):
    rows = timed("--cell", cell, "--measure", "forward")["rows"]
    assert {row["against"] for row in rows if row["cell"] == cell} == {rival}
    equal = {row["equal_to"] for row in rows if row["cell"] == cell}
    assert equal == {None} if cell == "feedforward" else rival in equal.pop()


def test_lists_make_a_grid():
    sizes = ["--T", "2,1-3", "--B", "1,2", "--H", "8", "--measure", "forward"]
    assert main(["speed", "--rounds", "2", *sizes, "--cell", "rnn", "--json", "found.json"]) == 0
    rows = json.loads(Path("found.json").read_text())["rows"]
    found = [(r["T"], r["B"], r["I"], r["H"]) for r in rows if r["cell"] == "rnn"]
    assert found == [("2", 1, 8, 8), ("2", 2, 8, 8), ("1-3", 1, 8, 8), ("1-3", 2, 8, 8)]


def test_after_ctrl_c_what_is_there_is_saved(workplace: Path) -> None:
    """The first table needs a second, and the second one some minutes."""
    files = ["--json", "found.json", "--csv", "found.csv"]
    sizes = ["--shape", "1,1,1,1", "--shape", "400,16,64,64", "--rounds", "200"]
    process = start("speed", "--cell", "rnn", "--measure", "train", *sizes, *files, cwd=workplace)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("└"):
            process.send_signal(signal.SIGINT)
            break
    _, said = process.communicate(timeout=100)
    assert (process.returncode, said) == (
        130, "recurbench: interrupted; 1 of 2 tables are there\n",
    )  # fmt: skip
    found = json.loads((workplace / "found.json").read_text())
    assert [row["cell"] for row in found["rows"]] == ["rnn", "nn.RNN"]
    assert found["tables"] == {"timed": 1, "asked_for": 2}
    assert len((workplace / "found.csv").read_text().splitlines()) == 3


def test_a_file_that_cannot_be_written_is_named_and_the_tables_are_there(capsys):
    arguments = ["--cell", "rnn", "--measure", "step", "--csv", "/dev/full"]
    assert main(["speed", *SMALL, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err == "recurbench: --csv /dev/full: No space left on device\n"
    assert "single step: B 3, I 4, H 8" in shown.out


@pytest.mark.parametrize(
    ("label", "against"),
    [
        (["--cell", "lru"], ["by step", "kernel=reference", "gru,kernel=fused"]),
        (["--cell", "lru,kernel=fused"], ["by step", "kernel=reference", "gru,kernel=fused"]),
        (["--cell", "gru"], ["by step", "kernel=reference", "kernel=fused"]),
    ],
)
def test_a_table_names_what_tells_a_rival_from_the_cell(capsys, label, against):
    rivals = ["--against", "step", "--against", "reference", "--against", "gru,kernel=fused"]
    assert main(["speed", *SMALL, *label, *rivals, "--measure", "train"]) == 0
    lines = [
        [part.strip() for part in line.split("│")] for line in capsys.readouterr().out.split("\n")
    ]
    assert [line[-4] for line in lines if len(line) > 5 and line[1] == label[1]] == against


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--cell gruu", "gruu; did you mean gru?"),
        ("--cell gru,kernl=fused", "kernl"),
        ("--cell gru,kernel=slow", "kernel"),
        ("--cell gru,fused", "--cell gru,fused: 'fused' is no KNOB=VALUE"),
        ("--cell gru,hidden_size=8", "--shape, --I and --H say the sizes"),
        ("--cell mlstm --H 5", "cell=mlstm: hidden_size=5 is not a multiple of"),
        ("--cell feedforward --against reference", "cell=feedforward has no kernel reference"),
        ("--cell lru --against step --packed 2-5", "only dense batches are stepped"),
        ("--against nn.GRUU", "nn.GRUU"),
        ("--shape 1,2,3", "--shape 1,2,3: write T,B,I,H, as in 100,32,64,64"),
        ("--shape 1,2,x,3", "--shape 1,2,x,3: 'x' is no size; write 1, 2, .."),
        ("--shape 5-2,2,3,3", "the shorter length comes first: 2-5"),
        ("--B 0", "--B 0: '0' is no size"),
        ("--packed 10", "--packed 10: write the shortest and the longest length, as in 10-100"),
        ("--measure training", "--measure training"),
        ("--rounds 1", "--rounds 1: must be an integer of at least 2"),
        ("--device moon", "--device moon: no such device; write cpu or cuda"),
        ("--device meta", "--device meta: only cpu and cuda can be timed"),
        ("--plot found.gif", "--plot found.gif: end it with .png, .svg, .pdf"),
        ("--json nowhere/found.json", "--json nowhere/found.json: no such folder: nowhere"),
    ],
)
def test_wrong_input_is_one_line(refused, arguments, said):
    assert said in refused("speed", *arguments.split())
