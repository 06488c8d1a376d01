"""Measures boards, lists and single records of a folder with many records, which it makes.

`python benchmarks/many_records.py` makes 100,000 records of about 5 kB: 20 tasks, 50 entries, 20
optimizer settings, 5 seeds. Every command runs as a program of its own; the index of records is in
a folder of the benchmark's own.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import (
    PROTOCOL,
    Code,
    Cost,
    Entry,
    Environment,
    Primary,
    Record,
    Scores,
    Track,
    digest,
    encode,
)

CELLS, WINDOWS, SEEDS = 25, 2, 5
"""Cells, values of a knob that make entries of each, and seeds of each trial."""

ENVIRONMENT = Environment(
    recurbench="0.1.0", python="3.11.7", torch="2.13.0+cpu", lightning="2.6.6", cuda=None,
    device="cpu", hardware="AMD EPYC", threads=1, precision="32", host="node",
    git_commit="c0ffee" + 34 * "0", git_dirty=False,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Makes the records, then prints what each command takes.

    Medians of seconds, by the clock and of a processor, and the largest memory. On a machine that
    others use the seconds of a processor say more.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--rates", type=int, default=20, help="optimizer settings of each entry")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the records here, and use those there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = ResultsFolder(options.folder or Path(temporary) / "results")
        if not folder.runs.exists():
            make_folder(folder, options.tasks, options.rates)
        files = sorted(folder.runs.rglob("*.json"))
        size = sum(file.stat().st_size for file in files) / len(files) / 1000
        print(f"{len(files):,} records of {size:.1f} kB, {options.rounds} rounds")
        measure(folder, files[len(files) // 2].stem, options.rounds)


def measure(folder: ResultsFolder, run_id: str, rounds: int) -> None:
    """Runs each command in turn; the first board of a round finds no index."""
    results = ["--results", str(folder.root)]
    commands = {
        "start-up": ["leaderboard", "--help"],
        "first board": ["leaderboard", *results],
        "next board": ["leaderboard", *results],
        "runs": ["runs", *results],
        "show": ["show", run_id, *results],
    }
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for name, command in commands.items():
                found[name].append(timed(command, Path(cache)))
    print(f"{'':<14}{'seconds':>10}{'processor':>10}{'peak MB':>10}")
    for name, rows in found.items():
        seconds, processor, peaks = zip(*rows, strict=True)
        print(
            f"{name:<14}{median(seconds):>10.2f}{median(processor):>10.2f}{max(peaks) / 1e6:>10.0f}"
        )


def timed(command: list[str], cache: Path) -> tuple[float, float, int]:
    """Seconds by the clock and of a processor, and peak bytes, of one command."""
    start = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "recurbench", *command],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def make_folder(folder: ResultsFolder, tasks: int, rates: int) -> None:
    """Writes the records without waiting for the disk at each, as a run does."""
    for record in make_records(tasks, rates):
        path = folder.record(record.task["name"], record.cell["name"], record.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(encode(record), indent=1) + b"\n")


def make_records(tasks: int, rates: int) -> Iterator[Record]:
    """Records with scores that depend on entry, rate and seed; one in a hundred diverged."""
    draw = random.Random(0)  # noqa: S311 - scores, not secrets
    for number, cell, window, rate, seed in product(
        range(tasks), range(CELLS), range(WINDOWS), range(rates), range(SEEDS)
    ):
        task = {"name": f"task{number}", "delay": 15, "alphabet": 8, "eval_sequences": 1000}
        score = 0.5 + 0.01 * cell - 0.002 * abs(rate - rates // 2) + draw.gauss(0, 0.02)
        yield _record(task, f"cell{cell}", window, 1e-4 * 1.5**rate, seed, score, draw)


def _record(
    task: dict[str, object], cell: str, window: int, rate: float, seed: int, score: float,
    draw: random.Random,
) -> Record:  # fmt: skip
    sections: dict[str, Any] = {
        "task": task,
        "model": {
            "encoder": "embedding", "kernel_size": 4, "embedding_size": 128, "depth": 1,
            "dropout": 0.0, "residual": False, "norm": "none", "bidirectional": False,
            "readout": "last",
        },
        "train": {
            "batch_size": 32, "max_steps": 250, "max_seconds": None, "eval_every": 125,
            "patience": None, "gradient_clip": 1.0,
        },
        "budget": {"parameters": 100_000},
    }  # fmt: skip
    label = f"{cell} window={window}" if window else cell
    optimizer = {
        "name": "adam", "lr": rate, "weight_decay": 0.0, "momentum": 0.0, "schedule": "constant",
        "warmup_steps": 0, "plateau_factor": 0.5, "plateau_patience": 3,
    }  # fmt: skip
    completed = draw.random() > 0.01
    scores: Scores = {"accuracy": score, "loss": draw.random()}
    return Record(
        run_id=digest([task["name"], label, rate, seed]),
        status="completed" if completed else "diverged",
        seed=seed,
        study="many",
        track=Track(id=digest(sections), data="e058430a883523f0", precision="32", **sections),
        entry=Entry(id=digest(label), label=label),
        code=Code(protocol=PROTOCOL, cell="f0cc7cfc85bf", task="0a1b2c3d4e5f"),
        cell={"name": cell, "window": window, "hidden_size": 94, "init": "torch", "bias": True},
        optimizer=optimizer,
        primary=Primary(name="accuracy", higher_is_better=True),
        references={"chance": 0.125, "optimal": 1.0},
        metrics={"val": scores, "test": scores, "test_delay_30": scores} if completed else {},
        curve=[
            {"step": 12 * point, "seconds": draw.random() + point, "train/loss": draw.random()}
            for point in range(1, 22)
        ],
        cost=Cost(
            parameters=100_740, recurrent_parameters=98_700, state_size=3103, steps=250,
            tokens=200_000, train_seconds=7 + draw.random(),
            tokens_per_second=25_000 + draw.random(), peak_memory_bytes=496_099_328,
        ),
        environment=ENVIRONMENT,
        logger=[],
        started_at="2026-01-01T00:00:00+00:00",
        finished_at=f"2026-01-01T00:00:{draw.randrange(60):02}+00:00",
        error=None,
        **sections,
    )  # fmt: skip


if __name__ == "__main__":
    main()
