"""`recurbench publish` puts the board into wandb, online or offline."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from making import make_record
from wandb_kit import logged_out, wandb_messages

from recurbench.harness.cli import main
from recurbench.harness.results.archive import write_archive

__all__ = ["logged_out"]


def published(folder: Path) -> tuple[dict[str, Any], dict[str, bytes], list[str]]:
    """The table, the files of the artifact by name, and project, entity and type of the one run."""
    (file,) = folder.rglob("*.wandb")
    artifacts: dict[str, bytes] = {}
    table: dict[str, Any] = {}
    named: list[str] = []
    for message in wandb_messages(file):
        match message.WhichOneof("record_type"):
            case "run":
                named = named or [message.run.project, message.run.entity, message.run.job_type]
            case "history":
                for item in message.history.item:
                    name, *key = item.nested_key
                    if name == "leaderboard":
                        table["/".join(key)] = json.loads(item.value_json)
            case "artifact":
                artifact = message.artifact
                if artifact.type == "leaderboard":
                    for entry in artifact.manifest.contents:
                        artifacts[entry.path] = Path(entry.local_path).read_bytes()
    return table, artifacts, named


def test_a_leaderboard_is_published_offline_as_a_table_and_an_artifact(
    workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    records = [make_record("gru", seed=seed, test=0.5 + seed / 8) for seed in (0, 1)]
    write_archive(Path("results/runs/some.jsonl.gz"), [*records, make_record("lstm \x1b[31m")])
    options = ["--project", "boards", "--entity", "us", "--cell", "gru"]
    assert main(["publish", *options, "--mode", "offline"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"(results/wandb/offline-run-\S+): upload it with: wandb sync \1", line)
    table, files, named = published(Path("results"))
    assert named == ["boards", "us", "leaderboard"]
    assert table["_type"] == "table-file"
    (media,) = Path("results").rglob("*.table.json")
    content = json.loads(media.read_text())
    entry, reference = (dict(zip(content["columns"], row, strict=True)) for row in content["data"])
    assert (entry["label"], entry["test"], entry["seeds"]) == ("gru", 0.5625, 2)
    assert (reference["label"], reference["test"]) == ("chance", 0.125)
    assert set(files) == {"leaderboard.md", "leaderboard.csv", "leaderboard.json"}
    assert b"gru" in files["leaderboard.md"]
    (track,) = json.loads(files["leaderboard.json"])["tracks"]
    assert [run["seed"] for run in track["entries"][0]["runs"]] == [0, 1]


def test_curves_are_a_table_of_their_own_on_request(workplace: Path) -> None:
    curve = [
        {"step": 1, "seconds": 0.5, "train/loss": 2.0},
        {"step": 2, "seconds": 0.75, "train/loss": 1.5, "val/accuracy": 0.25, "val/loss": 1.0},
    ]
    records = [make_record("gru", seed=seed, curve=curve) for seed in (0, 1)]
    records.append(make_record("lstm", status="failed"))
    write_archive(Path("results/runs/some.jsonl.gz"), records)
    assert main(["publish", "--curves"]) == 0
    (file,) = Path("results").rglob("curves_*.table.json")
    content = json.loads(file.read_text())
    rows = [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
    assert [(row["run_id"], row["step"]) for row in rows] == [
        (record.run_id, step) for record in records[:2] for step in (1, 2)
    ]
    first, second = rows[:2]
    assert (first["label"], first["seed"], first["metric"]) == ("gru", 0, "accuracy")
    assert (first["train/loss"], first["val"]) == (2.0, None)
    assert (second["seconds"], second["val"]) == (0.75, 0.25)
    assert list(Path("results").rglob("leaderboard_*.table.json"))


def test_a_leaderboard_without_a_login_is_published_offline(workplace: Path) -> None:
    write_archive(Path("results/runs/some.jsonl.gz"), [make_record()])
    assert main(["publish"]) == 0
    assert published(Path("results"))[2][0] == "recurbench"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mode", "ofline"], "did you mean offline?"),
        (["--mode", "online"], "wandb, mode online: "),
        (["--project", "a/b"], "wandb, mode offline: "),
        (["--task", "copyng"], "did you mean copying?"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_published_is_refused_in_one_line(
    arguments: list, said: str, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    write_archive(Path("results/runs/some.jsonl.gz"), [make_record()])
    assert main(["publish", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("recurbench: ")
    assert said in line
