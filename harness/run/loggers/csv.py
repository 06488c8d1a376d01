"""Metrics as CSV."""

from pathlib import Path
from typing import Any

from recurbench.harness.run.loggers.lightning import FolderLogger


class CSVLogger(FolderLogger):
    """Rows of metrics in `metrics.csv`."""

    name = "csv"

    def write_to(self, directory: Path) -> Any:
        """Lightning's CSV logger."""
        from pytorch_lightning.loggers import CSVLogger as Theirs

        return Theirs(directory.parent, name="", version=directory.name)
