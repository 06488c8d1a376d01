"""The site builds, nothing in it leads nowhere or elsewhere, and what its pages show works."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.plugins.registry import registry

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SMALL = ["train.max_steps=2", "train.eval_every=2", "train.batch_size=4", "task.eval_sequences=20"]


def blocks(page: str, language: str = "") -> list[str]:
    """The code blocks of a page in a language; commands have none."""
    text = (DOCS / page).read_text()
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == language]


def commands(page: str) -> list[list[str]]:
    """The `recurbench` lines of a page, without what is set before them."""
    lines = [line for body in blocks(page) for line in body.splitlines()]
    found = [line.partition("recurbench ")[2] for line in lines if "recurbench " in line]
    return [shlex.split(line) for line in found]


def quickly(arguments: list[str]) -> list[str]:
    """A command that trains for two steps instead of many."""
    if arguments[0] != "run":
        return arguments
    kept = [a for a in arguments if not a.startswith("train.max_steps")]
    return [*kept, *SMALL, *([] if any("logger" in a for a in kept) else ["logger=none"])]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_asks_another_server_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text()
        assert not re.findall(r"<(?:script|img|iframe)[^>]*src=\"(?:https?:)?//", text), page
        assert not re.findall(r"<link[^>]*rel=\"(?:stylesheet|preload|icon|preconnect)\"[^>]*href="
                              r"\"(?:https?:)?//", text), page  # fmt: skip
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\(\"?(?:https?:)?//", style.read_text()), style


def test_the_reference_shows_every_cell_and_task(site: Path) -> None:
    for kind, page in (("cell", "cells"), ("task", "tasks")):
        text = (site / "reference" / f"{page}.html").read_text()
        for plugin in registry().plugins[kind].values():
            assert f">{plugin.cls.__name__}<" in text, plugin.name


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_what_the_readme_links_to_is_there(page: str) -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", (ROOT / page).read_text()):
        name, _, anchor = link.partition("#")
        assert (ROOT / name).exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (ROOT / name).read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
            assert anchor in slugs, link


def test_the_tutorials_commands_lead_to_a_leaderboard(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    for arguments in commands("tutorial.md"):
        assert main(quickly(arguments)) == 0, arguments
    shown = capsys.readouterr().out
    assert shown.count("already completed") == 1
    assert "copying: accuracy, higher is better" in shown
    assert (workplace / "board.csv").read_text().startswith("track,task,metric")


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
    assert "memory" in board
    assert "e+08 bytes" in board
    (path,) = (workplace / "results/runs").rglob("*.json")
    shown = run_there(checkout, workplace, "show", path.stem)
    assert abs(int(re.search(r"recurrent_parameters=(\d+)", shown)[1]) - 5000) <= 100
