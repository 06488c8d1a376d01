"""A leaderboard for other programs has all that is known, and the guide names its keys."""

import csv
import io
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from making import ADAM, SGD, make_clear, make_run, make_seeds

from recurbench.harness.results.board import build_board
from recurbench.harness.results.columns import COLUMNS
from recurbench.harness.results.export import ENTRY, FORMATS, RUN
from recurbench.harness.results.report import View
from recurbench.harness.results.rows import Row
from recurbench.harness.results.runs import Run
from recurbench.harness.results.tracks import Track

GUIDE = Path(__file__).parents[3] / "docs" / "reading-a-leaderboard.md"
NAMED = {column.heading: column for column in COLUMNS}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "runs",
    [
        [make_run(status="failed")],
        [make_run(status="failed"), *make_seeds("lstm", 0.5)],
        [make_run("gru", test=None), make_run("gru", status="diverged", task="parity")],
        [],
    ],
    ids=["all_failed", "one_failed", "two_tracks", "none"],
)
def test_a_board_may_lack_completed_runs(form: str, runs: list[Run]) -> None:
    board = build_board(runs)
    text = FORMATS[form](board, View())
    if runs and form != "runs":  # which has the runs of scores alone
        assert "gru" in text
    assert not board.tracks or board.title(board.tracks[0])


def test_markdown_sets_the_best_in_bold_and_references_in_italics() -> None:
    text = FORMATS["markdown"](
        build_board(make_clear()), View(columns=(NAMED["cell"], NAMED["test"]))
    )
    assert [line for line in text.splitlines() if line.startswith("|")] == [
        "| cell | test |",
        "| --- | --: |",
        "| **gru** | **0.9010 ± 0.0025** |",
        r"| rnn hidden_size=8 | 0.5017 ± 0.0038 |",
        "| lstm | 0.5010 ± 0.0025 |",
        "| *chance* | *0.125* |",
    ]


def test_latex_is_a_table_of_booktabs() -> None:
    text = FORMATS["latex"](build_board(make_clear()), View(columns=(NAMED["cell"], NAMED["test"])))
    assert text.splitlines() == [
        r"\begin{table}",
        r"\caption{copying: accuracy, higher is better}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"cell & test \\",
        r"\midrule",
        r"\textbf{gru} & \textbf{0.9010 $\pm$ 0.0025} \\",
        r"rnn hidden\_size=8 & 0.5017 $\pm$ 0.0038 \\",
        r"lstm & 0.5010 $\pm$ 0.0025 \\",
        r"\emph{chance} & \emph{0.125} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_csv_has_every_digit_of_entries_and_references() -> None:
    third = 1 / 3
    runs = [*make_seeds("gru", third, third), make_run("lost", status="failed")]
    rows = csv.DictReader(io.StringIO(FORMATS["csv"](build_board(runs), View())))
    chance, found, lost = sorted(rows, key=lambda row: row["label"])
    assert list(found) == ["track", "task", "settings", "metric", "kind", *ENTRY, "split"]
    assert (found["kind"], found["rank_from"], found["rank_to"]) == ("entry", "1", "1")
    assert float(found["test"]) == float(found["interval_low"]) == third
    assert (chance["kind"], float(chance["test"]), chance["rank_from"]) == ("reference", 0.125, "")
    assert (lost["test"], lost["failed"], lost["rank_from"]) == ("", "1", "")


def test_the_runs_of_the_chosen_trials_are_a_line_each() -> None:
    runs = [*make_clear(), make_run(val=0.1, optimizer=SGD)]
    found = list(csv.DictReader(io.StringIO(FORMATS["runs"](build_board(runs), View()))))
    assert list(found[0])[-len(RUN) :] == list(RUN)
    assert len(found) == 9
    assert {(row["cell"], row["lr"]) for row in found if row["label"] == "gru"} == {
        ("gru", "0.003")
    }


def test_json_has_rank_and_interval_as_pairs_and_null_for_what_is_not_there() -> None:
    runs = [*make_clear(), *make_seeds("lem", 0.1), make_run("lost", status="failed")]
    (track,) = json.loads(FORMATS["json"](build_board(runs), View()))["tracks"]
    entries = {entry["label"]: entry for entry in track["entries"]}
    gru = entries["gru"]
    assert (gru["rank"], gru["seeds"], gru["trial"]) == ([1, 2], 3, ADAM)
    assert gru["interval"] == pytest.approx([0.8985, 0.9035], abs=1e-4)
    assert [(run["seed"], run["test"]) for run in gru["runs"]] == [(0, 0.9), (1, 0.901), (2, 0.902)]
    assert (entries["lem"]["interval"], entries["lem"]["rank"]) == (None, [1, 4])
    assert (entries["lost"]["rank"], entries["lost"]["test"]) == (None, None)
    assert entries["lost"]["failures"][0]["message"] == "E: m"


def test_the_guide_names_exactly_the_keys_of_the_json() -> None:
    runs = [*make_clear(), make_run(optimizer=SGD), make_run("lost", status="failed")]
    found = json.loads(FORMATS["json"](build_board(runs), View()))
    track = found["tracks"][0]
    entry = next(entry for entry in track["entries"] if entry["label"] == "gru")
    (failure,) = next(entry for entry in track["entries"] if entry["failures"])["failures"]
    keys = {
        "the board": found, "a track": track, "an entry": entry, "a run": entry["runs"][0],
        "a trial": entry["tried"][0], "a failure": failure,
    }  # fmt: skip
    text = GUIDE.read_text()
    for part, known in keys.items():
        rows = text.partition(f"| {part} has | which is |")[2].partition("\n\n")[0]
        assert set(re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)) == set(known), part


def test_the_guide_explains_every_column() -> None:
    text = GUIDE.read_text()
    explained = re.findall(r"^\| \*\*([^*]+)\*\*", text, re.MULTILINE)
    assert set(explained) == set(NAMED)


def test_a_track_s_and_an_entry_s_fields_are_all_in_the_json() -> None:
    (track,) = json.loads(FORMATS["json"](build_board(make_clear()), View()))["tracks"]
    assert {field.name for field in fields(Track)} < set(track)
    assert {field.name for field in fields(Row)} == set(track["entries"][0])
