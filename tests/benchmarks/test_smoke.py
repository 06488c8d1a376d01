"""Every benchmark runs one round at tiny sizes; nothing is said about its times."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Imports a script as running it would."""

    def from_file(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return from_file


def test_no_benchmark_goes_untried():
    assert set(SCRIPTS) == {
        "coverage", "first_step", "gpu", "loader_cost", "many_records", "page_pictures",
        "published_rows", "reidentify", "starting", "study_page", "training_step",
    }  # fmt: skip


def test_the_harness_and_a_bare_loop_train_alike(load, config_store, capsys):
    small = ["task.eval_sequences=20", "train.batch_size=4", "cell.hidden_size=8"]
    load("training_step").main(["--rounds", "2", "--steps", "3", *small])
    assert "2 rounds of 3 steps" in capsys.readouterr().out


def test_a_run_ends_at_its_first_step(load, tmp_path):
    script = load("first_step")
    small = ["task.eval_sequences=20", "cell.hidden_size=8", f"results_dir={tmp_path}"]
    assert script.seconds(script.RUN, "run", "logger=none", *small) > 0
    assert not list((tmp_path / "runs").rglob("*.json"))


def test_what_needs_a_gpu_writes_its_table_into_the_page(load, monkeypatch, tmp_path):
    """Its own program is tried on the CPU."""
    module = load("gpu")
    written = module.PAGE.read_text()
    assert written.count(module.BEGIN) == written.count(module.END) == 1
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{module.BEGIN}\nnothing\n{module.END}\nafter\n")
    monkeypatch.setattr(module, "PAGE", page)
    tiny = ["--shape", "5,2,4,4", "--rounds", "2", "--device", "cpu"]
    assert module.main([*tiny, "--cell", "gru", "--cell", "mgu"]) == 0
    text = page.read_text()
    assert text.startswith(f"before\n{module.BEGIN}\nMedians of 2 rounds on ")
    assert text.endswith(f"{module.END}\nafter\n")
    assert re.search(r"\| `gru` \| [0-9.]+ \([0-9.]+\) \|", text)
    assert text.count("\n| `") == 3  # nn.GRU itself too
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: False)
    assert module.main([]) == 1
    assert page.read_text() == text


def test_a_loaders_cost_is_a_line_of_the_table(load, config_store, capsys):
    load("loader_cost").main(["--rounds", "2", "--steps", "2", "--tasks", "parity"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| parity | ")
    assert "%" in last


def test_boards_lists_and_single_records_of_many_are_measured(load, capsys, tmp_path):
    sizes = ["--tasks", "1", "--rates", "1", "--rounds", "1"]
    for _ in range(2):  # the second time the records are there
        load("many_records").main([*sizes, "--folder", str(tmp_path)])
        first, _, *rows = capsys.readouterr().out.splitlines()
        assert first.startswith("250 records of 4.")
        assert [row[:12].strip() for row in rows] == [
            "start-up", "first board", "next board", "runs", "show",
        ]  # fmt: skip


def test_composing_a_sweep_and_repeating_it_are_measured(load, config_store, capsys):
    small = ["--sweep", "cell=gru,rnn seed=0,1", "--cells", "gru,lstm", "--rates", "1"]
    load("starting").main([*small, "--seeds", "1"])
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row[34:].split()[0] for row in rows] == ["4", "1", "4"]


def test_simulated_boards_fill_their_tables(load, capsys):
    load("coverage").main(["--boards", "2", "--intervals", "5", "--whole-boards", "1"])
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines() if line]
    assert len(lines) == 4 * 2 + 10 + 5 + 3 + 4
    assert {len(cells) for cells in lines} == {6}


@pytest.mark.parametrize(("seeds", "power"), [(3, 0.374), (5, 0.766), (10, 0.988)])
def test_what_theory_expects_is_near_what_is_drawn(load, seeds, power):
    """Of two cells that differ by 2 deviations, to three times the error of 2,000 boards."""
    module = load("coverage")
    assert module.expected(2, seeds) == pytest.approx(power, abs=0.01)
    drawn = module.found(2, 2, seeds, 2000, module.np.random.default_rng(1))
    assert drawn == pytest.approx(power, abs=3 * (power * (1 - power) / 2000) ** 0.5)


def test_the_published_rows_are_written_into_their_page(load, monkeypatch, tmp_path):
    module = load("published_rows")
    written = module.PAGE.read_text()
    page = tmp_path / "page.md"
    before, after = written.split(module.BEGIN)[0], written.split(module.END)[1]
    page.write_text(f"{before}{module.BEGIN}\nan old table\n{module.END}{after}")
    monkeypatch.setattr(module, "PAGE", page)
    module.main()
    assert page.read_text() == written


def test_the_shipped_records_have_the_identity_of_todays_code(load, config_store, tmp_path):
    """So that the same commands skip them; else run `python benchmarks/reidentify.py`."""
    module = load("reidentify")
    shutil.copytree(module.REFERENCE, tmp_path / "reference")
    module.main([tmp_path / "reference"])
    for path in sorted(module.REFERENCE.glob("*.gz")):
        assert (tmp_path / "reference" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_pictures_of_the_page_are_taken(tmp_path):
    if shutil.which("chromium") is None and "CI" not in os.environ:
        pytest.skip("pictures need Chromium: apt install chromium")
    # In a process of its own: one has room for a single browser, and other tests may have one.
    script = ROOT / "benchmarks" / "page_pictures.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=100)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"leaderboard.png", "leaderboard-phone.png"}
    assert max(sizes.values()) < 200_000
