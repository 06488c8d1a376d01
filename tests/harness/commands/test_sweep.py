"""Sweeps: real Hydra multiruns in this process, and how they end."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from recurbench.harness.commands.loaded.run import run_jobs as run
from recurbench.harness.errors import UserError
from recurbench.harness.run.outcome import Outcome

FRAGILE = '''
"""A cell that fails on request."""
import torch
from recurbench.cells.rnn import RNN


class Fragile(RNN):
    """A vanilla RNN that may raise."""

    name = "fragile"

    def __init__(self, input_size: int, hidden_size: int = 8, *, fails: bool = False):
        super().__init__(input_size, hidden_size)
        self.fails = fails

    def recur(self, u, state):
        if self.fails:
            raise RuntimeError("this cell broke")
        return super().recur(u, state)
'''


@pytest.fixture(autouse=True)
def in_empty_folder(workplace: Path, config_store: ConfigStore) -> None:
    """Every test runs in a folder of its own and leaves Hydra's store as it was."""


def test_a_sweep_runs_the_cross_product(small: list, read_records: Callable) -> None:
    assert run(["cell=rnn,torch_rnn", "-m", "task=copying", "seed=0,1", *small]) == 0
    found = {(record["cell"]["name"], record["seed"]) for record in read_records()}
    assert found == {(cell, seed) for cell in ("rnn", "torch_rnn") for seed in (0, 1)}


def test_a_failed_run_keeps_the_sweep_going_and_is_named_at_its_end(
    small: list, plugin_folder: Path, read_records: Callable, capsys: pytest.CaptureFixture
) -> None:
    (plugin_folder / "fragile.py").write_text(FRAGILE)
    assert run(["-m", "cell=fragile", "cell.fails=true,false", *small]) == 1
    statuses = {record["cell"]["fails"]: record["status"] for record in read_records()}
    assert statuses == {True: "failed", False: "completed"}
    ending = capsys.readouterr().out.partition("1 completed, 1 not")[2]
    assert "fragile fails=true" in ending
    assert "this cell broke" in ending


def test_a_failed_single_run_ends_with_exit_code_1(small: list, plugin_folder: Path) -> None:
    (plugin_folder / "fragile.py").write_text(FRAGILE)
    with pytest.raises(SystemExit) as exit_:
        run(["cell=fragile", "cell.fails=true", *small])
    assert exit_.value.code == 1


def test_a_job_that_only_its_data_refuses_does_not_stop_the_others(
    small: list, read_records: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert run(["-m", "task=copying,language", "model.bidirectional=true", *small]) == 1
    assert [record["task"]["name"] for record in read_records()] == ["copying"]
    assert "predicts the next step" in capsys.readouterr().out


def test_a_sweep_of_refused_jobs_alone_ends_with_exit_code_2(small: list) -> None:
    assert run(["-m", "task=language", "model.bidirectional=true", "seed=0,1", *small]) == 2


def test_running_a_sweep_again_skips_what_is_completed(
    small: list, read_records: Callable, capsys: pytest.CaptureFixture
) -> None:
    run(["-m", "seed=0", *small])
    first = read_records()
    capsys.readouterr()
    assert run(["-m", "seed=0,1", *small]) == 0
    assert capsys.readouterr().out.count("already completed") == 1
    assert first[0] in read_records()


def test_a_wrong_job_in_the_middle_is_refused_before_the_first_runs(
    small: list, workplace: Path
) -> None:
    kept = [item for item in small if "hidden_size" not in item]
    with pytest.raises(UserError, match="hidden_size must be at least 1"):
        run(["-m", "cell.hidden_size=8,0,4", *kept])
    assert list(workplace.iterdir()) == []


def test_a_folder_of_ones_own_presets_joins_by_the_search_path(
    small: list, tmp_path_factory: pytest.TempPathFactory, read_records: Callable
) -> None:
    folder = tmp_path_factory.mktemp("presets")
    (folder / "cell").mkdir()
    (folder / "cell" / "before.yaml").write_text("defaults: [gru, _self_]\nreset_after: false\n")
    path = f"hydra.searchpath=[file://{folder}]"
    assert run(["-m", path, "cell=before,gru", *small]) == 0
    assert sorted(record["cell"]["reset_after"] for record in read_records()) == [False, True]


def test_the_runs_of_a_sweep_are_listed_and_not_run(
    small: list, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    sweep = ["-m", "cell=rnn,gru", "task=copying", "seed=0,1", *small]
    assert run([*sweep, "--dry-run"]) == 0
    *listed, total = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed] == [["to", "run"]] * 4
    assert re.search(r"copying · rnn .*seed 0$", listed[0])
    assert total == "4 runs, 0 of them completed"
    assert list(workplace.iterdir()) == []
    assert run(["cell=rnn", "task=copying", "seed=1", *small]) == 0
    before = {path: path.stat().st_mtime_ns for path in workplace.rglob("*")}
    capsys.readouterr()
    assert run([*sweep, "--dry-run"]) == 0
    *listed, total = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == ["to", "completed", "to", "to"]
    assert total == "4 runs, 1 of them completed"
    assert {path: path.stat().st_mtime_ns for path in workplace.rglob("*")} == before


def test_the_trials_of_a_search_are_not_known_beforehand(
    small: list, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=7", "optimizer.lr=interval(0.1,1)"]
    assert run(["-m", *search, *small, "--dry-run"]) == 0
    assert "a search of 7 trials" in capsys.readouterr().out
    assert list(workplace.iterdir()) == []


def test_a_sweep_has_the_name_that_is_given_to_it(small: list, workplace: Path) -> None:
    run(["-m", "seed=0", "sweep=mine", *small])
    (file,) = (workplace / "results/sweeps/mine/outcomes").iterdir()
    assert Outcome(**json.loads(file.read_text())).ok


def test_hydras_configuration_of_a_sweep_is_where_hydra_leaves_it(
    small: list, workplace: Path
) -> None:
    run(["-m", "seed=0", "sweep=mine", *small])
    assert OmegaConf.load("results/sweeps/mine/multirun.yaml").train.max_steps == 3
    run(["-m", "seed=0", "hydra.sweep.dir=elsewhere", *small])
    assert OmegaConf.load("elsewhere/multirun.yaml").hydra.sweep.dir == "elsewhere"


@pytest.mark.parametrize("question", [["--cfg", "job"], ["--cfg", "all"]])
def test_questions_to_hydra_pass_through_and_run_nothing(
    question: list, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run([*question, "cell=gru_cho"]) == 0
    assert "gru" in capsys.readouterr().out
    assert not (workplace / "results").exists()


@pytest.mark.parametrize("sweep", ["lr=0.1", "a,b", "über (1)"])
def test_a_sweep_may_have_any_name(
    sweep: str, small: list, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(["-m", f"sweep='{sweep}'", "seed=0,1", *small]) == 0
    assert f"sweep {sweep}: 2 completed, 0 not" in capsys.readouterr().out
    assert len(list((workplace / "results/sweeps" / sweep / "outcomes").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["results_dir=ra,rb"], "results_dir is one for all jobs"),
        (["sweep=a,b"], "sweep is one for all jobs"),
        (["sweep=../x"], "a sweep's name names a folder"),
        (["trainer.threads=1,2"], "varies trainer.threads, which makes no other run"),
        (["study=a,b", "seed=0,1"], "varies study, "),
        (["rerun=true,false"], "varies rerun, "),
        (["train.save_every=1,2"], "varies train.save_every, "),
        (["cell=min_gru", "cell.kernel=fused,reference"], "varies cell.kernel, "),
    ],
)
def test_a_sweep_over_what_makes_no_other_run_is_refused(
    arguments: list, said: str, small: list, workplace: Path
) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        run(["-m", *small, *arguments])
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (["--cfg", "job", "-m", "seed=3,4"], "seed: 3\n"),
        (["seed=3,4", "-m", "-c", "job", "--package", "cell"], "name: gru\n"),
        (["--cfg", "job", "--resolve", "study=${seed}", "seed=5"], "study: '5'\n"),
    ],
)
def test_the_configuration_of_a_sweep_can_be_asked_for(
    question: list, answer: str, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(question) == 0
    assert answer in capsys.readouterr().out
    assert not (workplace / "results").exists()


@pytest.mark.parametrize(
    ("question", "answer"),
    [(["--info", "defaults", "-m", "seed=3,4"], "cell/gru"), (["--info", "seed=3"], "seed: 3\n")],
)
def test_where_a_configuration_comes_from_can_be_asked_for(
    question: list, answer: str, command: Callable
) -> None:
    """As a program: Hydra answers by logging, which earlier runs in this process have changed."""
    assert answer in command("run", *question).stdout


@pytest.mark.parametrize("flag", ["--config-dir={}", "--config-dir {}", "-cd {}"])
def test_a_folder_of_presets_may_be_named_by_a_flag(
    flag: str, small: list, tmp_path_factory: pytest.TempPathFactory, read_records: Callable
) -> None:
    folder = tmp_path_factory.mktemp("presets")
    (folder / "mine.yaml").write_text("defaults: [config, _self_]\nseed: 7\n")
    (folder / "cell").mkdir()
    (folder / "cell" / "before.yaml").write_text("defaults: [gru, _self_]\nreset_after: false\n")
    named = [*flag.format(folder).split(), "--config-name", "mine"]
    assert run(["-m", *named, "cell=before,gru", *small]) == 0
    found = [(record["seed"], record["cell"]["reset_after"]) for record in read_records()]
    assert sorted(found) == [(7, False), (7, True)]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--multrun"], "--multrun: no such flag; did you mean --multirun?"),
        (["--config-path=x"], "add your folder by --config-dir"),
        (["--config-dir=no/such"], "--config-dir no/such: no such folder"),
        (["--config-name=mine"], "--config-name mine: no such file"),
        (["--cfg", "jobs"], "invalid choice: 'jobs'"),
        (["--config-name"], "expected one argument"),
        (["--resolve"], "go with --cfg"),
    ],
)
def test_a_wrong_flag_is_refused(flags: list, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        run(flags)


OWN = """
# @package _global_
{study}
train: {{max_steps: 3, eval_every: 2, batch_size: 4}}
cell: {{hidden_size: 8}}
"""


@pytest.mark.parametrize(
    ("line", "arguments", "study"),
    [
        ("", [], "mine"),
        ("study: theirs", [], "theirs"),
        ("study: theirs", ["study=ours"], "ours"),
        ("", ["study=ours"], "ours"),
        ("", ["-m", "seed=0,1"], "mine"),
    ],
)
def test_an_experiment_names_its_study_unless_another_name_is_given(
    line: str, arguments: list, study: str, read_records: Callable
) -> None:
    folder = Path("presets/experiment")
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(OWN.format(study=line))
    search = f"hydra.searchpath=[file://{Path.cwd()}/presets]"
    try:
        code = run([search, "experiment=mine", "logger=none", *arguments])
    except SystemExit as end:
        code = end.code
    assert not code
    assert {record["study"] for record in read_records()} == {study}


def test_without_an_experiment_there_is_no_study(small: list, read_records: Callable) -> None:
    assert run(["-m", "seed=0", *small]) == 0
    (record,) = read_records()
    assert record["study"] is None
