"""A line for each run that ends, in one file: what a script that waits for results reads."""

import json
from pathlib import Path

from recurbench.harness.plugins.logger import Entry, Logger, Point, RunInfo


class Finished(Logger):
    """Appends a line of JSON when a run ends.

    Args:
        file: where to, below the results folder.
    """

    name = "finished"

    def __init__(self, *, file: str = "finished.jsonl") -> None:
        if not file.endswith(".jsonl"):
            raise ValueError(f"file: {file}: name it as .jsonl")
        self.file = file

    def start(self, run: RunInfo) -> Entry:
        """Remembers what the line will say of the run."""
        self.path = run.results_dir / self.file
        self.known = {"run_id": run.run_id, "name": run.name, "record": str(run.record)}
        return {"name": self.name, "run_id": run.run_id, "directory": str(self.path)}

    def log(self, step: int, point: Point) -> None:
        """Shows nothing of a run that goes on."""

    def finish(self, summary: Point, status: str) -> None:
        """Appends the line; whole, whoever else appends at the same time."""
        line = json.dumps({**self.known, "status": status, **summary})
        with Path(self.path).open("a") as file:
            file.write(line + "\n")
