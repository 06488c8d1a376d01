"""`recurbench show` finds a run by the beginning of its id."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main


def test_an_unknown_run_id_is_refused(refused: Callable) -> None:
    assert "run id abc: no such run" in refused("show", "abc")


def test_show_takes_any_unambiguous_beginning_of_a_run_id(
    two_runs: Path, capsys: pytest.CaptureFixture, refused: Callable
) -> None:
    path = next((two_runs / "results/runs").rglob("*.json"))
    record = json.loads(path.read_text())
    for length in (12, 7):
        assert main(["show", path.stem[:length]]) == 0
        output = capsys.readouterr().out
        assert path.stem in output
        assert f"{record['metrics']['test']['accuracy']:.4g}" in output
    assert "fits" in refused("show", "")


def test_a_run_with_many_metrics_is_readable_in_a_narrow_terminal(
    two_runs: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((two_runs / "results/runs").rglob("*.json"))
    record = json.loads(path.read_text())
    for split, found in record["metrics"].items():
        found |= {f"mae_original_c{c}": c + 0.5 + (split == "test") for c in range(50)}
    path.write_text(json.dumps(record))
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["show", path.stem]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if "mae_original_c49 " in line)
    assert "49.5" in line
    assert "50.5" in line
    (line,) = (line for line in lines if f" {record['primary']['name']} " in line and "│" in line)
    for value in record["references"].values():
        assert f"{value:.4g}" in line
