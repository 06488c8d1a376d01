"""A search resumes where it was stopped, follows the metric's direction and survives failures."""

import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.results.sweeps import Outcome, SweepFolder
from recurbench.harness.sweep import local

optuna = pytest.importorskip("optuna")

TINY = [
    "logger=none", "train.max_steps=2", "train.eval_every=2", "train.batch_size=4",
    "model.embedding_size=5",
]  # fmt: skip
SPACE = ["optimizer.lr=tag(log,interval(1e-4,1e-1))", "cell.hidden_size=choice(4,6)"]
TASKS = {
    "copying": ["task=copying", "task.eval_sequences=9"],
    "adding": ["task=adding", "task.length=5", "task.eval_sequences=9"],
}
"""One whose metric is maximised and one whose is minimised."""


def search(*options: str, trials: int = 12) -> list[str]:
    return [
        "run", "-m", "hydra/sweeper=optuna", f"hydra.sweeper.n_trials={trials}", *SPACE, *TINY,
        *options,
    ]  # fmt: skip


def study() -> "optuna.Study":
    (path,) = Path("results/searches").glob("*.sqlite")
    storage = f"sqlite:///{path}"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


def stop_after(monkeypatch: pytest.MonkeyPatch, runs: int | None) -> list[str]:
    """Lets so many runs end before Ctrl-C; gives the statuses of the runs that ended."""
    ended: list[str] = []
    keep = local.keep

    def stopping(folder: SweepFolder, number: int, outcome: Outcome) -> None:
        keep(folder, number, outcome)
        ended.append(outcome.status)
        if len(ended) == runs:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(local, "keep", stopping)
    return ended


@pytest.mark.parametrize("task", TASKS)
def test_a_search_that_was_stopped_resumes_and_repeats_no_trial(
    task: str, workplace: Path, config_store, monkeypatch: pytest.MonkeyPatch,
    read_records: Callable, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    command = search("hydra.sweeper.seeds=[0,1]", *TASKS[task])
    stop_after(monkeypatch, 9)  # in the second run of the fifth trial
    assert main(command) == 130
    before = {trial.number: trial.value for trial in study().trials if trial.state.is_finished()}
    assert len(before) == 4
    assert len(study().trials) == 5
    ended = stop_after(monkeypatch, None)
    assert main(command) == 0
    trials = study().trials
    assert len(trials) == 12
    assert all(trial.state.name == "COMPLETE" for trial in trials)
    assert before.items() <= {trial.number: trial.value for trial in trials}.items()
    assert ended.count("completed") == 24 - 9
    records = read_records()
    assert len(records) == 24
    name = records[0]["primary"]["name"]
    higher = records[0]["primary"]["higher_is_better"]
    assert higher == (task == "copying")
    for trial in trials:
        scores = [
            record["metrics"]["val"][name]
            for record in records
            if record["optimizer"]["lr"] == trial.params["optimizer.lr"]
        ]
        assert len(scores) == 2
        assert trial.value == pytest.approx(sum(scores) / 2)
    best = (max if higher else min)(trial.value for trial in trials)
    assert study().best_value == best
    assert f"best of 12 trials: val {name} {best:.4g}" in capsys.readouterr().out
    assert main(command) == 0
    assert len(ended) == 24 - 9 + 1, "the run that was done, and no more"
    assert len(study().trials) == 12


def test_a_stopped_search_proposes_what_it_would_have_proposed(
    workplace: Path, config_store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = TASKS["copying"]
    stop_after(monkeypatch, 2)
    assert main(search(*options, trials=5)) == 130
    stop_after(monkeypatch, None)
    assert main(search(*options, trials=5)) == 0
    resumed = [trial.params for trial in study().trials]
    (workplace / "results").rename(workplace / "moved")
    assert main(search(*options, trials=5)) == 0
    assert [trial.params for trial in study().trials] == resumed
    assert len({trial["optimizer.lr"] for trial in resumed}) == 5


def test_more_trials_of_the_same_search_are_added(workplace: Path, config_store) -> None:
    assert main(search(*TASKS["copying"], trials=2)) == 0
    assert main(search(*TASKS["copying"], "hydra.sweeper.n_jobs=2", trials=5)) == 0
    assert len(study().trials) == 5


def test_a_search_whose_trials_all_fail_says_so(
    workplace: Path, config_store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    wild = ["optimizer=sgd", "optimizer.lr=interval(1e25,1e28)", "train.gradient_clip=null"]
    command = search(*TASKS["adding"], *wild, trials=3)
    command.remove(SPACE[0])
    assert main([*command, "max_failures=2"]) == 1
    assert [trial.state.name for trial in study().trials] == ["FAIL", "FAIL", "RUNNING"]
    assert main(command) == 1
    output = capsys.readouterr()
    assert "none of 3 trials completed" in output.out
    assert "Traceback" not in output.out + output.err
    assert [trial.state.name for trial in study().trials] == ["FAIL"] * 3
    assert main(command) == 1
    assert len(study().trials) == 3


def test_a_trial_that_cannot_be_configured_fails_and_the_others_go_on(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    options = ["cell=attention_gru", "cell.heads=choice(1,0)", "hydra.sweeper.sampler=random"]
    assert main(search(*TASKS["copying"], *options, trials=6)) == 0
    assert "cell.heads must be at least 1, not 0" in capsys.readouterr().out
    states = {trial.params["cell.heads"]: trial.state.name for trial in study().trials}
    assert states == {"1": "COMPLETE", "0": "FAIL"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["seed=0,1"], "a search averages over its seeds: hydra.sweeper.seeds=[0,1,2]"),
        (["task=copying,parity"], "task: a search has one value of it"),
        (["hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials must be at least 1, not 0"),
        (["hydra.sweeper.n_trials=many"], "hydra.sweeper.n_trials: "),
        (["hydra.sweeper.sampler=grid"], "hydra.sweeper.sampler must be one of tpe, random"),
        (["hydra.sweeper.seeds=[]"], "hydra.sweeper.seeds=[]: give one seed or more"),
        (["hydra.sweeper.seeds=[1,1]"], "give one seed or more, each once"),
        (["hydra.sweeper.trials=3"], "hydra.sweeper has no option trials; did you mean n_trials"),
        (["train.max_steps=tag(log,interval(0,5))"], "train.max_steps=tag(log,interval(0,5)): "),
    ],
)  # fmt: skip
def test_a_search_that_cannot_work_is_refused_in_one_line(
    options: list, words: str, workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    assert main(search(*options)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_nothing_to_search_is_refused(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", "-m", "hydra/sweeper=optuna", *TINY]) == 2
    assert "nothing to search" in capsys.readouterr().err


def test_a_name_that_another_search_has_and_a_file_that_holds_none_are_refused(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    named = [*TASKS["copying"], "hydra.sweeper.study_name=mine"]
    assert main(search(*named, trials=1)) == 0
    capsys.readouterr()
    assert main(search(*named, "model.depth=2", trials=1)) == 2
    assert "study_name=mine: has trials of another search" in capsys.readouterr().err
    Path("results/searches/mine.sqlite").write_bytes(b"no database" * 99)
    assert main(search(*named, trials=1)) == 2
    assert "mine.sqlite: no search can be read" in capsys.readouterr().err


def test_the_space_of_a_preset_is_searched_too(workplace: Path, config_store) -> None:
    folder = workplace / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "rates.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - override /hydra/sweeper: optuna\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    n_trials: 2\n"
        "    params:\n      optimizer.lr: tag(log, interval(1e-3, 1e-2))\n"
    )
    command = ["run", "--config-dir", "mine", "experiment=rates", *TINY, *TASKS["copying"]]
    assert main(command) == 0
    rates = [trial.params["optimizer.lr"] for trial in study().trials]
    assert len(rates) == 2
    assert all(1e-3 <= rate <= 1e-2 for rate in rates)


def test_one_process_at_a_time_runs_a_search(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    from recurbench.harness.tuning.search import alone

    assert main(search(*TASKS["copying"], trials=1)) == 0
    (path,) = Path("results/searches").glob("*.sqlite")
    with alone(path):
        assert main(search(*TASKS["copying"], trials=2)) == 2
    assert "another process runs this search" in capsys.readouterr().err
    assert sqlite3.connect(path).execute("select count(*) from trials").fetchone() == (1,)


def test_without_optuna_a_line_says_how_to_install_it(
    workplace: Path, config_store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "recurbench.harness.tuning.search", raising=False)
    assert main(search(*TASKS["copying"])) == 2
    assert capsys.readouterr().err == (
        "recurbench: hydra/sweeper=optuna: optuna is not there; "
        "install it: pip install 'recurbench[optuna]'\n"
    )
