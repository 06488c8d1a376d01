"""wandb shows what the record holds, online or offline, and fails no run."""

import inspect
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wandb_kit import logged_out, wandb_messages

from recurbench.harness.cli import main
from recurbench.harness.run.execute import execute
from recurbench.harness.run.loggers import wandb_session
from recurbench.harness.run.loggers.wandb import WandbLogger

__all__ = ["logged_out"]


def test_wandb_offline_holds_what_the_record_holds(
    configure: Callable, unlogged: list, workplace: Path, read_records: Callable
) -> None:
    config = configure("logger=wandb", "sweep=mine", "cell=rnn", "seed=3", *unlogged)
    outcome = execute(config)
    (record,) = read_records()
    (entry,) = record["logger"]
    assert entry["name"] == "wandb"
    assert outcome.offline == entry["directory"]
    (file,) = (workplace / entry["directory"]).glob("*.wandb")
    runs, settings, summary, history, exits = [], {}, {}, [], []
    for message in wandb_messages(file):
        match message.WhichOneof("record_type"):
            case "run":
                runs.append(message.run)
                settings |= {i.key: json.loads(i.value_json) for i in message.run.config.update}
            case "summary":
                for item in message.summary.update:
                    key = item.key or "/".join(item.nested_key)
                    summary[key] = json.loads(item.value_json)
            case "history":
                items = message.history.item
                history.append(
                    {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in items}
                )
            case "exit":
                exits.append(message.exit.exit_code)
    run = runs[0]
    assert (run.run_group, run.job_type, run.display_name) == ("mine", "copying", "rnn/3")
    assert run.run_id == entry["run_id"]
    for section in ("cell", "task", "model", "optimizer", "train", "budget"):
        assert settings[section] == record[section]
    assert settings["trainer"]["precision"] == record["environment"]["precision"]
    assert settings["seed"] == record["seed"]
    assert settings["run_id"] == record["run_id"]
    assert json.loads(Path(settings["record"]).read_text()) == record
    assert summary["status"] == "completed"
    for name, value in record["cost"].items():
        assert summary[f"cost/{name}"] == pytest.approx(value)
    for split, found in record["metrics"].items():
        for name, value in found.items():
            assert summary[f"{split}/{name}"] == pytest.approx(value)
    logged = [point["train/loss"] for point in history if "train/loss" in point]
    assert logged == pytest.approx([point["train/loss"] for point in record["curve"]])
    assert exits == [0], "the run must be finished"


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({}, []),
        ({"RUN_ID": "x"}, []),
        ({"RUN_ID": "x", "RESUME": "must"}, []),
        ({"RESUME": "auto", "SWEEP_ID": "s"}, []),
        ({"RUN_ID": "x", "SWEEP_ID": "s"}, ["sweep=ours"]),
    ],
    ids=str,
)
def test_the_jobs_of_a_sweep_are_runs_of_their_own(
    variables: dict, options: list, configure: Callable, unlogged: list, read_records: Callable,
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    for seed in (0, 1):
        execute(configure("logger=wandb", f"seed={seed}", *options, *unlogged))
    directories = {record["logger"][0]["directory"] for record in read_records()}
    assert len(directories) == 2
    ids = {record["logger"][0]["run_id"] for record in read_records()}
    assert len(ids) == 2
    assert "x" not in ids
    written = {
        (message.run.run_id, message.run.sweep_id)
        for file in workplace.rglob("*.wandb")
        for message in wandb_messages(file)
        if message.WhichOneof("record_type") == "run"
    }
    assert written == {(name, "") for name in ids}
    complaints = capsys.readouterr().err
    assert complaints.count("leave out -m, sweep=") == bool(options)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # wandb's own file
def test_the_run_of_an_agent_has_its_id(
    configure: Callable, unlogged: list, read_records: Callable, workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    parameters = workplace / "config-x.yaml"
    parameters.write_text("wandb_version: 1\ncell: {value: rnn}\noptimizer.lr: {value: 0.5}\n")
    variables = {"RUN_ID": "x", "SWEEP_ID": "s", "SWEEP_PARAM_PATH": str(parameters)}
    for name, value in variables.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    execute(configure("logger=wandb", "cell=rnn", "optimizer.lr=0.5", *unlogged))
    (entry,) = read_records()[0]["logger"]
    assert entry["run_id"] == "x"
    (file,) = (workplace / entry["directory"]).glob("*.wandb")
    run = next(m.run for m in wandb_messages(file) if m.WhichOneof("record_type") == "run")
    assert (run.run_id, run.sweep_id) == ("x", "s")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (config["cell"], config["optimizer.lr"], config["cell.hidden_size"]) == ("rnn", 0.5, 8)


CHOSEN = {
    "project": "mine", "entity": "me", "name": "n", "group": "g", "job_type": "j", "notes": "hello",
    "tags": "[a,b]", "dir": "elsewhere", "mode": "offline",
}  # fmt: skip
VARIABLES = {"group": "RUN_GROUP"}


@pytest.mark.parametrize("way", ["options", "variables"])
def test_wandbs_options_and_its_variables_are_obeyed(
    way: str, unlogged: list, workplace: Path, config_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = [f"logger.wandb.{name}={value}" for name, value in CHOSEN.items()]
    if way == "variables":
        added = []
        for name, value in CHOSEN.items():
            variable = VARIABLES.get(name, name.upper())
            monkeypatch.setenv(f"WANDB_{variable}", value.strip("[]"))
    assert main(["run", "logger=wandb", *added, *unlogged]) == 0
    (file,) = (workplace / "elsewhere").rglob("*.wandb")
    run = next(m.run for m in wandb_messages(file) if m.WhichOneof("record_type") == "run")
    found = {
        "project": run.project, "entity": run.entity, "name": run.display_name,
        "group": run.run_group, "job_type": run.job_type, "notes": run.notes,
        "tags": f"[{','.join(run.tags)}]", "dir": "elsewhere", "mode": "offline",
    }  # fmt: skip
    assert found == CHOSEN


def test_an_option_is_obeyed_before_a_variable(
    configure: Callable, unlogged: list, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PROJECT", "NAME", "RUN_GROUP", "JOB_TYPE", "TAGS", "NOTES", "DIR"):
        monkeypatch.setenv(f"WANDB_{variable}", "theirs")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    options = [f"logger.wandb.{name}={value}" for name, value in CHOSEN.items()]
    execute(configure("logger=wandb", *options, *unlogged))
    (file,) = (workplace / "elsewhere").rglob("*.wandb")
    assert b"theirs" not in file.read_bytes()


def test_sections_can_be_kept_from_wandb(
    configure: Callable, unlogged: list, workplace: Path
) -> None:
    execute(configure("logger=wandb", "logger.wandb.config_exclude_keys=[task,record]", *unlogged))
    (file,) = workplace.rglob("*.wandb")
    run = next(m.run for m in wandb_messages(file) if m.WhichOneof("record_type") == "run")
    shown = {item.key for item in run.config.update}
    assert "cell" in shown
    assert not {"task", "record"} & shown


def test_a_disabled_wandb_keeps_nothing(
    configure: Callable, unlogged: list, workplace: Path, read_records: Callable
) -> None:
    outcome = execute(configure("logger=wandb", "+logger.wandb.mode=disabled", *unlogged))
    assert outcome.ok
    assert outcome.offline is None
    assert list(workplace.rglob("*.wandb")) == []
    (record,) = read_records()
    assert record["logger"] == [{"name": "wandb", "mode": "disabled"}]


@pytest.mark.parametrize("plus", ["", "+"])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("tag=[a]", "did you mean tags?"),
        ("run_name=n", "has no option run_name"),
        ("id=x", "has no option id"),
        ("resume=must", "has no option resume"),
        ("mode=on", "did you mean online?"),
        ("tags=3", "logger.wandb.tags"),
    ],
)
def test_an_option_that_wandb_does_not_have_is_refused(
    option: str, said: str, plus: str, workplace: Path, config_store: Any,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    assert main(["run", "logger=wandb", f"{plus}logger.wandb.{option}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert list(workplace.iterdir()) == []


CHOSEN_HERE = {
    "config": "the run's own", "settings": "wandb's variables set them", "reinit": "a run each",
    "id": "jobs would merge", "resume": "as the run does", "resume_from": "jobs would merge",
    "fork_from": "jobs would merge", "allow_val_change": "nothing changes", "anonymous": "is gone",
    "force": "a login is never required", "monitor_gym": "no gym", "tensorboard": "is deprecated",
    "sync_tensorboard": "logger=tensorboard writes files of its own",
}  # fmt: skip
"""Arguments of wandb's start that are no options, and why."""


def test_the_options_are_those_of_wandbs_own_start() -> None:
    import wandb

    ours = set(WandbLogger().options) | {"mode"}
    assert ours == set(inspect.signature(wandb.init).parameters) - set(CHOSEN_HERE)


def test_a_failed_run_is_marked_so_in_wandb_too(
    configure: Callable, unlogged: list, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recurbench.harness.run.module import SequenceModule

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(SequenceModule, "training_step", fail)
    execute(configure("logger=wandb", *unlogged))
    (file,) = workplace.rglob("*.wandb")
    messages = list(wandb_messages(file))
    exits = [m.exit.exit_code for m in messages if m.WhichOneof("record_type") == "exit"]
    assert exits == [1]


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "refusing"])
def test_an_unreachable_server_leaves_the_run_complete_and_offline(
    silent: bool,
    configure: Callable,
    unlogged: list,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()  # takes connections and never says a word
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setattr(wandb_session, "ANSWER_SECONDS", 0.5)
        for seed in (0, 1):
            config = configure("logger=wandb", f"seed={seed}", *unlogged)
            assert execute(config).status == "completed"
    assert all("directory" in record["logger"][0] for record in read_records())
    complaints = capsys.readouterr().err
    assert complaints.count("going on offline") == 1, "the second run must not wait again"


def test_a_server_that_fails_later_leaves_the_run_complete_and_offline(
    configure: Callable,
    unlogged: list,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    import wandb

    init = wandb.init

    def fail_online(*, mode: str, **arguments: Any) -> Any:
        if mode == "online":
            raise wandb.errors.CommError("the server hung up")
        return init(mode=mode, **arguments)

    monkeypatch.setattr(wandb_session, "usual_mode", lambda: "online")
    monkeypatch.setattr(wandb, "init", fail_online)
    assert execute(configure("logger=wandb", *unlogged)).status == "completed"
    (record,) = read_records()
    assert "directory" in record["logger"][0]
    assert "the server hung up; going on offline" in capsys.readouterr().err
