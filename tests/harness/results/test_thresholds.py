"""How soon a threshold was reached is read off the evaluations, and no seed is left out."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from making import SGD, make_record

from recurbench.harness.cli import main
from recurbench.harness.errors import UserError
from recurbench.harness.results.record import Record, write
from recurbench.harness.results.thresholds import first_reaching, thresholds_of

NAN = float("nan")


def curve(*scores: float | None, metric: str = "accuracy") -> list[dict[str, Any]]:
    """Evaluations every 100 steps and 2 seconds; between them are points of training alone."""
    found: list[dict[str, Any]] = []
    for n, score in enumerate(scores, 1):
        found.append({"step": 100 * n - 50, "seconds": 2.0 * n - 1, "train/loss": 0.99})
        found.append({"step": 100 * n, "seconds": 2.0 * n, f"val/{metric}": score})
    return found


@pytest.mark.parametrize(
    ("scores", "known"),
    [
        ((0.1, 0.5, 0.9, 0.95), (300, 6.0)),
        ((0.95,), (100, 2.0)),
        ((0.5,), None),
        ((), None),
        ((0.1, 0.8, 0.899), None),
        ((None, 0.2, 0.91), (300, 6.0)),
        ((0.9, None), (100, 2.0)),
        ((0.92, 0.1, 0.93), (100, 2.0)),
    ],
)
def test_the_first_evaluation_that_is_as_good_counts(scores, known):
    record = make_record(curve=curve(*scores))
    assert first_reaching(record, 0.9, higher_is_better=True) == known


@pytest.mark.parametrize(("threshold", "known"), [(0.5, (200, 4.0)), (0.05, None), (3, (100, 2.0))])
def test_where_lower_is_better_a_score_that_is_as_low_counts(threshold, known):
    record = make_record(metric="mse", curve=curve(2.0, 0.5, 0.4, 0.1, metric="mse"))
    assert first_reaching(record, threshold, higher_is_better=False) == known


def test_other_metrics_and_scores_that_are_not_finite_reach_nothing():
    record = make_record(curve=[{"step": 1, "seconds": 1.0, "val/loss": 5.0, "train/loss": 5.0}])
    assert first_reaching(record, 0.9, higher_is_better=True) is None
    record.curve = curve(NAN)
    assert first_reaching(record, 0.9, higher_is_better=True) is None
    assert first_reaching(record, 0.9, higher_is_better=False) is None


def test_points_without_a_step_do_not_count_and_their_order_does_not_matter():
    points = [*reversed(curve(0.1, 0.9, 0.9)), {"val/accuracy": 1.0}]
    record = make_record(curve=points)
    assert first_reaching(record, 0.9, higher_is_better=True) == (200, 4.0)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "x", ""])
def test_a_threshold_that_is_no_finite_number_is_refused(text):
    with pytest.raises(UserError, match="must be a number, such as"):
        thresholds_of(["0.9", text])


def test_thresholds_have_short_names_and_count_once():
    assert list(thresholds_of(["0.90", "9e-1", "1", "-0.25", "1e-9"])) == [
        "0.9", "1", "-0.25", "1e-09",
    ]  # fmt: skip


def leaderboard(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    assert main(["leaderboard", *arguments]) == 0
    return capsys.readouterr().out


def reached(
    capsys: pytest.CaptureFixture, workplace: Path, *records: Record, threshold: str = "0.9"
) -> dict[str, dict[str, Any]]:
    """What the only track's entries have of a threshold, by label."""
    for number, record in enumerate(records):
        write(workplace / f"results/runs/{number}.json", record)
    found = json.loads(leaderboard(capsys, "--format", "json", "--threshold", threshold))
    (track,) = found["tracks"]
    return {entry["label"]: entry["reached"][threshold] for entry in track["entries"]}


LATE, EARLY, NEVER = (0.1, 0.2, 0.9), (0.95,), (0.1, 0.2)


@pytest.mark.parametrize(
    ("seeds", "steps", "seconds", "count"),
    [
        ([EARLY], 100, 2.0, 1),
        ([EARLY, LATE], 200, 4.0, 2),
        ([EARLY, LATE, NEVER], 300, 6.0, 2),
        ([EARLY, NEVER], None, None, 1),
        ([EARLY, NEVER, NEVER], None, None, 1),
        ([EARLY, EARLY, LATE, NEVER], 200, 4.0, 3),
        ([NEVER], None, None, 0),
    ],
)
def test_the_median_takes_seeds_that_never_got_there_as_the_last(
    seeds: list, steps: float, seconds: float, count: int,
    capsys: pytest.CaptureFixture, workplace: Path,
) -> None:  # fmt: skip
    records = [make_record(seed=n, curve=curve(*scores)) for n, scores in enumerate(seeds)]
    assert reached(capsys, workplace, *records)["gru"] == {
        "steps": steps, "seconds": seconds, "reached": count, "seeds": len(seeds),
    }  # fmt: skip


def test_only_completed_runs_of_the_chosen_trial_count(
    capsys: pytest.CaptureFixture, workplace: Path
) -> None:
    found = reached(
        capsys, workplace,
        make_record(seed=0, val=0.9, curve=curve(*LATE)),
        make_record(seed=0, val=0.5, optimizer=SGD, curve=curve(*EARLY)),
        make_record(seed=1, status="killed", curve=curve(*EARLY)),
        make_record("lem", status="diverged", curve=curve(*EARLY)),
    )  # fmt: skip
    assert found["gru"] == {"steps": 300, "seconds": 6.0, "reached": 1, "seeds": 1}
    assert found["lem"] == {"steps": None, "seconds": None, "reached": 0, "seeds": 0}


def test_a_time_that_is_not_known_is_not_made_up(
    capsys: pytest.CaptureFixture, workplace: Path
) -> None:
    timeless = make_record(curve=[{"step": 100, "val/accuracy": 0.95}])
    known = {"steps": 100, "seconds": None, "reached": 1, "seeds": 1}
    assert reached(capsys, workplace, timeless)["gru"] == known


def test_where_lower_is_better_a_board_looks_for_low_scores(
    capsys: pytest.CaptureFixture, workplace: Path
) -> None:
    record = make_record(
        metric="mse", higher_is_better=False, curve=curve(0.9, 0.4, 0.01, metric="mse")
    )
    found = reached(capsys, workplace, record, threshold="0.1")["gru"]
    assert (found["steps"], found["reached"]) == (300, 1)


@pytest.fixture
def folder(workplace: Path) -> Path:
    """Three entries: two seeds that got there, one of two, and one that failed."""
    records = [
        make_record("gru", curve=curve(*EARLY), train="short"),
        make_record("gru", seed=1, curve=curve(0.1, 0.9)),
        make_record("lstm", curve=curve(*EARLY), test=0.4),
        make_record("lstm", seed=1, curve=curve(*NEVER), test=0.4),
        make_record("lem", status="failed"),
    ]
    for number, record in enumerate(records):
        record.track.train = {"eval_every": 100}
        write(workplace / f"results/runs/{number}.json", record)
    return workplace


def test_a_table_gets_two_columns_and_a_caption_with_the_resolution(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ["--columns", "cell", "--threshold", "0.90,1", "--format", "markdown"]
    lines = leaderboard(capsys, *arguments).splitlines()
    assert [line for line in lines if line.startswith("| ")] == [
        "| cell | steps to 0.9 | seconds to 0.9 | steps to 1 | seconds to 1 |",
        "| --- | --: | --: | --: | --: |",
        r"| **gru** | **150 (2 of 2)** | **3.0 s** | **\- (0 of 2)** | **\-** |",
        r"| lstm | \- (1 of 2) | \- | \- (0 of 2) | \- |",
        "| *chance* |  |  |  |  |",
        r"| lem | \- | \- | \- | \- |",
    ]
    (said,) = [line for line in lines if line.startswith("steps, seconds to 0.9 and 1")]
    assert "the first evaluation, one every 100 steps, with a val score as high" in said


def test_the_columns_can_be_placed_and_sorted_by(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    view = ["--columns", "steps to 0.9,cell", "--sort", "-steps to 0.9", "--format", "latex"]
    text = leaderboard(capsys, *view, "--threshold", "0.9")
    assert "steps to 0.9 & cell & seconds to 0.9" in text
    assert text.index("gru") < text.index("lstm")
    assert "150 (2 of 2)" in leaderboard(capsys, "--threshold", "0.9")  # on a terminal


def test_seconds_are_shown_for_one_machine(folder: Path, capsys: pytest.CaptureFixture) -> None:
    write(
        folder / "results/runs/other.json",
        make_record("rnn", curve=curve(*EARLY), hardware="another"),
    )
    text = leaderboard(
        capsys, "--cell", "rnn,gru", "--columns", "cell", "--threshold", "0.9", "--format",
        "markdown",
    )  # fmt: skip
    assert r"| rnn | 100 (1 of 1) | \- |" in text


def test_csv_has_three_columns_for_each_threshold(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    text = leaderboard(capsys, "--threshold", "0.9", "--threshold", "0.1", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    names = [
        f"{what}_{n}" for n in ("0.9", "0.1") for what in ("steps_to", "seconds_to", "reached")
    ]
    assert list(rows[0])[-6:] == names
    found = {row["label"]: [row[name] for name in names[:3]] for row in rows}
    assert found == {
        "gru": ["150.0", "3.0", "2"], "lstm": ["", "", "1"], "lem": ["", "", "0"],
        "chance": ["", "", ""],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--format", "html"],
            "--threshold goes with terminal, markdown, latex, csv, json, not wit",
        ),
        (["--format", "runs"], "csv, json, not with runs"),
        (["--serve"], "csv, json, not with the page"),
        (["--threshold", "x"], "--threshold x: must be a number, such as 0.9"),
        (["--sort", "steps to 0.8"], "no such column; did you mean steps to 0.9?"),
        (["--columns", "cell", "--format", "csv"], "--columns, --sort and --all-trials go with"),
    ],
    ids=" ".join,
)
def test_a_threshold_that_cannot_be_shown_is_refused(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["leaderboard", "--threshold", "0.9", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_no_threshold_changes_nothing(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert "steps to" not in leaderboard(capsys)
    assert "steps_to" not in leaderboard(capsys, "--format", "csv")
