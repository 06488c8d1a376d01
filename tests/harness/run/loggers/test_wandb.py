"""wandb shows what the record holds, online or offline, and fails no run."""

import inspect
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wandb_kit import logged_out, wandb_messages

from recurbench.harness.errors import UserError
from recurbench.harness.run.execute import execute
from recurbench.harness.run.loggers import wandb as wandb_logger
from recurbench.harness.run.loggers.together import Loggers
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
    for split, found in record["metrics"].items():
        for name, value in found.items():
            assert summary[f"{split}/{name}"] == pytest.approx(value)
    logged = [point["train/loss"] for point in history if "train/loss" in point]
    assert logged == pytest.approx([point["train/loss"] for point in record["curve"]])
    assert exits == [0], "the run must be finished"


@pytest.mark.parametrize(
    "variables",
    [{}, {"RUN_ID": "x"}, {"RUN_ID": "x", "RESUME": "must"}, {"RESUME": "auto", "SWEEP_ID": "s"}],
    ids=str,
)
def test_the_jobs_of_a_sweep_are_runs_of_their_own(
    variables: dict, configure: Callable, unlogged: list, read_records: Callable,
    workplace: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    for seed in (0, 1):
        execute(configure("logger=wandb", f"seed={seed}", *unlogged))
    directories = {record["logger"][0]["directory"] for record in read_records()}
    assert len(directories) == 2
    ids = {record["logger"][0]["run_id"] for record in read_records()}
    assert len(ids) == 2
    assert "x" not in ids
    written = {
        message.run.run_id
        for file in workplace.rglob("*.wandb")
        for message in wandb_messages(file)
        if message.WhichOneof("record_type") == "run"
    }
    assert written == ids


def test_the_options_of_wandb_are_obeyed(
    configure: Callable, unlogged: list, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    options = ["mode=offline", "tags=[a,b]", "notes=hello", "group=g", "run_name=n", "job_type=j"]
    added = [f"+logger.wandb.{option}" for option in options]
    execute(configure("logger=wandb", *added, "logger.wandb.entity=me", *unlogged))
    (file,) = workplace.rglob("*.wandb")
    run = next(m.run for m in wandb_messages(file) if m.WhichOneof("record_type") == "run")
    assert (list(run.tags), run.notes, run.run_group) == (["a", "b"], "hello", "g")
    assert (run.display_name, run.job_type) == ("n", "j")
    assert (run.project, run.entity) == ("theirs", "me")


def test_a_disabled_wandb_keeps_nothing(
    configure: Callable, unlogged: list, workplace: Path, read_records: Callable
) -> None:
    outcome = execute(configure("logger=wandb", "+logger.wandb.mode=disabled", *unlogged))
    assert outcome.ok
    assert outcome.offline is None
    assert list(workplace.rglob("*.wandb")) == []
    (record,) = read_records()
    assert record["logger"] == [{"name": "wandb", "mode": "disabled"}]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("tag=[a]", "did you mean tags?"),
        ("name=n", "did you mean run_name?"),
        ("id=x", "has no option id"),
        ("resume=must", "has no option resume"),
        ("mode=on", "did you mean online?"),
    ],
)
def test_an_option_that_wandb_does_not_have_is_refused(
    option: str, said: str, configure: Callable
) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        Loggers(configure("logger=wandb", f"+logger.wandb.{option}"))


def test_the_options_are_those_of_wandbs_own_start() -> None:
    import wandb

    ours = set(WandbLogger().options) | {"mode"}
    assert ours <= set(inspect.signature(wandb.init).parameters)


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
        monkeypatch.setattr(wandb_logger, "ANSWER_SECONDS", 0.5)
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

    monkeypatch.setattr(wandb_logger, "usual_mode", lambda: "online")
    monkeypatch.setattr(wandb, "init", fail_online)
    assert execute(configure("logger=wandb", *unlogged)).status == "completed"
    (record,) = read_records()
    assert "directory" in record["logger"][0]
    assert "the server hung up; going on offline" in capsys.readouterr().err
