"""Records, boards and pages for the tests of the leaderboard's page."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from making import ADAM, make_record

from recurbench.harness.results.archive import write_archive
from recurbench.harness.results.board import Board, build_board
from recurbench.harness.results.index import read_runs
from recurbench.harness.results.page import as_html
from recurbench.harness.results.record import PROTOCOL, Record
from recurbench.harness.results.report import View
from recurbench.harness.results.runs import Run

CELLS = {"gru": 0.9, "lstm": 0.7, "rnn": 0.4, "mgu": 0.88}

HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u202e\u2028&"
)
"""A text that must stay one wherever it is shown."""


def curve(score: float, metric: str = "accuracy") -> list[dict[str, Any]]:
    """A curve that ends in a score."""
    return [
        {"step": step, "seconds": step / 8, "train/loss": 3 / step}
        | ({f"val/{metric}": score * step / 100} if step % 20 == 0 else {})
        for step in range(10, 101, 10)
    ]


def study() -> Iterator[Record]:
    """Four cells on two tasks; one of them lacks a task, one has a failed and one an older run."""
    for (place, (cell, score)), seed, lr in product(
        enumerate(CELLS.items()), range(3), (0.001, 0.003)
    ):
        found = score - 0.1 * (lr == 0.001) + 0.01 * ((7 * seed + place) % 5 - 2)
        shared: dict[str, Any] = {
            "seed": seed, "optimizer": ADAM | {"lr": lr}, "study": "small",
            "parameters": 100 * (place + 1), "seconds": 2.0 + place,
        }  # fmt: skip
        yield make_record(cell, val=found, test=found, **shared, curve=curve(found), metrics={
            split: {"accuracy": value} for split, value in (
                ("val", found), ("test", found), ("test_delay_30", found / 2),
                ("test_delay_60", found / 3))
        })  # fmt: skip
        if cell != "mgu":
            error = (1 - found) / 10
            yield make_record(
                cell, val=error, test=error, task="adding", metric="mse", higher_is_better=False,
                references={"mean": 0.17, "optimal": 0.0}, **shared, curve=curve(error, "mse"),
            )  # fmt: skip
    yield make_record("rnn", status="failed", seed=9, study="small")
    yield make_record("rnn", seed=0, code=(PROTOCOL, "0", "1"), study="small",
                      finished_at="2025-01-01T00:00:00+00:00")  # fmt: skip


def board_of(records: Iterable[Record], folder: Path) -> Board:
    """The board of records, which are packed into an archive first, and of what else is there."""
    if packed := list(records):
        folder.mkdir(exist_ok=True)
        write_archive(folder / "packed.jsonl.gz", packed)
    runs = [run for run in read_runs(folder) if isinstance(run, Run)]
    return build_board(runs, studies=sorted({run.study for run in runs if run.study}))


def page_of(records: Iterable[Record], folder: Path) -> str:
    """The page of records, which are written to a folder first."""
    return as_html(board_of(records, folder), View())


def data_in(page: str) -> dict[str, Any]:
    """The data that a page holds."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text
    found: dict[str, Any] = json.loads(text[1])
    return found
