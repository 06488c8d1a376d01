"""A run belongs to one process at a time, whatever happens to it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from recurbench.harness.results import leases
from recurbench.harness.results.leases import (
    OWNER,
    PROGRESS,
    Lease,
    Owner,
    TakenError,
    Watch,
    clear,
    folders,
    started,
    take,
    this_host,
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a run is saved."""
    return tmp_path / "unfinished" / "abc"


def taken(place: Path) -> Lease:
    found = take(place)
    assert isinstance(found, Lease)
    return found


def leave(place: Path, number: int, **changes: object) -> Path:
    """A folder of a run whose owner is another process, by default a dead one of this host."""
    usual = {"host": this_host(), "node": "here", "pid": 2**22 + 1, "started": "1", "token": "t"}
    folder = place.with_name(f"{place.name}.{number}")
    folder.mkdir(parents=True)
    (folder / OWNER).write_bytes(msgspec.json.encode(Owner(**(usual | changes))))
    return folder


def test_a_run_is_one_owners_until_it_lets_go(place):
    lease = taken(place)
    other = take(place)
    assert isinstance(other, Owner)
    assert other.pid == os.getpid()
    lease.release(keep=True)
    assert folders(place) == [], "nothing was saved, so nothing is left"
    taken(place).release(keep=False)
    assert list(place.parent.iterdir()) == []


def test_what_was_saved_goes_to_the_next_owner(place):
    lease = taken(place)
    (lease.folder / PROGRESS).write_text("half of it")
    (lease.folder / "best.ckpt").touch()
    lease.release(keep=True)
    following = taken(place)
    assert (following.folder / PROGRESS).read_text() == "half of it"
    assert folders(place) == [following.folder]
    following.release(keep=False)
    assert list(place.parent.iterdir()) == []


def test_a_dead_owner_of_this_host_is_known_at_once(place):
    folder = leave(place, 7)
    (folder / PROGRESS).write_text("half of it")
    lease = taken(place)
    assert lease.folder.name == "abc.8"
    assert (lease.folder / PROGRESS).exists()
    assert not folder.exists()
    lease.release(keep=False)


def test_a_number_that_another_process_has_now_is_not_taken_for_the_owner(place):
    leave(place, 1, pid=os.getpid(), started="1")
    taken(place).release(keep=False)


def test_a_process_that_is_dead_but_not_buried_is_dead(place):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    leave(place, 1, pid=process.pid, started=started(process.pid))
    assert isinstance(take(place), Owner)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    taken(place).release(keep=False)
    process.communicate()


def test_an_owner_on_another_host_is_dead_when_it_wrote_nothing_for_long(place, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(leases.time, "monotonic", lambda: clock[0])
    watch = Watch()
    folder = leave(place, 1, host="elsewhere")
    for beat in range(3):
        clock[0] += leases.STALE_SECONDS - 1
        assert watch.owner(place), "it has written meanwhile"
        owner = msgspec.json.decode((folder / OWNER).read_bytes(), type=Owner)
        (folder / OWNER).write_bytes(
            msgspec.json.encode(msgspec.structs.replace(owner, beat=beat + 1))
        )
    assert watch.owner(place)
    clock[0] += leases.STALE_SECONDS
    assert watch.owner(place) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"pid": "x"}'])
def test_a_folder_whose_owner_cannot_be_read_has_none(place, content):
    (leave(place, 1) / OWNER).write_bytes(content)
    taken(place).release(keep=False)
    assert list(place.parent.iterdir()) == []


def test_who_was_thought_dead_notices_it_and_disturbs_nothing(place):
    lease = taken(place)
    (lease.folder / PROGRESS).touch()
    folder = lease.folder.rename(place.with_name("abc.2"))
    assert not lease.held()
    with pytest.raises(TakenError):
        lease.require()
    lease.release(keep=False)
    assert (folder / PROGRESS).exists()


def test_an_owner_says_how_far_it_is(place, monkeypatch):
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    lease = taken(place)
    lease.report(lambda: "step 3")
    done = threading.Event()
    for _ in range(500):
        found = take(place)
        if isinstance(found, Owner) and found.state == "step 3":
            break
        done.wait(0.01)
    else:
        raise AssertionError(found)
    lease.release(keep=False)


def test_clearing_spares_the_living(place):
    lease = taken(place)
    dead = leave(place, 9)
    (dead / PROGRESS).touch()
    clear(place, keep_progress=True)
    assert dead.exists()
    clear(place, keep_progress=False)
    assert folders(place) == [lease.folder]
    lease.release(keep=False)


def test_what_a_process_left_that_died_while_it_made_a_folder_goes(place):
    place.parent.mkdir(parents=True)
    leave(place, 1).rename(place.with_name(".abc.1234"))
    taken(place).release(keep=False)
    assert list(place.parent.iterdir()) == []


RACER = """
import sys, time
from pathlib import Path
from recurbench.harness.results.leases import Lease, take
place, log = Path(sys.argv[1]), Path(sys.argv[2])
won = 0
while won < 25:
    lease = take(place)
    if not isinstance(lease, Lease):
        continue
    inside = log / "inside"
    inside.touch(exist_ok=False)  # fails if another process is in here
    if won % 3 == 0:
        (lease.folder / "progress.pt").touch()
    inside.unlink()
    lease.release(keep=won % 2 == 0)
    won += 1
"""


def test_no_two_processes_have_a_run_at_a_time(place, tmp_path):
    command = [sys.executable, "-c", RACER, str(place), str(tmp_path)]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    for racer in racers:
        _, errors = racer.communicate(timeout=120)
        assert racer.returncode == 0, errors.decode()
