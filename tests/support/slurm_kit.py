"""A Slurm of one host: its real daemons on loopback and in a temporary folder, as any user."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

PACKAGES = "slurmctld slurmd slurmdbd slurm-client mariadb-server"
PROGRAMS = (
    "slurmctld", "slurmd", "slurmdbd", "sbatch", "sinfo", "mariadbd", "mariadb-install-db",
)  # fmt: skip
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

DATABASE = """\
AuthType=auth/none
DbdHost=localhost
DbdPort={accounting}
SlurmUser={user}
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounts
"""

CLUSTER = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={accounting}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=spare Nodes=ALL Default=YES PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF
"""
"""Two cores; what waits in `urgent` pre-empts what runs in `spare`, which has a minute's grace."""


class Slurm:
    """A cluster under way.

    Attributes:
        environment: the variables by which Slurm's programs find it.
    """

    def __init__(self, folder: Path) -> None:
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}

    def ask(self, *command: str) -> str:
        """What one of Slurm's programs prints."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def preempt(self, job: str) -> None:
        """Lets an urgent job take the whole cluster from a job, which may start again after it."""
        urgent = ["--partition=urgent", "--cpus-per-task=2", "--output=/dev/null", "--wrap=true"]
        self.ask("sbatch", *urgent)
        wait_until(lambda: self._is_back(job), f"{job} is back in the queue")
        # Slurm lets two minutes pass before a job starts again. Seconds are enough, but not none: a
        # node takes a job that starts in the second in which it was revoked for the revoked one.
        self.ask("scontrol", "update", f"job={job}", "StartTime=now+3")

    def _is_back(self, job: str) -> bool:
        said = self.ask("scontrol", "show", "job", job).split()
        return "JobState=PENDING" in said and "Restarts=0" not in said


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A running cluster; one for all tests."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        said = f"no {', '.join(missing)} here; `apt-get install {PACKAGES}` brings them"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    with _running() as cluster:
        yield cluster


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens at."""
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.socket()) for _ in range(number)]
        for each in bound:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in bound]


@contextmanager
def _running() -> Iterator[Slurm]:
    """Brings the daemons up, each once the one before is there, and takes all down again."""
    # Not pytest's own folder: a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, ExitStack() as daemons:
        folder = Path(name)
        (folder / "spool").mkdir()
        accounting, controller, node = free_ports(3)
        values = {
            "folder": folder, "user": getpass.getuser(), "host": socket.gethostname(),
            "accounting": accounting, "controller": controller, "node": node,
        }  # fmt: skip
        for file, text in (("slurmdbd.conf", DATABASE), ("slurm.conf", CLUSTER)):
            (folder / file).write_text(text.format(**values))
            (folder / file).chmod(0o600)
        cluster = Slurm(folder)

        def start(*command: str, **environment: str) -> None:
            daemons.enter_context(_daemon(command, cluster.environment | environment, folder))

        _start_database(folder, start)
        start("slurmdbd", "-D", SLURM_CONF=str(folder / "slurmdbd.conf"),
              MYSQL_UNIX_PORT=str(folder / "db.sock"))  # fmt: skip
        wait_until(lambda: _listens(accounting), "slurmdbd listens")
        start("slurmctld", "-D")
        start("slurmd", "-D", "-N", socket.gethostname())
        wait_until(lambda: _listens(controller), "slurmctld listens")
        wait_until(
            lambda: "idle" in cluster.ask("sinfo", "--noheader", "--format=%T"), "a node is idle"
        )
        daemons.callback(cluster.ask, "scancel", f"--user={getpass.getuser()}")
        yield cluster


def _start_database(folder: Path, start: Callable[..., None]) -> None:
    """The database of the accounts, which tell submitit of a job that has died."""
    data, log = folder / "data", folder / "install.log"
    owner = ["--user=root"] if os.geteuid() == 0 else []
    with log.open("w") as output:
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
                   "--auth-root-authentication-method=normal", *owner]  # fmt: skip
        subprocess.run(install, check=True, stdout=output, stderr=output)
    start(
        "mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={folder}/db.sock",
        f"--pid-file={folder}/db.pid", "--skip-networking", "--skip-grant-tables", *owner,
    )  # fmt: skip
    wait_until((folder / "db.sock").exists, "the database is there")


@contextmanager
def _daemon(command: tuple[str, ...], environment: dict[str, str], folder: Path) -> Iterator[None]:
    """A daemon in the foreground of a process of its own, ended at the end."""
    program = shutil.which(command[0], path=PATH)
    assert program is not None
    with (folder / f"{command[0]}.out").open("w") as output:
        process = subprocess.Popen(
            [program, *command[1:]], env=os.environ | environment, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
