"""Event files for TensorBoard; needs the extra `tensorboard`."""

from pathlib import Path
from typing import Any

from recurbench.harness.run.loggers.lightning import FolderLogger, require


class TensorBoardLogger(FolderLogger):
    """TensorBoard's event files."""

    name = "tensorboard"

    def __init__(self) -> None:
        require("tensorboard")

    def write_to(self, directory: Path) -> Any:
        """Lightning's TensorBoard logger."""
        from pytorch_lightning.loggers import TensorBoardLogger as Theirs

        return Theirs(directory.parent, name="", version=directory.name, default_hp_metric=False)
