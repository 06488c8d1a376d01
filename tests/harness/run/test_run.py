"""One run: its record, whatever happens on the way."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from recurbench.harness.errors import UserError
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.record import Record, read
from recurbench.harness.run.execute import execute
from recurbench.harness.run.module import SequenceModule

CELLS = sorted(registry().plugins["cell"])
TASKS = sorted(registry().plugins["task"])
SHARED = {
    "associative_recall", "compression", "copying", "cycle_navigation", "listops", "memorization",
    "modular_arithmetic", "parity", "repeat_previous", "transduction", "variable_length",
    "word_problem",
}  # fmt: skip
"""Tasks of which it is known how many sequences of test training draws too."""

UNRULY = '''
"""A cell that does what a test asks of it."""
import os
import torch
from torch import nn
from recurbench.cells.base import HiddenState, RecurrentCell


class Unruly(RecurrentCell[HiddenState]):
    """h' = tanh(W x + h), until it misbehaves."""

    name = "unruly"

    def __init__(self, input_size: int, hidden_size: int = 8, *, mood: str = "raise"):
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.zeros(hidden_size, input_size))
        self.mood = mood

    def initial_state(self, batch_size):
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        return x @ self.weight.T

    def recur(self, u, state):
        if self.mood == "raise":
            raise RuntimeError("a wheel came off\\nand rolled away")
        if self.mood == "memory":
            raise torch.OutOfMemoryError("too much")
        if self.mood == "allocate":
            torch.empty(1 << 60)
        h = torch.tanh(u + state.h)
        if self.mood == "nan":
            h = h * float("nan")
        return h, HiddenState(h)
'''


@pytest.mark.parametrize(
    ("cell", "task"),
    [(cell, "variable_length") for cell in CELLS]
    + [("gru", task) for task in TASKS if task != "variable_length"],
)
def test_every_cell_runs_and_so_does_every_task(
    cell: str, task: str, configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    outcome = execute(configure(f"cell={cell}", f"task={task}", *small))
    assert outcome.status == "completed", outcome.line
    (record,) = read_records()
    path = workplace / "results/runs" / task / cell / f"{record['run_id']}.json"
    assert msgspec.to_builtins(read(path)) == record
    assert str(path.relative_to(workplace)) in outcome.line
    name = record["primary"]["name"]
    assert {"val", "test"} <= set(record["metrics"])
    assert all(name in metrics for metrics in record["metrics"].values())
    assert record["references"]
    assert set(record["split_references"]) == set(record["metrics"]) - {"test"}
    assert all(set(x) == set(record["references"]) for x in record["split_references"].values())
    assert [point["step"] for point in record["curve"]] == [1, 2, 3]
    assert [f"val/{name}" in point for point in record["curve"]] == [False, True, True]
    assert ("overlap" in record) == (task in SHARED)
    cost = record["cost"]
    assert cost["steps"] == 3
    assert 0 < cost["recurrent_parameters"] < cost["parameters"]
    assert min(cost["tokens"], cost["train_seconds"]) > 0
    assert (cost["state_size"] > 0) == (cell != "feedforward")
    assert cost["tokens_per_second"] == pytest.approx(cost["tokens"] / cost["train_seconds"])


def test_copying_reports_its_longer_delays_as_splits_of_their_own(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    execute(configure("task.delay=3", *small))
    (record,) = read_records()
    assert set(record["metrics"]) == {"val", "test", "test_delay_6", "test_delay_12"}


def test_a_completed_run_is_skipped_until_a_rerun_is_asked_for(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    assert execute(configure(*small)).status == "completed"
    (first,) = read_records()
    skipped = execute(configure(*small))
    assert skipped.status == "skipped"
    assert "already completed" in skipped.line
    assert read_records() == [first]
    assert execute(configure("rerun=true", *small)).status == "completed"
    (second,) = read_records()
    assert second["run_id"] == first["run_id"]
    assert second["metrics"] == first["metrics"]


@pytest.mark.parametrize(
    ("mood", "status", "error"),
    [
        ("raise", "failed", "RuntimeError"),
        ("nan", "diverged", "DivergedError"),
        ("memory", "out_of_memory", "OutOfMemoryError"),
        ("allocate", "out_of_memory", "RuntimeError"),
    ],
)
def test_what_goes_wrong_in_a_run_becomes_its_record(
    mood: str,
    status: str,
    error: str,
    configure: Callable,
    small: list,
    plugin_folder: Path,
    workplace: Path,
    read_records: Callable,
) -> None:
    (plugin_folder / "unruly.py").write_text(UNRULY)
    config = configure("cell=unruly", f"cell.mood={mood}", *small)
    outcome = execute(config)
    assert (outcome.status, outcome.ok) == (status, False)
    assert "\n" not in outcome.line
    (record,) = read_records()
    assert record["status"] == status
    assert record["error"]["type"] == error
    assert "unruly.py" in record["error"]["traceback"] or status == "diverged"
    assert record["cost"]["parameters"] > 0
    assert execute(config).status == status, "a run that failed is tried again"


@pytest.mark.parametrize("method", ["setup", "fingerprint", "references", "metrics"])
def test_a_task_that_breaks_before_training_becomes_a_failed_record(
    method: str,
    configure: Callable,
    small: list,
    workplace: Path,
    read_records: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no data")

    monkeypatch.setattr(registry().plugins["task"]["copying"].cls, method, broken)
    assert execute(configure(*small)).status == "failed"
    (record,) = read_records()
    assert record["error"]["type"] == "ZeroDivisionError"
    (path,) = (workplace / "results/runs").rglob("*.json")
    assert isinstance(read(path), Record), "the record of an early failure is whole as well"


@pytest.mark.parametrize("moment", ["on_validation_epoch_end", "on_test_epoch_end"])
def test_an_interrupted_run_leaves_neither_record_nor_checkpoint(
    moment: str,
    configure: Callable,
    small: list,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(SequenceModule, moment, interrupt)
    with pytest.raises(KeyboardInterrupt):
        execute(configure(*small))
    assert {path.name for path in workplace.rglob("*") if path.is_file()} <= {"known.sqlite"}
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler, (
        "a second Ctrl-C must still work"
    )


def test_test_scores_come_from_the_checkpoint_that_was_best_on_val(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    # A rate this high makes the score jump about, so that the last evaluation is not the best.
    for seed in range(3):
        execute(
            configure(
                "optimizer.lr=0.3", "train.max_steps=30", f"seed={seed}", *small[2:], small[0]
            )
        )
    last_was_best = []
    for record in read_records():
        scores = [p["val/accuracy"] for p in record["curve"] if "val/accuracy" in p]
        assert record["metrics"]["val"]["accuracy"] == max(scores)
        last_was_best.append(scores[-1] == max(scores))
    assert not all(last_was_best)


def test_training_ends_at_a_limit_of_seconds_with_an_evaluation(
    configure: Callable, workplace: Path, read_records: Callable
) -> None:
    limits = ["train.max_steps=null", "train.max_seconds=0.2", "train.eval_every=100000"]
    assert execute(configure("logger=none", "cell=torch_gru", *limits)).ok
    (record,) = read_records()
    assert record["cost"]["train_seconds"] >= 0.2
    assert "val/accuracy" in record["curve"][-1]


def test_patience_stops_a_run_that_no_longer_improves(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    stopping = ["train.max_steps=40", "train.eval_every=1", "train.patience=2"]
    kept = [item for item in small if not item.startswith("train.")]
    assert execute(configure("optimizer.lr=1e-12", *stopping, *kept)).ok
    (record,) = read_records()
    assert record["cost"]["steps"] < 40


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [("adam", "constant"), ("adamw", "cosine"), ("sgd", "plateau"), ("rmsprop", "cosine")],
)
def test_every_optimizer_and_schedule_trains(
    optimizer: str, schedule: str, configure: Callable, small: list, workplace: Path
) -> None:
    options = [f"optimizer={optimizer}", f"optimizer.schedule={schedule}"]
    assert execute(configure(*options, "optimizer.warmup_steps=2", *small)).ok


@pytest.mark.parametrize(
    "options",
    [
        ["model.depth=2", "model.dropout=0.2", "model.residual=true", "model.norm=layer"],
        ["task=variable_length", "model.bidirectional=true", "model.readout=mean"],
        ["task=variable_length", "model.bidirectional=true", "model.depth=2"],
        ["trainer.precision=bf16"],
        ["trainer=auto"],
        ["train.gradient_clip=null"],
        ["task=language", "task.level=word"],
    ],
    ids=" ".join,
)
def test_every_option_of_a_run_trains(
    options: list, configure: Callable, small: list, workplace: Path
) -> None:
    assert execute(configure(*options, *small)).ok


def test_a_budget_sets_the_hidden_size_that_the_record_tells(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    execute(configure("budget.parameters=20000", *small))
    (record,) = read_records()
    assert record["cost"]["parameters"] == pytest.approx(20000, rel=0.02)
    assert record["cell"]["hidden_size"] != 8


def test_a_study_is_a_name_in_the_record(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    execute(configure("study=mine", *small))
    (record,) = read_records()
    assert record["study"] == "mine"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["task=language", "model.bidirectional=true"], "predicts the next step"),
        (["budget.parameters=10"], "no hidden size comes within"),
        (["results_dir=/dev/null/results"], "cannot write to"),
        (["task=language", "task.dataset=file", "task.file=missing.txt"], "missing.txt"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    overrides: list, words: str, configure: Callable, small: list, workplace: Path
) -> None:
    with pytest.raises(UserError, match=words):
        execute(configure(*overrides, *small))
    assert list(workplace.iterdir()) == []


def test_peak_memory_is_that_of_the_run_and_not_of_the_process_before_it(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    execute(configure(*small))
    (before,) = read_records()
    ballast = bytearray(os.urandom(1) * (400 << 20))
    execute(configure("rerun=true", *small))
    (during,) = read_records()
    del ballast
    execute(configure("rerun=true", *small))
    (after,) = read_records()
    peaks = [record["cost"]["peak_memory_bytes"] for record in (before, during, after)]
    assert peaks[1] - peaks[0] > 350 << 20
    assert peaks[1] - peaks[2] > 350 << 20
