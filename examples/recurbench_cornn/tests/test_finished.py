"""What the logger's file holds."""

import json
from pathlib import Path

import pytest
from recurbench_finished import Finished

from recurbench.harness.plugins.logger import RunInfo


def test_each_run_that_ends_is_a_line(tmp_path: Path) -> None:
    """With what the run is, how it ended and its scores."""
    for seed, status in ((0, "completed"), (1, "failed")):
        logger = Finished(file="ends.jsonl")
        run = RunInfo(
            run_id=f"id{seed}", name=f"gru/{seed}", task="copying", sweep=None, config={},
            results_dir=tmp_path, record=tmp_path / "runs" / f"id{seed}.json",
        )  # fmt: skip
        assert logger.start(run)["run_id"] == f"id{seed}"
        logger.log(1, {"train/loss": 2.0})
        logger.finish({"test/accuracy": 0.5}, status)
    first, second = map(json.loads, (tmp_path / "ends.jsonl").read_text().splitlines())
    assert (first["name"], first["status"], first["test/accuracy"]) == ("gru/0", "completed", 0.5)
    assert (second["run_id"], second["status"]) == ("id1", "failed")


def test_a_file_with_another_ending_is_refused() -> None:
    """Before any run begins."""
    with pytest.raises(ValueError, match=r"name it as \.jsonl"):
        Finished(file="ends.csv")
