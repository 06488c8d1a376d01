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
