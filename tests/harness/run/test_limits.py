"""A training ends at the first limit that it reaches, in the section `budget` or `train`."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from recurbench.harness.errors import UserError
from recurbench.harness.results.record import read
from recurbench.harness.run.execute import execute
from recurbench.harness.run.identity import identify
from recurbench.harness.run.recorder import Recorder
from recurbench.harness.run.restore import command_of, config_of

TINY = ["logger=none", "cell.hidden_size=8", "train.batch_size=4", "train.eval_every=2"]
TOKENS = 4 * 25
"""Valid steps of a batch of four at copying's default length."""


@pytest.mark.parametrize("steps", [1, 5])
def test_a_budget_of_steps_is_met_exactly(
    steps: int, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    assert execute(configure(f"budget.steps={steps}", *TINY)).ok
    (record,) = read_records()
    assert record["cost"]["steps"] == steps
    assert record["curve"][-1]["step"] == steps
    assert "val/accuracy" in record["curve"][-1]
    assert record["budget"]["steps"] == steps


@pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (3 * TOKENS, 3), (3 * TOKENS + 1, 4)])
def test_a_budget_of_tokens_ends_with_the_step_that_reaches_it(
    tokens: int, steps: int, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    assert execute(configure(f"budget.tokens={tokens}", *TINY)).ok
    (record,) = read_records()
    assert record["cost"]["steps"] == steps
    assert record["cost"]["tokens"] == steps * TOKENS
    assert "val/accuracy" in record["curve"][-1]
    assert (record["budget"]["tokens"], record["train"]["max_tokens"]) == (tokens, tokens)


def test_tokens_are_the_valid_ones_of_packed_batches(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    options = ["budget.tokens=150", "task=variable_length", *TINY]
    assert execute(configure(*options)).ok
    (record,) = read_records()
    cost = record["cost"]
    longest = cost["tokens"] / cost["steps"]
    assert 150 <= cost["tokens"] < 150 + 2 * longest


def test_a_budget_of_seconds_ends_training_with_an_evaluation(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    options = ["logger=none", "cell=torch_gru", "train.eval_every=100000"]
    assert execute(configure("budget.seconds=0.2", *options)).ok
    (record,) = read_records()
    assert record["cost"]["train_seconds"] >= 0.2
    assert record["train"]["max_steps"] is None
    assert record["track"]["machine"] is not None
    assert "val/accuracy" in record["curve"][-1]


def test_of_several_limits_the_first_that_is_reached_counts(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    for tokens in (2 * TOKENS, 9 * TOKENS):
        assert execute(configure("budget.steps=4", f"budget.tokens={tokens}", *TINY)).ok
    assert sorted(record["cost"]["steps"] for record in read_records()) == [2, 4]


def test_budgets_take_the_place_of_all_limits_of_the_training(
    configure: Callable, configure_sweep: Callable
) -> None:
    one = ["experiment=zoo", "task=parity", "cell=gru", "seed=0", "optimizer.lr=0.01"]
    train = configure_sweep(*one, "budget.tokens=500")[0].train
    assert (train.max_steps, train.max_seconds, train.max_tokens) == (None, None, 500)
    train = configure("budget.steps=7", "budget.seconds=9").train
    assert (train.max_steps, train.max_seconds, train.max_tokens) == (7, 9.0, None)


@pytest.mark.parametrize("name", ["steps", "seconds", "tokens"])
def test_either_section_asks_for_the_same_run(name: str, configure: Callable) -> None:
    others = [] if name == "steps" else ["train.max_steps=null"]
    old = configure(f"train.max_{name}=50", *others)
    new = configure(f"budget.{name}=50")
    machine = {"hardware": "a", "threads": 1}
    mine, theirs = identify(new, "data", machine), identify(old, "data", machine)
    assert (mine.run_id, mine.track) == (theirs.run_id, theirs.track)
    assert mine.sections["budget"][name] == 50


def test_other_limits_are_other_tracks(configure: Callable) -> None:
    limits = ["steps=50", "steps=60", "seconds=50", "tokens=50"]
    tracks = {identify(configure(f"budget.{limit}"), "data").track.id for limit in limits}
    assert len(tracks) == len(limits)


@pytest.mark.parametrize(
    "options",
    [
        ["train.max_steps=50", "budget.steps=60"],
        ["train.max_steps=50", "budget.tokens=500"],
        ["budget.seconds=3", "train.max_seconds=4"],
        ["train.max_tokens=3", "budget.steps=4", "budget.seconds=9"],
    ],
    ids=" ".join,
)
def test_limits_of_both_sections_that_contradict_are_refused(
    options: list, configure: Callable
) -> None:
    with pytest.raises(UserError) as caught:
        configure(*options)
    assert "take the place of train's; give the budget alone" in str(caught.value)
    for option in options:
        assert option in str(caught.value)


def test_limits_of_both_sections_that_agree_are_taken(configure: Callable) -> None:
    options = ["train.max_steps=50", "budget.steps=50", "train.max_seconds=null"]
    assert configure(*options).train.max_steps == 50


def test_the_job_of_a_sweep_with_limits_that_contradict_is_refused(
    configure_sweep: Callable,
) -> None:
    with pytest.raises(UserError, match="give the budget alone"):
        configure_sweep("train.max_steps=50", "budget.steps=50,60")
    budgets = [config.train.max_steps for config in configure_sweep("budget.steps=50,60")]
    assert budgets == [50, 60]


@pytest.mark.parametrize("limit", ["steps=3", "tokens=250"])
def test_a_record_leads_back_to_its_budget(
    limit: str, configure: Callable, workplace: Path
) -> None:
    config = configure(f"budget.{limit}", *TINY)
    assert execute(config).ok
    (path,) = (workplace / "results/runs").rglob("*.json")
    record = read(path)
    assert asdict(config_of(record).budget) == asdict(config.budget)
    line = command_of(record, Path("results"))
    again = configure(*[part for part in line.split()[2:] if part != "train.keep_checkpoint=true"])
    assert asdict(again.train) == asdict(config.train)


def test_progress_towards_the_nearest_limit_is_known(
    configure: Callable, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    after = Recorder.on_train_batch_end

    def watch(self, *arguments) -> None:
        after(self, *arguments)
        seen.append(self.used)

    monkeypatch.setattr(Recorder, "on_train_batch_end", watch)
    assert execute(configure("budget.steps=8", f"budget.tokens={4 * TOKENS}", *TINY)).ok
    assert seen == [0.25, 0.5, 0.75, 1.0]
