"""Measures how long a sweep takes before its first run trains.

`python benchmarks/starting.py` composes and checks the jobs of `experiment=zoo`. Then it writes
valid records of 1,000 completed runs, 5 cells on 2 tasks with 10 rates and 10 seeds, and repeats
the sweep that would have made them, as a program of its own. A single run that is passed over says
what of that is the start of Python and torch.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Cost, Record, encode
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.feasible import require_distinct, require_feasible
from recurbench.harness.run.known import known_run, remember
from recurbench.harness.run.outcome import now, record_of
from recurbench.harness.run.prepare import Prepared, prepare

Made = TypeVar("Made")

COST = Cost(
    parameters=100_740, recurrent_parameters=98_700, state_size=3103, steps=250, tokens=200_000,
    train_seconds=7.0, tokens_per_second=25_000.0, peak_memory_bytes=496_099_328,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Measures and prints a table, in seconds by the clock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", default="experiment=zoo", help="overrides, apart by spaces")
    parser.add_argument("--cells", default="gru,lstm,rnn,mgu,min_gru")
    parser.add_argument("--rates", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args(arguments)
    register()
    print(f"{'':<34}{'runs':>6}{'seconds':>9}{'ms a run':>10}")
    composed, seconds = timed(lambda: checked(options.sweep.split()))
    show("composing and checking", len(composed), seconds)
    with tempfile.TemporaryDirectory() as results:
        rates = ",".join(f"{0.001 * (rate + 1):g}" for rate in range(options.rates))
        common = ["task=copying,variable_length", "logger=none", f"results_dir={results}"]
        seeds = f"seed=range({options.seeds})"
        sweep = [f"cell={options.cells}", f"optimizer.lr={rates}", seeds, *common]
        configs = checked(sweep)
        make_records(configs, ResultsFolder(Path(results)))
        one = [f"cell={configs[0].cell['name']}", "optimizer.lr=0.001", "seed=0"]
        _, seconds = timed(lambda: repeat([*one, "task=copying", *common[1:]], 1))
        show("passing over a run, as a program", 1, seconds)
        _, seconds = timed(lambda: repeat(["-m", *sweep], len(configs)))
        show("repeating a sweep, as a program", len(configs), seconds)


def timed(make: Callable[[], Made]) -> tuple[Made, float]:
    """What is made, and the seconds that it took."""
    start = time.perf_counter()
    return make(), time.perf_counter() - start


def show(what: str, runs: int, seconds: float) -> None:
    """Prints a line of the table."""
    print(f"{what:<34}{runs:>6,}{seconds:>9.2f}{seconds / runs * 1000:>10.2f}", flush=True)


def checked(overrides: list[str]) -> list[Config]:
    """The configurations of a sweep, after all that the command does before the first run."""
    composed, _ = compose_jobs(overrides, multirun=True)
    configs = [resolve(job) for job in composed]
    require_feasible(configs)
    require_distinct(configs)
    return configs


def make_records(configs: list[Config], folder: ResultsFolder) -> None:
    """Writes the record of each run as if it had completed, with its true identity.

    What the data of each task and seed is gets known on the way, as it does where runs train.
    """
    folder.runs.mkdir(parents=True)
    prepared: dict[str, Prepared] = {}
    for config in configs:
        task = config.task["name"]
        if task not in prepared or known_run(config) is None:
            prepared[task] = prepare(config)
            remember(prepared[task])
        record = completed(config, prepared[task])
        path = folder.record(task, config.cell["name"], record.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(record))


def completed(config: Config, prepared: Prepared) -> Record:
    """A completed record of a run, on the data that was prepared."""
    identity = known_run(config)
    assert identity is not None
    scores: dict[str, int | float | None] = {prepared.primary.name: 0.5}
    return record_of(
        config, identity, choose_device(config.trainer), now(), None,
        primary=prepared.primary, references=dict(prepared.references),
        metrics={"val": scores, "test": scores}, cost=COST,
    )  # fmt: skip


def repeat(arguments: list[str], runs: int) -> None:
    """Runs the command, which must skip every run."""
    command = [sys.executable, "-m", "recurbench", "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - this very program
    skipped = done.stdout.count("already completed")
    if done.returncode or skipped < runs:
        raise SystemExit(f"{skipped} of {runs} runs were skipped:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
