"""What the loggers that Lightning brings have in common."""

import shutil
from abc import abstractmethod
from pathlib import Path
from typing import Any

from recurbench.harness.plugins.logger import Logger, Point, RunInfo
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.lightning import forget_rank


class LightningLogger(Logger):
    """A logger of Lightning's that writes to `<results_dir>/logs/<name>/<run_id>`."""

    def start(self, run: RunInfo) -> dict[str, str]:
        """Empties the run's folder, which a repeated run would otherwise mix with."""
        directory = ResultsFolder(run.results_dir).log(self.name, run.run_id)
        shutil.rmtree(directory, ignore_errors=True)
        forget_rank()
        self._logger = self.open(directory)
        self._logger.log_hyperparams(run.config)
        return {"name": self.name, "run_id": run.run_id, "directory": str(directory)}

    @abstractmethod
    def open(self, directory: Path) -> Any:
        """The logger, writing to a folder."""

    def log(self, step: int, point: Point) -> None:
        """Logs a point at its training step."""
        self._step = step
        self._logger.log_metrics(point, step)

    def finish(self, summary: Point, completed: bool) -> None:
        """Logs the final metrics at the last step."""
        self._logger.log_metrics(summary, self._step)
        self._logger.finalize("success" if completed else "failed")

    _step = 0
