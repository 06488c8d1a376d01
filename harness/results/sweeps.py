"""The folder of a sweep: who runs it, how its runs ended and what they printed."""

import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from recurbench.harness.errors import UserError
from recurbench.harness.results.leases import started, this_host
from recurbench.harness.results.writing import write_whole

FILE = "sweep.json"


class Outcome(msgspec.Struct, frozen=True):
    """How a run of a sweep ended, for the person who started it.

    Attributes:
        status: a record's status; or `skipped`, which has a completed record; or, without any,
            `refused`, `busy` (another process has the run) or `interrupted`.
        line: one line that says it.
        val: the primary metric on validation, if the run completed.
        offline: folder of the wandb run that waits to be uploaded, if there is one.
        run_id: of the run, if it came so far.
        record: the file of its record, unless that is in an archive.
        log: the file of what it printed, if that is a file.
    """

    status: str
    line: str
    val: float | None = None
    offline: str | None = None
    run_id: str | None = None
    record: str | None = None
    log: str | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a completed record."""
        return self.status in ("completed", "skipped")


class Sweep(msgspec.Struct):
    """What is known of a sweep from its start.

    Attributes:
        name: as it was given, or the time of its start.
        jobs: how many runs it has; None for a search, which chooses them as it goes.
        workers: how many run at a time, as far as that is known.
        command: what started it.
        host: where it runs, as leases say it, and `node` for people.
        pid: the process, and in `started` when that was started.
        ended: whether it has come to its end.
    """

    name: str
    jobs: int | None
    workers: int
    command: list[str]
    host: str
    node: str
    pid: int
    started: str
    started_at: str
    ended: bool = False

    @property
    def alive(self) -> bool | None:
        """Whether it runs; None where that cannot be known, on another host."""
        if self.ended:
            return False
        if self.host != this_host():
            return None
        return started(self.pid) == self.started


class SweepFolder:
    """The folder of a sweep.

    Args:
        root: the folder itself.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def log(self, number: int) -> Path:
        """The file of what a job prints."""
        return self.root / "logs" / f"{number}.log"

    def sweep(self) -> Sweep | None:
        """What is known of the sweep; None if that cannot be read."""
        try:
            return msgspec.json.decode((self.root / FILE).read_bytes(), type=Sweep)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def put(self, number: int, outcome: Outcome) -> None:
        """Keeps the outcome of a job, for this process or another.

        Raises:
            OSError: it cannot be written.
        """
        file = self.root / "outcomes" / f"{number}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(msgspec.json.encode(outcome))  # one that is half written counts as none

    def outcomes(self) -> dict[int, Outcome]:
        """The outcomes so far, by the number of the job."""
        found = {}
        for file in (self.root / "outcomes").glob("*.json"):
            with suppress(OSError, ValueError, msgspec.DecodeError):
                found[int(file.stem)] = msgspec.json.decode(file.read_bytes(), type=Outcome)
        return dict(sorted(found.items()))

    def end(self) -> None:
        """Says that the sweep is over."""
        if (sweep := self.sweep()) is not None:
            sweep.ended = True
            with suppress(OSError):
                write_whole(self.root / FILE, msgspec.json.encode(sweep))

    def empty(self) -> None:
        """Removes what a sweep has left here, and nothing else."""
        for kind in ("outcomes", "logs"):
            shutil.rmtree(self.root / kind, ignore_errors=True)
        for name in (FILE, "multirun.yaml"):
            (self.root / name).unlink(missing_ok=True)


def begin(
    sweeps: Path, name: str | None, jobs: int | None, workers: int, command: list[str]
) -> tuple[SweepFolder, str]:
    """Makes the folder of a sweep, one that no other process has.

    Args:
        sweeps: the folder of all sweeps.
        name: of the sweep; None is the time.
        jobs: how many runs it has, if that is known.
        workers: how many run at a time.
        command: what starts it.

    Returns:
        The folder, and the sweep's name.

    Raises:
        OSError: it cannot be made.
    """
    now = datetime.now(UTC)
    pid = os.getpid()
    usual = name or now.strftime("%Y-%m-%d_%H-%M-%S")
    sweep = Sweep(
        usual, jobs, workers, command, this_host(), os.uname().nodename, pid, started(pid) or "",
        now.isoformat(timespec="seconds"),
    )  # fmt: skip
    sweeps.mkdir(parents=True, exist_ok=True)
    with _locked(sweeps):
        folder = SweepFolder(_free(sweeps, usual, again=name is not None))
        folder.empty()
        if name is None:
            sweep.name = folder.root.name
        write_whole(folder.root / FILE, msgspec.json.encode(sweep))
    return folder, sweep.name


def require_name(name: str) -> None:
    """Refuses a name of a sweep that is no name of a folder.

    Raises:
        UserError: it could lead elsewhere, or is too long.
    """
    odd = "/" in name or "\\" in name or "\0" in name or name.startswith(".") or not name.strip()
    if odd or len(name.encode()) > 200:
        raise UserError(f"sweep={name}: a sweep's name names a folder in its results")


def _free(sweeps: Path, name: str, *, again: bool) -> Path:
    """A folder for a sweep; that of an ended one of the same name, if that was given `again`."""
    for number in itertools.count(1):
        root = sweeps / (name if number == 1 else f"{name}.{number}")
        if not root.exists():
            return root
        found = SweepFolder(root).sweep()
        if again and (found is None or found.alive is False):
            return root
    raise AssertionError("there is always another number")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time look and write, where the file system has locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def all_sweeps(sweeps: Path) -> list[SweepFolder]:
    """The sweeps of a results folder that can be read, the one started last at the end."""
    found = [(folder.sweep(), folder) for folder in map(SweepFolder, sweeps.glob("*"))]
    known = [(sweep.started_at, folder) for sweep, folder in found if sweep is not None]
    return [folder for _, folder in sorted(known, key=lambda pair: (pair[0], pair[1].root.name))]
