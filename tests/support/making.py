"""Records for tests: whole ones of the real type, of which a test names what matters to it."""

from typing import Any

from recurbench.harness.results.record import (
    PROTOCOL,
    Code,
    Cost,
    Entry,
    Environment,
    Failure,
    Primary,
    Record,
    Status,
    Track,
    digest,
)
from recurbench.harness.results.runs import Run, run_of

ADAM = {"name": "adam", "lr": 0.003}
SGD = {"name": "sgd", "lr": 0.1}


def make_record(
    cell: str = "gru",
    *,
    val: float | None = 0.5,
    test: float | None = 0.5,
    seed: int = 0,
    status: Status = "completed",
    optimizer: dict[str, Any] = ADAM,
    task: str = "copying",
    train: str = "short",
    metric: str = "accuracy",
    higher_is_better: bool = True,
    seconds: float = 2.0,
    memory: int = 1000,
    parameters: int = 123,
    hardware: str = "a processor",
    threads: int = 1,
    code: tuple[int, str, str] = (PROTOCOL, "1", "1"),
    finished_at: str = "2026-01-01T00:00:00+00:00",
    run_id: str | None = None,
    **changes: Any,
) -> Record:
    """A record of a completed run, or of one that failed in training.

    Args:
        cell: the label of its entry; the cell's name is the first word.
        train: how long it trained; runs of another length are on another track.
        code: the protocol and the versions of cell and task.
        changes: further fields of a record.
    """
    completed = status == "completed"
    sections: dict[str, Any] = {
        "task": {"name": task},
        "model": {"depth": 1},
        "train": {"length": train},
        "budget": {"parameters": None},
    }
    name = cell.partition(" ")[0]
    found = {
        "run_id": run_id or digest([cell, seed, optimizer, code, task, train]),
        "status": status,
        "seed": seed,
        "track": Track(id=digest(sections), data="d", precision="32", **sections),
        "entry": Entry(id=digest(cell), label=cell),
        "code": Code(protocol=code[0], cell=code[1], task=code[2]),
        "cell": {"name": name, "hidden_size": 8},
        "optimizer": optimizer,
        **sections,
        "primary": Primary(name=metric, higher_is_better=higher_is_better),
        "references": {"chance": 0.125},
        "metrics": {"val": {metric: val, "loss": 9.0}, "test": {metric: test, "loss": 9.0}}
        if completed
        else {},
        "curve": [{"step": 10, "seconds": 0.25, "train/loss": 2.0}],
        "cost": Cost(
            parameters=parameters,
            recurrent_parameters=100,
            state_size=7,
            steps=10,
            tokens=200,
            train_seconds=seconds,
            tokens_per_second=100 * seconds,
            peak_memory_bytes=1_000_000,
            flops_per_token=250,
            training_memory_bytes=memory,
            saved_bytes=50,
        ),
        "environment": Environment(
            recurbench="0.1.0",
            python="3.11.7",
            torch="2.13.0",
            lightning="2.6.6",
            cuda=None,
            device="cpu",
            hardware=hardware,
            threads=threads,
            precision="32",
            host="here",
            git_commit="c0ffee" + 34 * "0",
            git_dirty=False,
        ),
        "logger": [],
        "started_at": "2026-01-01T00:00:00+00:00",
        "finished_at": finished_at,
        "error": None if completed else Failure(type="E", message="m", traceback="t"),
    }
    return Record(**(found | changes))


def make_run(*arguments: Any, **changes: Any) -> Run:
    """What a board needs of the record that `make_record` makes, read from a file `ID.json`."""
    record = make_record(*arguments, **changes)
    return run_of(record, f"{record.run_id}.json")


def make_seeds(label: str, *scores: float, **known: Any) -> list[Run]:
    """A completed run for each score."""
    return [make_run(label, test=score, seed=seed, **known) for seed, score in enumerate(scores)]


def make_clear() -> list[Run]:
    """Three entries: one that is best, and two that cannot be told apart."""
    return [
        *make_seeds("gru", 0.9, 0.901, 0.902),
        *make_seeds("lstm", 0.5, 0.501, 0.502, parameters=1234567, seconds=4.0),
        *make_seeds("rnn hidden_size=8", 0.5, 0.502, 0.503, seconds=12.34),
    ]
