"""A run on several devices trains on the same batches, and ends as it does on one."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed import HashStore
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurbench.harness.cli import main
from recurbench.harness.run.execute import execute
from recurbench.harness.run.ranks.follower import Errand
from recurbench.harness.run.ranks.link import Link
from recurbench.harness.run.ranks.rows import join_states, rows_of, split_batch, split_states
from recurbench.harness.run.ranks.share import joint_loss
from recurbench.tasks.base import IGNORE_INDEX, Batch, TaskSpec

CPU = torch.device("cpu")


def in_ranks(world: int, work: Callable[[Link], Any]) -> list[Any]:
    """What each rank gives, in threads of this process."""
    store, given = HashStore(), [None] * world

    def run(rank: int) -> None:
        given[rank] = work(Link(store, rank, world, CPU))

    threads = [Thread(target=run, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return given


def packed(rows: Tensor, lengths: list[int]) -> Any:
    return pack_padded_sequence(rows, torch.tensor(lengths), batch_first=True, enforce_sorted=False)


def test_the_parts_of_a_batch_are_its_rows_in_their_order() -> None:
    rows = torch.arange(5 * 4).view(5, 4)
    parts = split_batch(Batch(rows, rows[:, 0], fresh=False), 3)
    assert [len(part.inputs) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.inputs for part in parts]), rows)
    assert torch.equal(torch.cat([part.targets for part in parts]), rows[:, 0])
    assert not any(part.fresh for part in parts)
    lengths = [2, 4, 1, 3, 4]
    parts = split_batch(Batch(packed(rows, lengths), packed(rows + 1, lengths)), 3)
    found = [pad_packed_sequence(part.inputs, batch_first=True, total_length=4) for part in parts]
    assert torch.cat([lengths for _, lengths in found]).tolist() == lengths
    right, _ = pad_packed_sequence(packed(rows, lengths), batch_first=True)
    assert torch.equal(torch.cat([padded for padded, _ in found]), right)
    assert [rows_of(part.targets) for part in parts] == [2, 2, 1]
    (one, none) = split_batch(Batch(packed(rows[:1], [3]), packed(rows[:1], [3])), 2)
    assert (rows_of(one.inputs), rows_of(none.inputs)) == (1, 0)


def test_states_go_apart_and_together_again() -> None:
    states = [[[torch.rand(5, 2), torch.arange(5)]], [[torch.rand(5, 3)], [torch.rand(5, 1)]]]
    parts = split_states(states, 2)
    assert [len(part[0][0][1]) for part in parts] == [3, 2]
    joined = join_states(parts)
    for layer, right in zip(joined, states, strict=True):
        for state, leaves in zip(layer, right, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(state, leaves, strict=True))


class Sums:
    """A task whose loss is no mean: the square of a sum over the positions that count."""

    spec = TaskSpec(input_size=3, tokens=False, output_size=2, scope="sequence")

    def targets_of(self, batch: Batch) -> Tensor:
        assert isinstance(batch.targets, Tensor)
        return batch.targets

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        counts = targets != IGNORE_INDEX
        return (outputs[counts].sum() - targets[counts].sum()).square()


@pytest.mark.parametrize("rows", [7, 1])
def test_the_sum_of_all_gradients_is_that_of_the_batch_for_any_loss(rows: int) -> None:
    batch = Batch(torch.randn(rows, 3), torch.randint(0, 9, (rows,)))
    batch.targets[:2] = 3  # type: ignore[index]
    batch.targets[1:3] = IGNORE_INDEX  # type: ignore[index]

    alone, *models = [nn.Linear(3, 2) for _ in range(4)]
    models[0].load_state_dict(alone.state_dict())  # which replaces the others' weights
    loss = Sums().loss(alone(batch.inputs), batch.targets)  # type: ignore[arg-type]
    loss.backward()

    def work(link: Link) -> nn.Linear:
        own = models[link.rank]
        link.share_weights(own)
        found = joint_loss(Sums(), batch, link, lambda part: own(part.inputs))  # type: ignore[arg-type]
        torch.testing.assert_close(found.detach(), loss.detach())
        if found.requires_grad:
            found.backward()
        link.add_gradients(own)
        return own

    first, *others = in_ranks(3, work)
    assert len(others) == 2
    torch.testing.assert_close(first.weight.grad, alone.weight.grad)
    torch.testing.assert_close(first.bias.grad, alone.bias.grad)


SMALL = [
    "logger=none", "train.max_steps=9", "train.eval_every=3", "train.batch_size=5",
    "train.save_every=0", "cell.hidden_size=8", "trainer.devices=2",
]  # fmt: skip
LANGUAGE = [
    "task=language", "task.dataset=file", "task.file=text.txt", "task.length=5",
    "task.eval_streams=2", "cell=lstm", "model.depth=2",
]  # fmt: skip


def curve_of(record: dict) -> list[dict]:
    return [{k: v for k, v in point.items() if k != "seconds"} for point in record["curve"]]


def assert_alike(record: dict, other: dict) -> None:
    """Equal but for the rounding of sums."""
    assert record["run_id"] == other["run_id"]
    assert record["cost"]["tokens"] == other["cost"]["tokens"]
    for point, right in zip(curve_of(record), curve_of(other), strict=True):
        assert point == pytest.approx(right, rel=1e-4)
    for split, scores in other["metrics"].items():
        assert record["metrics"][split] == pytest.approx(scores, rel=1e-4)


def test_two_devices_train_as_one_and_go_on_after_an_interruption(
    cut_off: Callable, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    """The state goes from batch to batch, by rows that a device keeps."""
    (workplace / "text.txt").write_text("she sells sea shells on the sea shore\n" * 30)
    assert execute(configure(*LANGUAGE, *SMALL, "trainer.devices=1", "results_dir=one")).ok
    config = configure(*LANGUAGE, *SMALL)
    cut_off(lambda: execute(config), 5)
    assert execute(config).ok
    (one,), (two,) = read_records("one"), read_records()
    assert two["resumed_after"] == 3
    assert "devices" not in one["environment"]
    assert two["environment"]["devices"] == 2
    assert_alike(two, one)


CELL = '''
import os, signal
from recurbench.cells.rnn import RNN

class OddCell(RNN):
    """Fails after some steps, in the process that has two of five rows."""
    name = "odd"
    steps = 0

    def forward(self, x, state=None):
        if len(x) == 2 and self.training:
            self.steps += 1
            if self.steps == 5 and not os.path.exists("healthy"):
                {what}
        return super().forward(x, state)
'''


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("raise ValueError('two rows')", "failed", "process 2 of 2: ValueError: two rows"),
        ("raise SystemExit(0)", "failed", "process 2 of 2: SystemExit: 0"),
        ("os._exit(3)", "failed", "a plugin ended process 2 of 2 with exit code 3"),
        ("raise MemoryError", "out_of_memory", "process 2 of 2: MemoryError"),
    ],
)
def test_a_process_that_fails_fails_the_run(
    what: str, status: str, said: str, discover: Callable, configure: Callable, workplace: Path,
    read_records: Callable,
) -> None:  # fmt: skip
    discover(odd=CELL.format(what=what))
    assert not execute(configure("cell=odd", "task=copying", *SMALL)).ok
    (record,) = read_records()
    assert record["status"] == status
    assert said in record["error"]["message"]
    if "raise" in what:
        assert "odd.py" in record["error"]["traceback"]
    assert not list(workplace.rglob("unfinished/*"))


def test_a_process_that_is_killed_costs_no_more_than_what_was_not_saved(
    discover: Callable, configure: Callable, workplace: Path, read_records: Callable
) -> None:
    discover(odd=CELL.format(what="os.kill(os.getpid(), signal.SIGKILL)"))
    config = configure("cell=odd", "task=copying", *SMALL)
    assert execute(config).status == "killed"
    (record,) = read_records()
    assert record["error"]["message"] == "process 2 of 2 was ended by SIGKILL"
    (workplace / "healthy").touch()
    assert execute(config).ok
    (record,) = read_records()
    assert record["resumed_after"] == 3


def test_several_devices_are_of_a_single_run(
    workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", "-m", "seed=0,1", *SMALL]) == 2
    assert "trainer.devices=2 is of a single run, without -m" in capsys.readouterr().err
    assert main(["run", *SMALL, "trainer.devices=6"]) == 2
    assert "a batch has 5 rows" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [1.0, 4.0])
def test_the_others_end_with_a_first_process_that_is_killed(
    seconds: float, workplace: Path
) -> None:
    """While they still import torch, and while they wait for it."""
    errand = pickle.dumps(Errand({}, 1, 1, 2, 0))
    command = [sys.executable, "-m", "recurbench.harness.run.ranks.follower"]
    starter = f"""
import subprocess, time
other = subprocess.Popen({command!r}, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
other.stdin.write({errand!r})
other.stdin.flush()
print(other.pid, flush=True)
time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        pid = int(first.stdout.readline())
        time.sleep(seconds)
        first.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
