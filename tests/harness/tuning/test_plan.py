"""A tuned sweep: equal trials for all entries of a track, widened once, and resumed by itself."""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from recurbench.harness.cli import main
from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.results.index import read_runs
from recurbench.harness.results.runs import Run
from recurbench.harness.results.tracks import build_tracks
from recurbench.harness.run.execute import execute
from recurbench.harness.run.outcome import Outcome
from recurbench.harness.tuning.plan import finals, jobs, widened

TINY = [
    "logger=none", "train.max_steps=3", "train.eval_every=3", "train.batch_size=4",
    "cell.hidden_size=4", "task.eval_sequences=9",
]  # fmt: skip


def rates(configs: list[Config], cell: str | None = None) -> list[float]:
    return [c.optimizer.lr for c in configs if cell in (None, c.cell["name"])]


def records() -> list[Run]:
    return [run for run in read_runs(Path("results/runs")) if isinstance(run, Run)]


def run(configs: list[Config]) -> list[Outcome]:
    return [execute(config) for config in configs]


def test_each_run_of_a_sweep_is_tried_with_each_setting(configure_sweep: Callable) -> None:
    sweep = configure_sweep("cell=gru,rnn", "seed=0,1", "tuning=grid", "tuning.lr=[0.1,0.2]")
    found = jobs(sweep)
    assert len(found) == 2 * 2 * 2
    assert {(c.cell["name"], c.seed, c.optimizer.lr) for c in found} == {
        (cell, seed, lr) for cell in ("gru", "rnn") for seed in (0, 1) for lr in (0.1, 0.2)
    }
    others = [asdict(config) | {"optimizer": None} for config in found]
    assert {repr(o) for o in others} == {repr(asdict(c) | {"optimizer": None}) for c in sweep}


def test_without_tuning_a_sweep_stays_as_it_is(configure_sweep: Callable) -> None:
    sweep = configure_sweep("cell=gru,rnn", "optimizer.lr=0.1,0.2")
    assert jobs(sweep) == sweep
    assert widened(sweep, []) == []


def test_a_sweep_over_what_is_tuned_is_refused(configure_sweep: Callable) -> None:
    with pytest.raises(UserError, match="the sweep varies an option that tuning sets too"):
        jobs(configure_sweep("optimizer.lr=0.1,0.2", "tuning=grid"))
    other = configure_sweep("optimizer.weight_decay=0,0.1", "tuning=grid")
    assert len(jobs(other)) == 6


@pytest.fixture
def tuned(
    workplace: Path, configure_sweep: Callable, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[Config]]:
    """A sweep over two cells, two seeds and two tasks whose first trials were run."""

    def prepare(**best: float | None) -> list[Config]:
        sweep = configure_sweep(
            "cell=gru,rnn", "seed=0,1", "task=copying,parity", "tuning=grid",
            "tuning.lr=[0.001,0.002,0.004]",
            *(option for option in TINY if "eval_sequences" not in option),
        )  # fmt: skip
        assert all(outcome.ok for outcome in run(jobs(sweep)))
        return sweep

    return prepare


def scored(runs: list[Run], best: dict[tuple[str, str], float]) -> list[Run]:
    """The runs with validation scores that make one rate of an entry on a task the best."""
    for found in runs:
        setting = found.setting
        wanted = best[setting.task, setting.cell["name"]]
        found.scores["val"] = -abs(setting.optimizer["lr"] - wanted)
    return runs


def test_all_entries_of_a_track_are_widened_where_the_best_of_any_is_at_an_edge(
    tuned: Callable,
) -> None:
    sweep = tuned()
    best = {
        ("copying", "gru"): 0.001, ("copying", "rnn"): 0.002,
        ("parity", "gru"): 0.002, ("parity", "rnn"): 0.002,
    }  # fmt: skip
    more = widened(sweep, scored(records(), best))
    assert {c.task["name"] for c in more} == {"copying"}
    assert rates(more, "gru") == rates(more, "rnn") == [0.0005, 0.0005]
    assert {c.seed for c in more} == {0, 1}
    best["copying", "rnn"] = 0.004
    both = widened(sweep, scored(records(), best))
    assert rates(both, "gru") == rates(both, "rnn") == [0.0005, 0.008] * 2
    best |= {("copying", "gru"): 0.002, ("copying", "rnn"): 0.002}
    assert widened(sweep, scored(records(), best)) == []


def test_a_widened_sweep_is_tuned_equally_and_is_widened_once(tuned: Callable) -> None:
    sweep = tuned()
    best = {(task, cell): 0.001 for task in ("copying", "parity") for cell in ("gru", "rnn")}
    more = widened(sweep, scored(records(), best))
    assert all(outcome.ok for outcome in run(more))
    assert widened(sweep, scored(records(), best)) == more, "what is beyond decides nothing"
    assert {outcome.status for outcome in run(jobs(sweep) + more)} == {"skipped"}
    for track in build_tracks(records()):
        assert track.equal_tuning
        assert {row.trials for row in track.entries} == {4}


def test_what_is_not_to_be_widened_is_not(workplace: Path, configure_sweep: Callable) -> None:
    options = ["tuning=grid", "tuning.lr=[0.001,0.002]", *TINY]
    sweep = configure_sweep("cell=rnn", *options, "tuning.widen=false")
    assert all(outcome.ok for outcome in run(jobs(sweep)))
    assert widened(sweep, records()) == []
    assert widened(configure_sweep("cell=rnn", *options), records()) != []


def test_a_budget_and_an_encoder_that_are_settled_later_lead_to_the_same_runs(
    workplace: Path, configure_sweep: Callable
) -> None:
    options = ["tuning=grid", "tuning.lr=[0.001,0.002]", "task=variable_length", *TINY[:4]]
    sweep = configure_sweep("cell=gru", "budget.parameters=20000", *options)
    assert all(outcome.ok for outcome in run(jobs(sweep)))
    assert len(widened(sweep, records())) == 1


def test_the_command_runs_the_trials_and_those_beyond(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    command = ["run", "-m", "cell=rnn", "seed=0,1", "tuning=grid", "tuning.lr=[0.001,0.002]", *TINY]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert "tuning: 4 runs" in first
    assert "2 runs beyond" in first
    assert ": 6 completed, 0 not" in first
    assert main(command) == 0
    assert capsys.readouterr().out.count("skipped ") == 6
    assert main(["run", "tuning=grid", *TINY]) == 2
    assert "several trials need `run -m`" in capsys.readouterr().err


def test_a_line_about_a_trial_says_what_is_tried(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    tuning = ["tuning=grid", "tuning.lr=[0.003,0.01]", "tuning.weight_decay=[0.1]"]
    command = ["run", "-m", "cell=rnn", *tuning, "tuning.widen=false", *TINY]

    def lines(*further: str) -> list[str]:
        assert main([*command, *further]) == 0
        pattern = r"^(?:to run|completed|skipped) .* · (lr=.*) · seed 0"
        return sorted(re.findall(pattern, capsys.readouterr().out, re.MULTILINE))

    each = [f"lr={lr} weight_decay=0.1" for lr in ("0.003", "0.01")]
    assert lines("--dry-run") == each, "runs to come"
    assert lines() == each, "runs that ended"
    assert lines() == each, "runs that were completed before"
    assert main(["run", "-m", "cell=rnn", "optimizer.lr=0.003", *TINY, "--dry-run"]) == 0
    assert "lr=" not in capsys.readouterr().out, "nothing is tuned"


def test_trials_may_have_fewer_seeds_than_the_best_of_them(
    workplace: Path, configure_sweep: Callable
) -> None:
    sweep = configure_sweep(
        "cell=gru,rnn", "seed=3,1,2", "tuning=grid", "tuning.lr=[0.001,0.002,0.004]",
        "tuning.trial_seeds=1", *TINY,
    )  # fmt: skip
    first = jobs(sweep)
    assert {(c.cell["name"], c.seed) for c in first} == {("gru", 3), ("rnn", 3)}
    assert len(first) == 2 * 3
    assert all(outcome.ok for outcome in run(first))
    best = {("copying", "gru"): 0.002, ("copying", "rnn"): 0.004}
    more = widened(sweep, scored(records(), best))
    assert [(c.seed, c.optimizer.lr) for c in more] == [(3, 0.008)] * 2
    assert all(outcome.ok for outcome in run(more))
    best["copying", "rnn"] = 0.008
    last = finals(sweep, scored(records(), best))
    assert sorted((c.cell["name"], c.optimizer.lr, c.seed) for c in last) == [
        ("gru", 0.002, 1), ("gru", 0.002, 2), ("gru", 0.002, 3),
        ("rnn", 0.008, 1), ("rnn", 0.008, 2), ("rnn", 0.008, 3),
    ]  # fmt: skip
    assert [outcome.status for outcome in run(last)].count("skipped") == 2
    (track,) = build_tracks(scored(records(), best))
    assert track.equal_tuning
    assert {row.trial["lr"] for row in track.entries} == {0.002, 0.008}
    assert {row.seeds for row in track.entries} == {3}


def test_without_trial_seeds_nothing_comes_last(configure_sweep: Callable) -> None:
    assert finals(configure_sweep("cell=gru,rnn", "tuning=grid"), []) == []


def test_the_command_ends_with_the_best_trials(
    workplace: Path, config_store, capsys: pytest.CaptureFixture
) -> None:
    command = [
        "run", "-m", "cell=rnn", "seed=0,1,2", "tuning=grid", "tuning.lr=[0.001,0.002]",
        "tuning.trial_seeds=1", "tuning.widen=false", *TINY,
    ]  # fmt: skip
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "tuning: 2 runs" in said
    assert "the best trials with all seeds: 3 runs" in said
    assert len(records()) == 4
