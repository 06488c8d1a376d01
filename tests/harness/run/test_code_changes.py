"""End to end, in a checkout of its own: which edits make completed runs run again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RUN = ["run", "-m", "cell=min_gru,gru", "seed=0,1", "task.eval_sequences=20", "task.delay=3"]
SMALL = ["train.max_steps=2", "train.eval_every=2", "cell.hidden_size=4", "logger=none"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout's code, and four runs made with it."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in ("cells", "conf", "harness", "tasks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copytree(ROOT / "src", folder / "src", symlinks=True)
    assert statuses(folder) == {"completed": 4}
    return folder


@pytest.fixture
def checkout(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy", symlinks=True))


def statuses(folder: Path) -> dict[str, int]:
    """How the four runs end, counted."""
    done = subprocess.run(
        [sys.executable, "-m", "recurbench.harness.cli", *RUN, *SMALL],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "RECURBENCH_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = [line.split()[0] for line in done.stdout.splitlines() if " · " in line]
    return {word: words.count(word) for word in ("completed", "skipped") if word in words}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) >= 1, (file, old)
    file.write_text(text.replace(old, new))


def test_half_a_factor_in_the_linear_recurrence_makes_its_cells_run_again_alone(
    checkout: Path,
) -> None:
    edit(checkout / "cells/parts/linear_recurrence.py", "h = a * self", "h = 0.5 * a * self")
    assert statuses(checkout) == {"completed": 2, "skipped": 2}
    assert statuses(checkout) == {"skipped": 4}


@pytest.mark.parametrize(
    ("file", "old", "added"),
    [
        ("tasks/copying.py", "        super().__init__()", "        # a word\n"),
        ("cells/gru.py", "import torch\n", "# another word\n"),
        ("cells/min_gru.py", "        kernel: Kernel = ", "        noise: float = 0.0,\n"),
    ],
    ids=["a comment on a task", "a comment on a cell", "a knob that is off"],
)
def test_an_edit_that_changes_no_result_makes_none_run_again(
    checkout: Path, file: str, old: str, added: str
) -> None:
    edit(checkout / file, old, added + old)
    assert statuses(checkout) == {"skipped": 4}


def test_another_protocol_of_the_harness_makes_all_run_again_and_mixes_no_seeds(
    checkout: Path,
) -> None:
    edit(checkout / "harness/run/optimizers.py", "optim.Adam(groups)", "optim.SGD(groups)")
    edit(checkout / "harness/results/record.py", "PROTOCOL = ", "PROTOCOL = 1 + ")
    assert statuses(checkout) == {"completed": 4}
    board = subprocess.run(
        [sys.executable, "-m", "recurbench.harness.cli", "leaderboard", "--format", "csv"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    rows = [line.split(",") for line in board.splitlines()[1:] if ",entry," in line]
    names = board.splitlines()[0].split(",")
    found = sorted((row[names.index("older")], row[names.index("seeds")]) for row in rows)
    assert found == [("False", "2")] * 2 + [("True", "2")] * 2
