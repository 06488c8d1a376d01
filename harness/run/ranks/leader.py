"""The first process of a run on several devices, which has all that the others do."""

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import torch
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined] # torch exports them

from recurbench.harness.config.sections import Config
from recurbench.harness.run.outcome import KilledError
from recurbench.harness.run.ranks.follower import FAILED, READY, Errand
from recurbench.harness.run.ranks.link import Link, LostRankError

ASK_SECONDS = 0.05
LAST_WORDS_SECONDS = 10.0


@contextmanager
def other_ranks(config: Config, device: torch.device, position: int) -> Iterator[Link | None]:
    """The other processes of a run, which end with the block; none where it has one device.

    Args:
        config: of the run.
        device: of this process.
        position: of the first batch, among all of a training.

    Raises:
        KilledError: another process was ended by a signal.
        MemoryError, RuntimeError: another process failed; the message says what it said.
    """
    world = config.trainer.devices
    if world == 1:
        yield None
        return
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    others = []
    try:
        for rank in range(1, world):
            others.append(_start(Errand(asdict(config), store.port, rank, world, position)))
        _wait_for(others, store)
        yield Link(store, 0, world, device)
    except LostRankError:
        raise _loss(others, store) from None
    finally:
        for process in others:  # what they have is here too
            process.kill()
            process.wait()
            process.communicate()  # closes its input


def _start(errand: Errand) -> subprocess.Popen[bytes]:
    """A further process; it is told what to do by its input, since it imports all anew."""
    command = [sys.executable, "-m", "recurbench.harness.run.ranks.follower"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own module
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(errand))
    process.stdin.flush()  # and stays open: it ends with us, and the other process with it
    return process


def _wait_for(others: list[subprocess.Popen[bytes]], store: Store) -> None:
    """Waits until all others have their data and their model."""
    ready = [READY.format(rank) for rank in range(1, len(others) + 1)]
    while not store.check(ready):
        if any(process.poll() is not None for process in others):
            raise LostRankError
        time.sleep(ASK_SECONDS)


def _loss(others: list[subprocess.Popen[bytes]], store: Store) -> Exception:
    """What became of the others: which of them has ended, and by what."""
    ends = time.monotonic() + LAST_WORDS_SECONDS  # its connections end before it does
    while time.monotonic() < ends:
        for rank, process in enumerate(others, 1):
            who = f"process {rank + 1} of {len(others) + 1}"
            if store.check([FAILED.format(rank)]):
                line, report = json.loads(store.get(FAILED.format(rank)))
                short = line.startswith(("OutOfMemoryError", "MemoryError"))
                error = (MemoryError if short else RuntimeError)(f"{who}: {line}")
                error.add_note(f"In {who}:\n{report}")
                return error
            if process.poll() is not None:
                code = process.returncode
                if code < 0:
                    return KilledError(f"{who} was ended by {signal.Signals(-code).name}")
                return RuntimeError(f"a plugin ended {who} with exit code {code}")
        time.sleep(ASK_SECONDS)
    return RuntimeError(f"one of {len(others) + 1} processes did not answer")
