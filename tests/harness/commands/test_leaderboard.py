"""`recurbench leaderboard` ranks what is there and names what is not."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from making import SGD, make_record
from program import start

from recurbench.harness.cli import main
from recurbench.harness.results.export import FORMATS
from recurbench.harness.results.record import write

RECORDS = [
    make_record(study="one"),
    make_record(seed=1, study="one"),
    make_record("gru size=4", train="long", study="two"),
    make_record("lstm", task="dyck", optimizer=SGD),
    make_record("lstm", task="dyck", optimizer=SGD, seed=1),
    make_record("lem", task="dyck", status="failed"),
]


@pytest.fixture
def folder(workplace: Path) -> Path:
    """A folder with records of three tracks, as the current one."""
    for record in RECORDS:
        write(workplace / "results/runs" / f"{record.run_id}.json", record)
    return workplace


def test_a_folder_without_records_is_named(refused: Callable) -> None:
    assert "no records in results/runs" in refused("leaderboard")


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ([], ["gru", "gru size=4", "lstm", "lem"]),
        (["--task", "dyck"], ["lstm", "lem"]),
        (["--task", "dyck,copying", "--cell", "lstm,gru"], ["gru", "gru size=4", "lstm"]),
        (["--cell", "gru size=4", "--cell", "lstm"], ["gru size=4", "lstm"]),
        (["--study", "one"], ["gru"]),
        (["--track", RECORDS[2].track.id], ["gru size=4"]),
        (["--where", "train.length=long"], ["gru size=4"]),
        (["--where", "optimizer.lr=0.1", "--where", "seed=0"], ["lstm"]),
        (["--where", "status=failed"], ["lem"]),
        (["--where", "cell.hidden_size=8", "--task", "copying"], ["gru", "gru size=4"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_filter_keeps_what_was_asked_for(
    arguments: list[str], labels: list[str], folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["leaderboard", "--format", "json", *arguments]) == 0
    tracks = json.loads(capsys.readouterr().out)["tracks"]
    assert {entry["label"] for track in tracks for entry in track["entries"]} == set(labels)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--task", "copyng"], "--task copyng: no record of it; did you mean copying?"),
        (["--cell", "gruu"], "--cell gruu: no record of it; did you mean gru?"),
        (["--track", "x"], "--track x: no record of it"),
        (["--study", "three"], "--study three: no record of it"),
        (["--task", ","], "',' names nothing"),
        (["--where", "delay"], "--where delay: write KEY=VALUE, such as task.delay=20"),
        (["--where", "=5"], "--where =5: write KEY=VALUE"),
        (["--where", "train.lenght=long"], "no record has it; did you mean train.length?"),
        (["--where", "train.length=lang"], "train.length=lang: no record has that; did you mean l"),
        (["--where", "seed=0", "--where", "seed=1"], "seed is asked for twice"),
        (["--where", "seed=0", "--task", "copying", "--where", "status=failed"], "no record has"),
        (["--sort", "tset"], "--sort tset: no such column; did you mean test?"),
        (["--sort", "-"], "--sort : no such column (valid: FLOPs/token, cell, "),
        (["--sort", "rank"], "--sort rank: rows cannot be sorted by it"),
        (["--columns", "cell,tests"], "--columns tests: no such column; did you mean test?"),
        (["--columns", ""], "'' names nothing"),
        (["--format", "markdwn"], "--format markdwn; did you mean markdown?"),
        (["--output", "board"], "--output board: end it with .md, .csv, "),
        (["--output", "/dev/full/x.csv"], "--output /dev/full/x.csv: "),
        (["--all-trials", "--format", "csv"], "go with terminal, markdown, latex, not with csv"),
        (["--columns", "cell", "--format", "json"], "go with terminal, markdown, latex, not with"),
        (["--paired", "--task", "copying"], "--paired: no two entries of a track have two seeds"),
        (["--records", "nowhere"], "no records in nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(
    arguments: list[str], reason: str, folder: Path, refused: Callable
) -> None:
    assert reason in refused("leaderboard", *arguments)


def test_columns_sort_and_trials_are_as_asked_for(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    view = ["--columns", "cell,memory,val", "--sort", "-val", "--all-trials"]
    assert main(["leaderboard", "--task", "dyck", "--format", "markdown", *view]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert rows == [
        "| cell | memory | val |",
        "| --- | --: | --: |",
        "| lstm | 1,000 B | 0.5 |",
        "| *name=sgd lr=0.1 (chosen)* |  | *0.5000* |",
        "| lem | \\- | \\- |",
        "| *name=adam lr=0.003* |  | *\\-* |",
        "| *chance* |  |  |",
    ]


def test_paired_tests_are_used_if_asked_for(workplace: Path, capsys: pytest.CaptureFixture) -> None:
    for cell, scores in {"gru": (0.1, 0.5, 0.9), "lstm": (0.2, 0.6, 1.001)}.items():
        for seed, score in enumerate(scores):
            record = make_record(cell, seed=seed, test=score)
            write(workplace / "results/runs" / f"{record.run_id}.json", record)
    ranks = {}
    for options in ((), ("--paired",)):
        assert main(["leaderboard", "--format", "json", *options]) == 0
        (track,) = json.loads(capsys.readouterr().out)["tracks"]
        ranks[options] = track["entries"][0]["rank"]
        assert track["paired"] is bool(options)
    assert ranks == {(): [1, 2], ("--paired",): [1, 1]}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("b.md", "markdown"),
        ("B.CSV", "csv"),
        ("b.json", "json"),
        ("b.tex", "latex"),
        ("b.txt", "terminal"),
    ],
)
def test_a_file_s_ending_says_its_format(
    name: str, form: str, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["leaderboard", "--output", name]) == 0
    assert capsys.readouterr().out == ""
    assert main(["leaderboard", "--format", form]) == 0
    shown = capsys.readouterr().out
    written = (folder / name).read_text()
    assert written == shown or form == "terminal"  # whose width is that of a file
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "results"])


def test_a_file_that_cannot_be_written_is_left_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (folder / "b.md").write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert main(["leaderboard", "--output", "b.md"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "recurbench: --output b.md: No space left on device"
    assert (folder / "b.md").read_text() == "before"
    assert sorted(path.name for path in folder.iterdir()) == ["b.md", "results"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_who_leaves_early_is_no_error(form: str, folder: Path) -> None:
    """As `| head -1` does; the pipe is closed before anything is read."""
    with start("leaderboard", "--format", form) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        complaint = running.stderr.read()
        assert running.wait(timeout=120) == 0
    assert complaint == ""


def test_records_of_a_real_run_are_shown(two_runs: Path, capsys: pytest.CaptureFixture) -> None:
    damaged, whole = sorted((two_runs / "results/runs").rglob("*.json"))
    damaged.write_text(damaged.read_text()[:100])
    assert main(["leaderboard", "--columns", "cell"]) == 0
    output = capsys.readouterr()
    assert f"{damaged.relative_to(two_runs)}: skipped: not JSON" in output.err
    assert json.loads(whole.read_text())["entry"]["label"] in output.out


@pytest.mark.parametrize("place", ["backup", "parity/gru copy"])
def test_records_that_are_there_twice_count_once(
    place: str, two_runs: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = two_runs / "results/runs"
    shutil.copytree(runs / "copying", runs / place)
    assert main(["leaderboard", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["seeds"] for row in rows if row["kind"] == "entry"] == ["1", "1"]


def test_a_copy_of_a_run_from_before_it_completed_does_not_count(
    two_runs: Path, capsys: pytest.CaptureFixture
) -> None:
    path = next((two_runs / "results/runs").rglob("*.json"))
    record = json.loads(path.read_text()) | {"status": "failed", "finished_at": "2999-01-01"}
    (two_runs / "results/runs/older").mkdir()
    (two_runs / "results/runs/older" / path.name).write_text(json.dumps(record))
    assert main(["leaderboard", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["failed"] for row in rows if row["kind"] == "entry"] == ["0", "0"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("board.xlsx", "end it with .md, .csv, .json, .tex, "),
        ("board.pages", "end it with .md, .csv, .json, .tex, "),
        ("missing/board.md", "no such folder: missing"),
        (".", "a folder; name a file in it"),
    ],
)
def test_an_output_that_cannot_be_is_refused(output: str, said: str, refused: Callable) -> None:
    assert f"--output {output}: {said}" in refused("leaderboard", "--output", output)


def test_an_ending_says_the_format_in_any_case(two_runs: Path) -> None:
    assert main(["leaderboard", "--output", "BOARD.JSON"]) == 0
    assert json.loads((two_runs / "BOARD.JSON").read_text())
    assert main(["leaderboard", "--output", "board.xyz", "--format", "csv"]) == 0
    assert (two_runs / "board.xyz").read_text().startswith("track,")


@pytest.mark.parametrize("further", ["--output=board.html", "--format=html"])
def test_a_served_page_goes_nowhere_else(further: str, refused: Callable) -> None:
    assert "leave --output and --format out" in refused("leaderboard", "--serve", further)


@pytest.mark.parametrize(
    ("port", "said"), [("99999", "no such port"), ("-1", "at least 0"), ("x", "an integer")]
)
def test_a_port_that_is_none_is_refused(port: str, said: str, refused: Callable) -> None:
    assert said in refused("leaderboard", "--serve", f"--port={port}")
