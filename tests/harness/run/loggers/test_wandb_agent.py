"""wandb's own programs make a sweep of the docs' file and drive `recurbench run`."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb_kit import logged_out
from wandb_server import serving

__all__ = ["logged_out"]

PAGE = Path(__file__).parents[4] / "docs" / "wandb.md"


def choice(parameter: dict[str, Any], last: bool) -> Any:
    """The first or last value of a parameter."""
    values = parameter.get("values") or [parameter["min"], parameter["max"]]
    return values[-1 if last else 0]


def test_an_agent_drives_recurbench_as_the_page_says(
    workplace: Path, unlogged: list, read_records: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    sweep = yaml.safe_load(shown)
    quick = [word for word in unlogged if not word.startswith("cell.")]
    sweep["command"] += [*quick, "task.eval_sequences=20"]
    (workplace / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        for name, last in (("first", False), ("second", True)):
            chosen = {key: choice(value, last) for key, value in sweep["parameters"].items()}
            server.jobs.append((name, chosen))
        for command in (["sweep", "--project", "p", "sweep.yaml"], ["agent", "me/p/s"]):
            subprocess.run(["wandb", *command], cwd=workplace, check=True, timeout=280)
    assert set(server.runs) == {"first", "second"}
    records = {record["logger"][0]["run_id"]: record for record in read_records()}
    assert records["first"]["cell"]["name"] == "gru"
    assert records["second"]["cell"]["name"] == "lstm"
    assert records["second"]["cell"]["hidden_size"] == 64
    for name, run in server.runs.items():
        record = records[name]
        assert (run.fields["sweep"], run.exit_code) == ("s", 0)
        assert run.summary["val/loss"] == pytest.approx(record["metrics"]["val"]["loss"])
        assert run.config["cell"] == record["cell"]["name"]
        assert run.config["optimizer.lr"] == record["optimizer"]["lr"]
        assert run.config["run_id"] == record["run_id"]
