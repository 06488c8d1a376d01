"""Runs and curves as tables: a row each, with all that a notebook needs."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from making import make_record

import recurbench
from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import write_archive
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import encode, write

CURVE = [
    {"step": 5, "seconds": 0.5, "train/loss": 2.0},
    {"step": 10, "seconds": 1.0, "train/loss": 1.0, "val/accuracy": 0.75},
]
FAILED = make_record("lstm", status="failed", run_id="c", cost=None, primary=None, curve=[])


@pytest.fixture
def results(workplace: Path) -> Path:
    """Two runs in files, one of them twice, and two in an archive."""
    folder = ResultsFolder(Path("results"))
    first = make_record("gru", seed=3, test=0.75, run_id="a", curve=CURVE, study="mine")
    write(folder.record("copying", "gru", "a"), first)
    write(folder.record("copying", "copy", "a"), make_record(run_id="a", status="failed", seed=3))
    write(folder.record("adding", "gru", "b"), make_record(task="adding", run_id="b", metric="mse"))
    write_archive(folder.runs / "more.jsonl.gz", [FAILED, make_record("gru", seed=4, run_id="d")])
    return folder.root


@pytest.mark.parametrize("folder", ["results", Path("results"), "results/runs"])
def test_there_is_one_row_a_run_with_scores_options_and_costs(results: Path, folder) -> None:
    frame = recurbench.load_results(folder).set_index("run_id")
    assert sorted(frame.index) == ["a", "b", "c", "d"]
    row = frame.loc["a"]
    assert (row["task"], row["cell"], row["seed"], row["study"]) == ("copying", "gru", 3, "mine")
    assert (row["test"], row["test/accuracy"], row["reference/chance"]) == (0.75, 0.75, 0.125)
    assert (row["optimizer"], row["optimizer.lr"]) == ("adam", 0.003)
    assert (row["cell.hidden_size"], row["parameters"], row["threads"]) == (8, 123, 1)
    assert row["finished_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert row["record"].endswith("a.json")
    assert frame.loc["b", "metric"] == "mse"


def test_what_a_run_does_not_have_is_missing_in_its_row(results: Path) -> None:
    frame = recurbench.load_results(results).set_index("run_id")
    missing = frame.loc["c"].isna()
    assert missing[["test", "test/accuracy", "metric", "parameters", "study"]].all()
    assert frame.loc["c", "error"] == "E: m"
    assert frame.loc[["a", "b", "d"], "error"].isna().all()


def test_there_is_one_row_a_point_of_each_curve(results: Path) -> None:
    frame = recurbench.load_curves(results)
    assert sorted(set(frame["run_id"])) == ["a", "b", "d"]
    points = frame[frame["run_id"] == "a"]
    assert points["step"].tolist() == [5, 10]
    assert points["val/accuracy"].isna().tolist() == [True, False]
    joined = points.merge(recurbench.load_results(results), on="run_id")
    assert joined["optimizer.lr"].tolist() == [0.003, 0.003]


@pytest.mark.parametrize("load", ["load_results", "load_curves"])
def test_a_damaged_file_is_left_out_with_a_warning(load: str, results: Path) -> None:
    (results / "runs" / "bad.json").write_text("{}")
    (results / "runs" / "bad.jsonl.gz").write_bytes(gzip.compress(b"[]\n" + encode(FAILED)))
    with pytest.warns(UserWarning, match="left out") as warned:
        getattr(recurbench, load)(results)
    assert [str(w.message).partition(": ")[0] for w in warned] == [
        "results/runs/bad.json", "results/runs/bad.jsonl.gz",
    ]  # fmt: skip


@pytest.mark.parametrize("load", ["load_results", "load_curves"])
def test_a_folder_without_records_is_an_error_in_one_line(load: str, workplace: Path) -> None:
    with pytest.raises(UserError, match="no records in nowhere"):
        getattr(recurbench, load)("nowhere")


@pytest.mark.parametrize("moment", ["2026-W05-1", "20260101T000000", "0002-01-01T00:00:00+10:00"])
def test_any_time_that_a_record_may_hold_is_a_time(moment: str, workplace: Path) -> None:
    write(Path("r/runs/a.json"), make_record(finished_at=moment))
    (found,) = recurbench.load_results("r")["finished_at"]
    assert found.utcoffset().total_seconds() == 0
