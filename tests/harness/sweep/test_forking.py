"""The process that runs are forked from outlives the signals that a whole job gets."""

import subprocess
import sys

PROGRAM = """
import os, signal, sys
from multiprocessing import forkserver
from recurbench.harness.sweep.forking import forking

if __name__ == "__main__":
    context = forking()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(forkserver._forkserver._forkserver_pid, number)  # it imports torch just now
    child = context.Process(target=print, args=["runs"])
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""


def test_it_lives_through_signals_while_it_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "runs\n"), done.stderr
