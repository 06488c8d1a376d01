"""What the pages of docs/ show works as it is written."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main, parser
from recurbench.harness.config.compose import check_overrides
from recurbench.harness.config.schema import register
from recurbench.harness.config.search import find_search

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
UNTRIED = [
    str(path.relative_to(DOCS))
    for path in sorted(DOCS.rglob("*.md"))
    if "recurbench run" in path.read_text() and not re.match("add(ing)?-", path.name)
]
"""Pages with commands; those that add something have tests which run them."""

SMALL = ["train.max_steps=2", "train.eval_every=2", "train.batch_size=4", "task.eval_sequences=20"]


def blocks(page: str, language: str = "") -> list[str]:
    """The code blocks of a page in a language; commands have none."""
    text = (DOCS / page).read_text()
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == language]


def commands(page: str) -> list[list[str]]:
    """The `recurbench` lines of a page, without what is set before them."""
    lines = [line for body in blocks(page) for line in body.replace("\\\n", " ").splitlines()]
    found = [line.partition("recurbench ")[2] for line in lines if "recurbench " in line]
    return [shlex.split(line, comments=True) for line in found]


def quickly(arguments: list[str]) -> list[str]:
    """A command that trains for two steps instead of many."""
    if arguments[0] != "run":
        return arguments
    kept = [a for a in arguments if not a.startswith("train.max_steps")]
    return [*kept, *SMALL, *([] if any("logger" in a for a in kept) else ["logger=none"])]


def test_the_tutorials_commands_lead_to_a_leaderboard(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    for arguments in commands("tutorial.md"):
        assert main(quickly(arguments)) == 0, arguments
    shown = capsys.readouterr().out
    assert shown.count("already completed") == 1
    assert "copying: accuracy, higher is better" in shown
    assert (workplace / "board.csv").read_text().startswith("track,task,settings,metric")


def test_the_leaderboard_of_the_guide_is_what_the_shipped_records_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    (arguments,) = commands("reading-a-leaderboard.md")
    assert main(arguments) == 0
    shown, written = capsys.readouterr().out, blocks("reading-a-leaderboard.md", "text")[0]
    tables = [[line for line in text.splitlines() if "│" in line] for text in (shown, written)]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 6


@pytest.mark.parametrize("page", UNTRIED)
def test_every_shown_run_has_options_that_exist(page: str, config_store) -> None:
    register()
    for program, *arguments in commands(page):
        if program == "run" and "hydra/sweeper=optuna" in arguments:
            assert find_search([a for a in arguments if "=" in a])
        elif program == "run":
            check_overrides([a for a in arguments if "=" in a and not a.startswith("hydra")])


TIMED = [arguments for arguments in commands("speed.md") if arguments[0] == "speed"]


@pytest.mark.parametrize("arguments", TIMED, ids=" ".join)
def test_every_shown_table_of_speed_is_made_at_small_sizes(
    arguments: list[str], workplace: Path, plugin_folder: Path, config_store
) -> None:
    (plugin_folder / "my_cell.py").write_text(
        "from recurbench.cells.rnn import RNN\n\n\nclass Mine(RNN):\n    name = 'my_cell'\n"
    )
    asked = parser().parse_args(arguments)
    packed = any(shape.packed for shape in asked.shape) or bool(asked.packed)
    pairs = zip(arguments[1::2], arguments[2::2], strict=True)
    kept = [
        part for pair in pairs if pair[0] in ("--cell", "--against", "--measure") for part in pair
    ]
    sizes = ["--shape", "2-6,3,4,8" if packed else "5,3,4,8", "--rounds", "2"]
    assert main(["speed", *kept, *sizes, "--json", "found.json"]) == 0
    rows = json.loads(Path("found.json").read_text())["rows"]
    assert {row["cell"] for row in rows if row["against"]} == set(
        asked.cell or ["gru", "lstm", "rnn"]
    )


def kinds_of_files() -> list[tuple[str, str]]:
    """The sections of the page about files that show one, by their titles."""
    sections = (DOCS / "your-data.md").read_text().split("\n## ")[1:]
    return [(title, body) for title, _, body in (part.partition("\n") for part in sections)]


NOTES = {
    "Tables of numbers": ["separator", "decimal", "note"],
    "Texts with labels": ["header"],
    "Series with classes": ["without the missing steps"],
}
"""Words of what a run says that it found, by the kind of file."""


@pytest.mark.parametrize(("title", "body"), kinds_of_files(), ids=[t for t, _ in kinds_of_files()])
def test_each_kind_of_file_is_read_as_it_is_shown(
    title: str,
    body: str,
    workplace: Path,
    config_store,
    read_records: Callable,
    capsys: pytest.CaptureFixture,
) -> None:
    (name,) = re.findall(r"^`([\w.-]+)`", body, re.MULTILINE)
    for language, content in re.findall(r"^```(\w+)\n(.*?)^```", body, re.DOTALL | re.MULTILINE):
        if language == "python":
            exec(content, {})
        else:
            Path(name).write_text(content, encoding="utf-8")
            assert content.count("\n") <= 6
    (command,) = re.findall(r"^recurbench (.*)$", body, re.MULTILINE)
    small = ["train.max_steps=2", "train.eval_every=2", "train.batch_size=1", "logger=none"]
    splits = [] if name.endswith(".npz") else [f"task.val_file={name}", f"task.test_file={name}"]
    assert main([*shlex.split(command), *small, *splits]) == 0
    said = capsys.readouterr().out
    assert [word for word in NOTES.get(title, []) if word not in said] == []
    assert [record["status"] for record in read_records()] == ["completed"]


@pytest.mark.parametrize(("title", "body"), kinds_of_files(), ids=[t for t, _ in kinds_of_files()])
def test_each_option_of_a_kind_of_file_exists(title: str, body: str, config_store) -> None:
    register()
    (task,) = re.findall(r"^recurbench run (task=\w+)", body, re.MULTILINE)
    options = re.findall(r"^\| `(task\.\S+|task\..*?)` \|", body, re.MULTILINE)
    assert options
    for option in options:
        check_overrides([task, option])


def test_the_metric_of_the_page_is_in_the_record(
    plugin_folder: Path, config_store, read_records: Callable
) -> None:
    (code,) = blocks("how-to/add-a-metric.md", "python")
    (plugin_folder / "copying_top2.py").write_text(code)
    (arguments,) = commands("how-to/add-a-metric.md")
    assert main(quickly(arguments)) == 0
    (record,) = read_records()
    assert 0 <= record["metrics"]["test"]["accuracy"] <= record["metrics"]["test"]["top2"] <= 1


def test_the_logger_of_the_page_writes_its_lines(
    plugin_folder: Path, workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    (code,) = blocks("how-to/add-a-logger.md", "python")
    (plugin_folder / "lines.py").write_text(code)
    run, listing = commands("how-to/add-a-logger.md")
    assert main(quickly(run)) == 0
    assert '"step": 2' in (workplace / "results" / "mine.jsonl").read_text()
    assert main(listing) == 0
    assert "logger.lines.file=points.jsonl" in capsys.readouterr().out


def test_the_launcher_preset_of_the_page_starts_a_sweep(
    workplace: Path, config_store, read_records: Callable
) -> None:
    preset, _ = blocks("how-to/add-a-launcher.md", "yaml")
    folder = workplace / "presets" / "hydra" / "launcher"
    folder.mkdir(parents=True)
    (folder / "plain.yaml").write_text(preset)
    (arguments,) = commands("how-to/add-a-launcher.md")
    assert main(quickly(arguments)) == 0
    assert {record["seed"] for record in read_records()} == {0, 1}


def test_shared_results_are_listed_joined_packed_and_drawn_as_the_page_shows(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    page = "how-to/share-results.md"
    demo = ROOT / "results" / "reference" / "demo.jsonl.gz"
    for folder in ("results", "laptop/results", "cluster/results"):
        place = Path(folder, "runs", "demo.jsonl.gz")
        place.parent.mkdir(parents=True)
        shutil.copy(demo, place)
    for arguments in commands(page):
        if arguments[0] != "publish":  # has tests of its own, which wait for wandb
            assert main([a.replace("mine", "demo") for a in arguments]) == 0, arguments
    said = capsys.readouterr().out
    assert "results: 0 added, 80 there already" in said
    assert Path("shared/demo.jsonl.gz").read_bytes() == demo.read_bytes()
    (code,) = blocks(page, "python")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    exec(compile(code, page, "exec"), {})
    assert re.search(r"copying +[0-9a-f]{12} +attention_gru +0.9768", capsys.readouterr().out)
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code, which a test may edit."""
    folder = tmp_path / "checkout"
    for package in ("cells", "conf", "harness", "tasks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copytree(ROOT / "src", folder / "src", symlinks=True)
    return folder


def add_line(file: Path, opening: str, line: str) -> None:
    """Puts a line behind the one that opens a table."""
    text = file.read_text()
    assert text.count(opening) == 1
    file.write_text(text.replace(opening, f"{opening}\n{line}"))


def run_there(checkout: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "recurbench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout / "src"), "RECURBENCH_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_budget_and_the_column_of_the_pages_are_one_line_each(
    checkout: Path, workplace: Path
) -> None:
    (budget,), (column,) = (
        blocks(f"how-to/add-a-{name}.md", "python") for name in ("budget", "column")
    )
    opening = "BUDGETS: dict[str, Callable[[Any], int]] = {"
    add_line(checkout / "harness/config/budgets.py", opening, budget)
    add_line(checkout / "harness/results/columns.py", "COLUMNS = [", column)
    (arguments,) = commands("how-to/add-a-budget.md")
    assert "completed" in run_there(checkout, workplace, *quickly(arguments))
    board = run_there(checkout, workplace, "leaderboard")
    assert "peak" in board
    assert "e+08 bytes" in board
    (path,) = (workplace / "results/runs").rglob("*.json")
    shown = run_there(checkout, workplace, "show", path.stem)
    assert re.search(r"\bhidden_size=48\b", shown)


def test_the_launcher_preset_of_the_page_is_one_file_of_a_checkout(
    checkout: Path, workplace: Path, read_records: Callable
) -> None:
    page = "how-to/add-a-launcher.md"
    preset, _ = blocks(page, "yaml")
    folder = checkout / "conf" / "hydra" / "launcher"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plain.yaml").write_text(preset)
    (arguments,) = commands(page)
    arguments = [a for a in quickly(arguments) if not a.startswith("hydra.searchpath")]
    assert "completed" in run_there(checkout, workplace, *arguments)
    assert {record["seed"] for record in read_records()} == {0, 1}
