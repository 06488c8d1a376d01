"""What the tests of forecasting share."""

import math

import pytest
import torch

from recurbench.tasks.forecasting.forecasts import naive_forecasts
from recurbench.tasks.forecasting.task import Forecasting


@pytest.fixture
def ready(tmp_path):
    """Builds the task on a table of one's own; its first column counts the rows."""

    def build(
        rows: int = 203, *, batch_size: int = 4, seed: int = 0, names=("row", "wave"), **knobs
    ) -> Forecasting:
        path = tmp_path / "table.csv"
        lines = [f"{i},{10 * math.sin(i / 3) + i % 7}" for i in range(rows)]
        path.write_text("\n".join([",".join(names), *lines]))
        defaults = {"dataset": "file", "file": str(path), "window": 9, "horizon": 5}
        return Forecasting(**{**defaults, **knobs}).ready(batch_size=batch_size, seed=seed)

    return build


def row_numbers(task: Forecasting, values: torch.Tensor) -> torch.Tensor:
    """The rows of the table that standardised values came from."""
    return (values[..., 0].double() * task.deviation[0] + task.mean[0]).round().long()


def windows(task: Forecasting) -> int:
    """Those of the train split."""
    return len(task.rows["train"]) - task.window - task.horizon + 1


def scores(task: Forecasting, naive: str) -> dict[str, float]:
    """The test metrics of a naive forecast, made at once or row by row."""
    metrics = task.ranking_metrics()
    for batch in task.test_dataloader():
        forecast = naive_forecasts(batch.inputs[:, : task.window], task.horizon, task.season)
        metrics.update(forecast[naive].flatten(1), batch.targets[:, -task.horizon :])
    return {name: float(value) for name, value in metrics.compute().items()}
