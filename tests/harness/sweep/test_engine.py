"""A sweep goes on whatever its runs do, stops when asked, and goes on when started again."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from program import start

from recurbench.harness.results import leases
from recurbench.harness.results.leases import OWNER, Owner

SMALL = ["logger=none", "task=parity", "task.eval_sequences=20", "cell.hidden_size=8"]
BRIEF = [*SMALL, "train.max_steps=4", "train.eval_every=2", "train.batch_size=4"]
HARMS = "none,exit_at_once,hang,kill,memory,raise"
ENDS = {
    "none": "completed", "exit_at_once": "failed", "hang": "timed_out", "kill": "killed",
    "memory": "out_of_memory", "raise": "failed", "gru": "completed",
}  # fmt: skip


@pytest.mark.parametrize(
    "launcher",
    [[], ["workers=2"], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]],
    ids=["basic", "workers", "joblib"],
)
def test_a_run_that_does_harm_costs_itself_alone(
    launcher: list, odd_cell: Path, command: Callable, statuses: Callable
) -> None:
    done = command(
        "run", "-m", *BRIEF, "cell=odd", f"cell.harm={HARMS}", "run.timeout=20", "sweep=s",
        *launcher,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert statuses() == {harm: ENDS[harm] for harm in HARMS.split(",")}
    ending = done.stdout.partition("sweep s: 1 completed, 5 not\n")[2].splitlines()
    assert len(ending) == 5
    for line in ending:
        log = Path(line.rpartition("log: ")[2])
        assert "about to do harm" in log.read_text()
    assert "ValueError" in "".join(path.read_text() for path in Path("results").rglob("*.json"))
    assert list(Path("results/unfinished").iterdir()) == []


def test_after_so_many_failures_no_more_runs_are_started(
    odd_cell: Path, command: Callable, statuses: Callable
) -> None:
    options = [*BRIEF, "cell=odd", "cell.harm=raise,exit,state,none"]
    done = command("run", "-m", *options, "max_failures=2")
    assert done.returncode == 1
    assert statuses() == {"raise": "failed", "exit": "failed"}
    assert "2 without an outcome; the same command runs these" in done.stdout
    done = command("run", "-m", *options, "retry_failed=false")
    assert done.returncode == 1
    assert done.stdout.count("retry_failed=true tries it again") == 4  # twice, and at the end
    assert statuses() == {
        "raise": "failed", "exit": "failed", "state": "failed", "none": "completed",
    }  # fmt: skip


def test_two_processes_with_one_sweep_do_each_run_once(workplace: Path) -> None:
    both = [start("run", "-m", *BRIEF, "seed=range(8)", "sweep=shared") for _ in range(2)]
    printed = ""
    for process in both:
        out, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, ""), out
        printed += out
    assert len(list(Path("results/runs").rglob("*.json"))) == 8
    lines = [line for line in printed.splitlines() if re.match(r"(completed|skipped) ", line)]
    assert sum(line.startswith("completed") for line in lines) == 8
    assert sum(line.startswith("skipped") for line in lines) == 8
    assert sorted(path.name for path in Path("results/sweeps").iterdir()) == ["shared", "shared.2"]


def test_a_run_of_a_dead_host_is_taken_over_at_the_end(
    workplace: Path, run_here: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "STALE_SECONDS", 3.0)
    assert run_here("-m", *BRIEF, "seed=0") == 0
    (path,) = Path("results/runs").rglob("*.json")
    path.unlink()
    folder = Path("results/unfinished") / f"{path.stem}.1"
    folder.mkdir(parents=True)
    gone = Owner("elsewhere", "elsewhere", 1, "1", "token")
    (folder / OWNER).write_bytes(msgspec.json.encode(gone))
    assert run_here("-m", *BRIEF, "seed=0,1") == 0
    assert len(list(Path("results/runs").rglob("*.json"))) == 2
    assert list(Path("results/unfinished").iterdir()) == []


def test_nothing_outlives_a_sweep_over_joblib_that_is_killed(workplace: Path) -> None:
    joblib = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    process = interpreter(["-m", *LONG, *joblib, "seed=0,1"], "joblib")
    assert wait_for(lambda: len(list(Path("results/unfinished").glob("*/progress.pt"))) == 2)
    process.kill()
    process.communicate()
    assert wait_for(lambda: not any(marked(p, "joblib") for p in environments()), 60)
    assert len(list(Path("results/unfinished").glob("*/progress.pt"))) == 2, "they have saved"


LONG = [*SMALL, "train.max_steps=100000", "train.eval_every=100", "train.save_every=0"]


@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 138), ("SIGHUP", 129)]
)
def test_a_sweep_that_is_asked_to_stop_saves_and_says_so(
    name: str, code: int, workplace: Path
) -> None:
    process = start("run", "-m", *LONG, "cell=gru,lstm,rnn", "workers=2", "sweep=s")
    assert wait_for(lambda: len(list(Path("results/unfinished").glob("*/progress.pt"))) == 2)
    assert "sweep s: 0 of 3 done" in said("status")
    process.send_signal(getattr(signal, name))
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    assert f"stopped by {name}: 0 of 3 runs are done; the same command goes on" in out
    assert "sweep s: stopped, 0 of 3 done\n  goes on: recurbench run -m" in said("status")
    assert "2 interrupted runs are saved" in said("status")
    assert list(Path("results/runs").rglob("*.json")) == []
    assert "3 removed" in said("clean")
    assert list(Path("results").rglob("*.pt")) == []
    assert "nothing runs" in said("status")


def test_a_second_signal_ends_what_does_not_react(odd_cell: Path) -> None:
    process = start("run", "-m", *BRIEF, "cell=odd", "cell.harm=stubborn,none")
    assert wait_for(lambda: any(map(saved, Path("results").rglob("0.log"))))
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None, "it waits for the step"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "0 of 2 runs are done" in out
    assert list(Path("results/runs").rglob("*.json")) == []


def saved(log: Path) -> bool:
    return "about to do harm" in log.read_text()


def said(*arguments: str) -> str:
    with start(*arguments) as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return out


def wait_for(what: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


KILLED = [
    *SMALL, "task=parity", "cell=gru,rnn,lstm", "seed=range(8)", "train.max_steps=60",
    "train.eval_every=10", "train.batch_size=4", "train.save_every=0",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "together", "often"),
    [(["workers=2"], 1, 20), ([], 1, 20), ([], 2, 20)],
    ids=["workers", "basic", "two processes"],
)
def test_a_sweep_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    options: list, together: int, often: int, workplace: Path, undisturbed: dict
) -> None:
    """Its whole tree is killed at random moments."""
    random = Random(together + len(options))
    mark = f"{workplace.name}-{random.random()}"
    for kills in itertools.count():
        before = traces()
        trees = [interpreter(["-m", *KILLED, *options, "sweep=s"], mark) for _ in range(together)]
        if kills == often:
            break
        assert wait_for(lambda before=before: traces() != before)
        time.sleep(random.uniform(0, 2))
        kill_all(trees, mark)
        if len(list(Path("results/runs").rglob("*.json"))) > 20:  # the rest would be nothing new
            shutil.rmtree("results/runs")
    printed = [tree.communicate(timeout=600) for tree in trees]
    assert [tree.returncode for tree in trees] == [0] * together, printed
    assert lasting(Path("results/runs")) == undisturbed
    left = {path for path in Path("results").rglob("*") if path.is_file()}
    left -= {*Path("results").rglob("*.json"), *Path("results").rglob("logs/*.log")}
    assert {path.name for path in left} <= {"multirun.yaml", "known.sqlite"}
    assert list(Path("results/unfinished").iterdir()) == []


def traces() -> set[str]:
    """The names of what runs under way and completed ones have made."""
    made = [*Path("results/unfinished").glob("*"), *Path("results/runs").rglob("*.json")]
    return {path.name for path in made}


def interpreter(arguments: list, mark: str) -> subprocess.Popen:
    """A program that can be told from all others by a variable that its processes inherit."""
    command = [sys.executable, "-m", "recurbench", "run", *arguments]
    return subprocess.Popen(
        command, stdout=-1, stderr=-1, text=True, env={**os.environ, "MARK": mark}
    )


def kill_all(trees: list, mark: str) -> None:
    """Kills programs with all that they have started, until nothing is left."""
    while doomed := [path for path in environments() if marked(path, mark)]:
        for path in doomed:
            with suppress(ProcessLookupError):
                os.kill(int(path.parent.name), signal.SIGKILL)
        for tree in trees:
            tree.communicate()


def environments() -> Iterator[Path]:
    """The variables of all processes."""
    return Path("/proc").glob("[0-9]*/environ")


def marked(path: Path, mark: str) -> bool:
    try:
        return f"MARK={mark}".encode() in path.read_bytes().split(b"\0")
    except OSError:
        return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What of the sweep's records must not depend on how it came to its end."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with start("run", "-m", *KILLED, cwd=folder) as process:
        process.communicate(timeout=600)
    found = lasting(folder / "results/runs")
    assert len(found) == 24
    return found


def lasting(runs: Path) -> dict:
    found = {}
    for path in runs.rglob("*.json"):
        record = json.loads(path.read_text())
        assert record["status"] == "completed", record["error"]
        curve = [{k: v for k, v in p.items() if k != "seconds"} for p in record["curve"]]
        found[record["run_id"]] = record["metrics"], curve
    return found
