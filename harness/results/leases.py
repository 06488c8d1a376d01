"""Which process has a run: any number of them, on several hosts over a shared folder.

What a run saves while it trains lies in a folder `unfinished/<run_id>.<number>`, which belongs to
the process that made it. A folder is made in one step, by giving a complete one its name, so that
no two processes make the same. Its file `owner.json` says whose it is and is written anew every
few seconds. Who finds a run whose owner is dead makes the next number and takes what was saved.
"""

import errno
import itertools
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from recurbench.harness.results.writing import write_whole

OWNER = "owner.json"
PROGRESS = "progress.pt"
"""What a training is continued from."""
ENTRIES = "loggers.json"
"""What the loggers of a run gave at their start, by their names."""
INHERITED = PROGRESS, ENTRIES
"""The files that go from an owner to the next."""

BEAT_SECONDS = 10.0
STALE_SECONDS = 120.0
"""An owner on another host is dead when it wrote nothing for so long, by the finder's clock."""


class Owner(msgspec.Struct, frozen=True):
    """A process, and how far its run is.

    Attributes:
        host: the system and its process namespace; a process number means nothing elsewhere.
        node: the host's name, for people.
        started: when the process was started, in ticks since the system was: numbers come again.
        token: of this owner alone.
        beat: grows while the owner lives.
        ended: the process has let go of the run, and said so.
        title: the run in a few words.
        sweep: the name of its sweep, if it is of one.
        state: how far it is, in a few words.
    """

    host: str
    node: str
    pid: int
    started: str
    token: str
    beat: int = 0
    ended: bool = False
    title: str = ""
    sweep: str | None = None
    state: str = ""


class TakenError(Exception):
    """Another process has taken a run, whose owner it thought dead."""


class Lease:
    """A run that this process has, until it is released or taken.

    Args:
        folder: the run's, with an owner of ours in it.
        owner: what was written there.
    """

    def __init__(self, folder: Path, owner: Owner) -> None:
        self.folder = folder
        self._owner = owner
        self._state: Callable[[], str] = str
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def report(self, state: Callable[[], str]) -> None:
        """Lets every beat tell how far the run is."""
        self._state = state

    def held(self) -> bool:
        """Whether the run is still ours: who thought us dead has taken it."""
        found = _owner_of(self.folder)
        return found is not None and found.token == self._owner.token

    def require(self) -> None:
        """Refuses to go on with a run that is not ours any more.

        Raises:
            TakenError: it is not.
        """
        if not self.held():
            raise TakenError(f"{self.folder}: another process, which thought this one dead, has it")

    def release(self, keep: bool) -> None:
        """Lets the run go.

        Args:
            keep: whether what was saved stays, for the next owner; anything else is removed.
        """
        self._over.set()
        self._thread.join()
        if not self.held():
            return
        if keep and _has_heritage(self.folder):
            with suppress(OSError):  # then it is found out that the process is dead
                self._write(ended=True)
        else:
            remove(self.folder)

    def _beat(self) -> None:
        for beat in itertools.count(1):
            if self._over.wait(BEAT_SECONDS) or not self.held():
                return
            with suppress(OSError):  # of a disk that is full or away: perhaps the next one
                self._write(beat=beat, state=self._state())

    def _write(self, **changes: Any) -> None:
        self._owner = msgspec.structs.replace(self._owner, **changes)
        write_whole(self.folder / OWNER, msgspec.json.encode(self._owner))


class Watch:
    """Tells whether owners live; what it has seen on other hosts it sees change, or not."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[Owner, float]] = {}

    def alive(self, folder: Path) -> Owner | None:
        """The owner of a folder, if it lives as far as can be known."""
        owner = _owner_of(folder)
        if owner is None or owner.ended:
            return None
        if owner.host == this_host():
            return owner if started(owner.pid) == owner.started else None
        now = time.monotonic()
        last, since = self._seen.setdefault(folder, (owner, now))
        if last != owner:
            self._seen[folder] = owner, now
            return owner
        return owner if now - since < STALE_SECONDS else None

    def owner(self, place: Path) -> Owner | None:
        """The live owner of a run, if there is one.

        Args:
            place: the run's, `unfinished/<run_id>`.
        """
        return next((o for f in folders(place) if (o := self.alive(f)) is not None), None)


WATCH = Watch()
"""This process's own, which has seen what it has seen."""


def take(place: Path, title: str = "", sweep: str | None = None) -> Lease | Owner:
    """Takes a run, and what a dead owner of it has saved; or tells who has it.

    Args:
        place: the run's, `unfinished/<run_id>`.
        title: the run in a few words.
        sweep: the name of its sweep.

    Raises:
        OSError: the folder cannot be written to.
    """
    owner = _this_owner(title, sweep)
    place.parent.mkdir(parents=True, exist_ok=True)
    while True:
        if (other := WATCH.owner(place)) is not None:
            return other
        older = folders(place)
        ours = place.with_name(f"{place.name}.{_number(older[-1]) + 1 if older else 1}")
        if _make(ours, owner):
            break
    # Someone who looked before we did may have taken a number beyond ours meanwhile.
    others = [folder for folder in folders(place) if folder != ours]
    if (other := next(filter(None, map(WATCH.alive, others)), None)) is not None:
        remove(ours)
        return other
    for folder in reversed(others):
        for name in INHERITED:
            if not (ours / name).exists():
                with suppress(FileNotFoundError):
                    os.replace(folder / name, ours / name)
        remove(folder)
    for folder in place.parent.glob(f".{place.name}.*"):  # of one that died while it made it
        if _owner_of(folder) is not None and WATCH.alive(folder) is None:
            remove(folder)
    return Lease(ours, owner)


def folders(place: Path) -> list[Path]:
    """The folders of a run, the one made last at the end."""
    form = re.compile(re.escape(place.name) + r"\.\d+")
    found = (path for path in place.parent.glob(f"{place.name}.*") if form.fullmatch(path.name))
    return sorted(found, key=_number)


def clear(place: Path, keep_progress: bool) -> None:
    """Removes what dead owners of a run have left; what they saved only if that is said."""
    for folder in folders(place):
        if WATCH.alive(folder) is None and not (keep_progress and _has_heritage(folder)):
            remove(folder)


def owned(unfinished: Path) -> Iterator[tuple[Path, Owner | None]]:
    """All folders of runs, with their owners if these live."""
    for folder in sorted(unfinished.glob("*")):
        if folder.is_dir():
            yield folder, WATCH.alive(folder)


def remove(folder: Path) -> None:
    """Removes a folder, its owner last: until then nobody takes it for an empty one."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != OWNER:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _has_heritage(folder: Path) -> bool:
    """Whether there is something in a folder for the next owner."""
    return any((folder / name).exists() for name in INHERITED)


def _make(folder: Path, owner: Owner) -> bool:
    """Makes a folder with an owner in it at once; False if somebody else has made it."""
    new = folder.with_name(f".{folder.stem}.{secrets.token_hex(4)}")
    new.mkdir()
    try:
        (new / OWNER).write_bytes(msgspec.json.encode(owner))
        os.rename(new, folder)  # refused if there is one with something in it
    except OSError as error:
        remove(new)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _owner_of(folder: Path) -> Owner | None:
    """What is written in a folder; None if nothing is, or nothing that can be read."""
    try:
        return msgspec.json.decode((folder / OWNER).read_bytes(), type=Owner)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _number(folder: Path) -> int:
    return int(folder.name.rpartition(".")[2])


def _this_owner(title: str, sweep: str | None) -> Owner:
    pid = os.getpid()
    node = os.uname().nodename
    return Owner(
        this_host(), node, pid, started(pid) or "", secrets.token_hex(8), title=title, sweep=sweep
    )


@cache
def this_host() -> str:
    """What tells this system, since it was started, and its process namespace from any other."""
    boot = namespace = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    return f"{os.uname().nodename} {boot} {namespace}"


def started(pid: int) -> str | None:
    """When a process of this host was started; None if it is dead, or not yet buried."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]
