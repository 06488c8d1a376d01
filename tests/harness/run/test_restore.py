"""From a record back to its configuration, its command and its model."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from generate_kit import COUNTING, KEPT, QUICK, checkpoints, counting, refused, run_id, shelf  # noqa: F401
from making import make_record

from recurbench.harness.cli import main
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.model.build import build_model, load_task
from recurbench.harness.results.archive import read_all
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.execute import execute
from recurbench.harness.run.prepare import prepare
from recurbench.harness.run.restore import command_of, config_of, plugin_section
from recurbench.harness.run.training import load_weights


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        [
            "seed=2",
            "optimizer=sgd",
            "optimizer.lr=1e-05",
            "task.label='null'",
            "task.file=/a/b.txt",
        ],
        [
            "cell=lstm",
            "model.encoder=causal_conv",
            "budget.parameters=20000",
            "train.gradient_clip=null",
            "trainer.precision=bf16",
            "task.label='it\\'s, here'",
            "task.words=[a,'b c','1']",
            "task.ends=true",
        ],
    ],
    ids=" ".join,
)
def test_the_command_to_run_again_makes_the_same_run(
    overrides: list, counting: Path, configure: Callable, capsys: pytest.CaptureFixture
) -> None:
    prepared = prepare(configure("task=counting", *overrides))
    record = msgspec.structs.replace(
        make_record(),
        **prepared.identity.sections,
        seed=prepared.config.seed,
        track=prepared.identity.track,
    )
    command = shlex.split(command_of(record, Path("some where")))
    assert command[:2] == ["recurbench", "run"]
    (composed,), _ = compose_jobs(command[2:], multirun=False)
    again = resolve(composed)
    assert prepare(again).identity == prepared.identity
    assert again.train.keep_checkpoint
    assert again.results_dir == "some where"


def test_a_checkpoint_stays_only_when_it_is_asked_for(
    counting: Path, configure: Callable, read_records: Callable
) -> None:
    assert execute(configure(*KEPT)).status == "completed"
    (record,) = read_records()
    assert checkpoints(counting) == [record["run_id"]]
    for overrides in (KEPT, QUICK):
        assert execute(configure(*overrides)).status == "skipped"
        assert checkpoints(counting) == [record["run_id"]]
    assert execute(configure(*QUICK, "rerun=true")).status == "completed"
    assert checkpoints(counting) == []
    assert execute(configure(*QUICK)).status == "skipped"
    assert execute(configure(*KEPT)).status == "completed"
    assert checkpoints(counting) == [record["run_id"]]
    (again,) = read_records()
    assert (again["run_id"], again["metrics"]) == (record["run_id"], record["metrics"])


def test_a_run_that_fails_keeps_no_checkpoint(
    counting: Path, configure: Callable, refused: Callable, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    def broken(*_: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("recurbench.harness.run.training.Training.test", broken)
    assert execute(configure(*KEPT)).status == "failed"
    capsys.readouterr()
    assert checkpoints(counting) == []
    (path,) = (counting / "results/runs").rglob("*.json")
    assert f"run {path.stem}: failed, so there is no model of it" in refused(path.stem)


def test_the_model_is_the_one_that_was_tested(run_id: str, counting: Path) -> None:
    (record,) = read_all(ResultsFolder(Path("results")).runs)
    config = config_of(record)
    task = load_task(config)
    _, model = build_model(config, task)
    load_weights(model.eval(), ResultsFolder(Path("results")).kept(run_id))
    metrics = task.metrics()
    for batch in task.test_dataloader():
        metrics.update(model(batch.inputs)[0], task.targets_of(batch))
    scores = {name: float(value) for name, value in metrics.compute().items()}
    assert scores == pytest.approx(record.metrics["test"])


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("code", {"cell": "0" * 12}, "the code of cell=gru has changed"),
        ("track", {"data": "other"}, "the data of task=counting has changed"),
        ("code", {"task": "0" * 12}, "the code of task=counting has changed"),
        ("code", {"protocol": 0}, "the harness has changed"),
    ],
)
def test_changes_since_the_run_are_said_and_do_no_harm(
    section: str, change: dict, words: str, run_id: str, counting: Path,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    (path,) = (counting / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    record[section] |= change
    path.write_text(json.dumps(record))
    assert main(["generate", record["run_id"], "--length", "4", "--temperature", "0"]) == 0
    output = capsys.readouterr()
    assert output.out == "01234\n"
    (line,) = output.err.splitlines()
    assert line.startswith("recurbench: warning: ")
    assert words in line


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("task", {"colour": "red"}, "its task has colour, which is no longer there"),
        ("model", {"width": 3}, "its model has width, which is no longer there"),
        ("cell", {"hidden_size": 17}, "does not fit the model of run"),
        ("cell", {"name": "gone"}, "cell.name=gone: no such cell"),
    ],
)
def test_a_run_that_cannot_be_rebuilt_is_refused(
    section: str, change: dict, words: str, run_id: str, counting: Path,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    (path,) = (counting / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    record[section] |= change
    path.write_text(json.dumps(record))
    assert main(["generate", run_id]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_record_without_a_knob_that_came_later_takes_its_default(
    run_id: str, counting: Path, capsys: pytest.CaptureFixture
) -> None:
    (path,) = (counting / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    del record["task"]["label"]
    path.write_text(json.dumps(record))
    assert main(["generate", run_id, "--length", "4", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "01234\n"


def test_a_knob_without_effect_has_the_default_of_today() -> None:
    recorded = {"name": "variable_length", "dataset": "japanese_vowels", "alphabet": 8}
    found = plugin_section("task", recorded)
    assert found["alphabet"] == plugin_section("task", {"name": "variable_length"})["alphabet"] != 8
    assert plugin_section("task", {"name": "variable_length", "alphabet": 8})["alphabet"] == 8
