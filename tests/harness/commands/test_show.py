"""`recurbench show` finds a run by the beginning of its id."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from making import make_record

from recurbench.harness.cli import main
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import write


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


def test_a_reference_says_of_which_splits_it_is(
    workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    splits = ("val", "test", "test_delay_30")
    record = make_record(
        run_id="ab1",
        metrics={split: {"accuracy": 0.75} for split in splits},
        references={"chance": 0.125, "bag": 0.5, "old": 0.25},
        split_references={
            "val": {"chance": 0.125, "bag": 0.5},
            "test_delay_30": {"chance": 0.125, "bag": 0.4},
        },
    )
    write(ResultsFolder(Path("results")).record("copying", "gru", "ab1"), record)
    assert main(["show", "ab1"]) == 0
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    found = {line[1].strip(): line[2].strip() for line in lines}
    assert {name: found[name] for name in found if name not in splits} == {
        "chance": "0.125",
        "bag, val, test": "0.5",
        "bag, test_delay_30": "0.4",
        "old, test": "0.25",
    }


@pytest.mark.parametrize(("known", "said"), [({"overlap": 0.125}, True), ({}, False)])
def test_what_test_shares_with_training_is_said_if_it_is_known(
    known: dict, said: bool, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    record = make_record(run_id="ab1", **known)
    write(ResultsFolder(Path("results")).record("copying", "gru", "ab1"), record)
    assert main(["show", "ab1"]) == 0
    output = capsys.readouterr().out
    assert ("expected among what was trained on: 12.5% of test" in output) == said


def put(*run_ids: str) -> None:
    for run_id in run_ids:
        record = make_record(run_id=run_id)
        write(ResultsFolder(Path("results")).record("copying", "gru", run_id), record)


def test_an_exact_id_is_taken_even_if_others_begin_with_it(
    workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    put("ab1", "ab12", "ab123")
    assert main(["show", "ab12"]) == 0
    assert capsys.readouterr().out.startswith("ab12 copying")


@pytest.mark.parametrize(("runs", "said"), [(10, ""), (13, " and 3 more")])
def test_of_an_ambiguous_id_at_most_ten_candidates_are_named(
    runs: int, said: str, workplace: Path, refused: Callable
) -> None:
    ids = [f"ab{number:02}" for number in range(runs)]
    put(*reversed(ids))
    assert refused("show", "a").endswith(f"fits {', '.join(ids[:10])}{said}")


def test_a_damaged_record_is_named(workplace: Path, refused: Callable) -> None:
    put("ab12")
    Path("results/runs/copying/gru/ab12.json").write_text("{}")
    assert "ab12.json: damaged record: schema_version None" in refused("show", "ab")
