"""Where everything lies in a results folder."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

BEST = "best.ckpt"
"""A run's best checkpoint, while it trains and where it is kept."""


@dataclass(frozen=True)
class ResultsFolder:
    """The paths of a results folder, such as `results`; making one touches no file.

    Attributes:
        root: the folder itself.
    """

    root: Path

    @property
    def runs(self) -> Path:
        """The records, in files or archives."""
        return self.root / "runs"

    def record(self, task: str, cell: str, run_id: str) -> Path:
        """The file of a run's record."""
        return self.runs / task / cell / f"{run_id}.json"

    def picture(self, record: Path, name: str) -> Path:
        """A picture that belongs to a record, beside it."""
        return record.with_name(f"{record.stem}.{name}.png")

    def unfinished(self, run_id: str) -> Path:
        """The folder of what a run saves while it trains."""
        return self.root / "unfinished" / run_id

    def kept(self, run_id: str) -> Path:
        """The checkpoint of a run, if it is kept."""
        return self.root / "checkpoints" / run_id / BEST

    def log(self, logger: str, run_id: str) -> Path:
        """The folder of what a logger writes about a run."""
        return self.root / "logs" / logger / run_id

    def outcomes(self, sweep: str) -> Path:
        """The folder in which the jobs of a sweep leave their outcomes."""
        return self.root / "sweeps" / sweep / "outcomes"


def make_writable(folder: Path) -> None:
    """Makes a folder and proves that files can be written there; root's permissions say little.

    Raises:
        OSError: they cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
