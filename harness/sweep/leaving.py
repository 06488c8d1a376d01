"""How a launcher's process ends when it was asked to stop and its run has saved."""

import os
import signal
import subprocess
import threading
import time
from functools import cache
from typing import NoReturn

WATCH_SECONDS = 1.0


def leave(number: int) -> NoReturn:
    """Ends this process by the signal that asked, whose handler may have plans for it.

    On Slurm that of submitit's own signal puts the job back into the queue, and so it does when a
    job is pre-empted by a SIGTERM that leaves it time, for which submitit has no plan.
    """
    if number == signal.SIGTERM and _is_preempted():
        number = signal.SIGUSR2
    signal.raise_signal(number)
    raise SystemExit(128 + number)


@cache
def end_with_parent() -> None:
    """Stops this process, once it has saved, when the one that started it is gone.

    joblib's processes would otherwise wait for ever for more work of a sweep that was killed.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_preempted() -> bool:
    """Whether this is a job of submitit's that Slurm takes for running; else it ends it anyway."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or os.environ.get("SUBMITIT_EXECUTOR") != "slurm":
        return False
    try:
        shown = subprocess.run(  # noqa: S603 - our own job's number
            ["scontrol", "show", "job", job],  # noqa: S607 - wherever this cluster has it
            check=True, capture_output=True, text=True, timeout=10,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return "JobState=RUNNING" in shown
