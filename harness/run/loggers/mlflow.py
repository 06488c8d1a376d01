"""MLflow; needs the extra `mlflow`."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from recurbench.harness.plugins.logger import Entry, Point, RunInfo
from recurbench.harness.run.loggers.lightning import LightningLogger, require


class MLFlowLogger(LightningLogger):
    """MLflow: a database in the results folder, or what MLFLOW_TRACKING_URI names.

    A run that resumes goes on as the run that it was; a repeated one is a new run.

    Args:
        tracking_uri: a server or database; null is MLFLOW_TRACKING_URI, or else `mlflow.db` in the
            results folder.
        experiment: what runs are filed under; null is MLFLOW_EXPERIMENT_NAME, or else `recurbench`.
        run_name: what the run is called; null is the cell and the seed, such as `gru/0`.
        tags: words to find the run by, each as `key:value`.
    """

    name = "mlflow"
    _before = -1

    def __init__(
        self,
        *,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        run_name: str | None = None,
        tags: list[str] | None = None,
    ) -> None:
        require("mlflow")
        for tag in tags or []:
            if ":" not in tag:
                raise ValueError(f"tags: {tag!r}: write key:value")
        self.tracking_uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        self.experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "recurbench"
        self.run_name = run_name
        self.tags = dict(tag.split(":", 1) for tag in tags or [])

    def open(self, run: RunInfo) -> tuple[Any, Entry]:
        """Opens a run of MLflow's, or the one that is resumed."""
        from pytorch_lightning.loggers import MLFlowLogger as Theirs

        for name in ("mlflow", "alembic", "pytorch_lightning.loggers.mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)  # they tell of each new table
        earlier = run.earlier if run.resumes else None
        sweep = {"sweep": run.sweep} if run.sweep else {}
        uri = self.tracking_uri or _database(run.results_dir)
        _make_experiment(uri, self.experiment)
        theirs = Theirs(
            self.experiment,
            run_name=self.run_name or run.name,
            tracking_uri=uri,
            tags={"task": run.task, **sweep, **self.tags},
            run_id=earlier["run_id"] if earlier else None,
        )
        if earlier:
            theirs.experiment.update_run(theirs.run_id, "RUNNING")
            self._before = _last_step(theirs)
        else:
            theirs.log_hyperparams(run.settings)
        return theirs, {"run_id": str(theirs.run_id), "url": uri}

    def log(self, step: int, point: Point) -> None:
        """Logs a point at its training step, but for those that a resumed run has."""
        if step > self._before:
            super().log(step, point)

    def finish(self, summary: Point, status: str) -> None:
        """Logs the final metrics and costs, and the status as a tag."""
        self._logger.experiment.set_tag(self._logger.run_id, "status", status)
        super().finish(summary, status)


def _database(results_dir: Path) -> str:
    results_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(results_dir / 'mlflow.db').resolve()}"


def _make_experiment(uri: str, name: str) -> None:
    """Makes an experiment, unless it is there or another process makes it at this moment."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri)
    if client.get_experiment_by_name(name) is None:
        with suppress(MlflowException):
            client.create_experiment(name)


def _last_step(theirs: Any) -> int:
    """The last step that a run of MLflow's has a point of; -1 without any."""
    client, run_id = theirs.experiment, theirs.run_id
    names = client.get_run(run_id).data.metrics
    points = [point for name in names for point in client.get_metric_history(run_id, name)]
    return max((point.step for point in points), default=-1)
