"""What the loggers that Lightning brings have in common."""

import shutil
from abc import abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recurbench.harness.plugins.logger import Entry, Logger, Point, RunInfo
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.lightning import forget_rank


def require(module: str) -> None:
    """Refuses a logger, before the run, whose package is not there.

    Args:
        module: the package, which an extra of that name brings.

    Raises:
        ModuleNotFoundError: says how to install it.
    """
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"install it: pip install 'recurbench[{module}]'")


class LightningLogger(Logger):
    """A logger of Lightning's."""

    _step = 0

    def start(self, run: RunInfo) -> Entry:
        """Opens the logger."""
        forget_rank()
        self._logger, entry = self.open(run)
        return {"name": self.name, "run_id": run.run_id, **entry}

    @abstractmethod
    def open(self, run: RunInfo) -> tuple[Any, Entry]:
        """The logger, which knows the run's settings, and where it shows the run."""

    def log(self, step: int, point: Point) -> None:
        """Logs a point at its training step."""
        self._step = step
        self._logger.log_metrics(point, step)

    def finish(self, summary: Point, status: str) -> None:
        """Logs the final metrics and costs at the last step."""
        self._logger.log_metrics(summary, self._step)
        self._logger.finalize("success" if status == "completed" else "failed")


class FolderLogger(LightningLogger):
    """One that writes to `<results_dir>/logs/<name>/<run_id>`.

    Another live process that does the same run writes to a folder beside it.
    """

    def open(self, run: RunInfo) -> tuple[Any, Entry]:
        """Empties the folder: a repeated run would mix with it, a resumed one logs all again."""
        directory = ResultsFolder(run.results_dir).log(self.name, run.run_id)
        shutil.rmtree(directory, ignore_errors=True)
        logger = self.write_to(directory)
        logger.log_hyperparams(run.settings)
        return logger, {"directory": str(directory)}

    @abstractmethod
    def write_to(self, directory: Path) -> Any:
        """The logger, writing to a folder."""
