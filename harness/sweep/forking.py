"""The process that isolated runs are forked from: it imports torch and Lightning once for all."""

import multiprocessing
import signal
from functools import cache
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext

from recurbench.harness.run.stopping import SIGNALS

PRELOADED = ["recurbench.harness.sweep.preloaded"]


@cache
def forking() -> ForkServerContext:
    """Starts that process in the background at the first call; gives what starts runs from it."""
    # A new process is told the way that this one was started; joblib's own it would not know.
    multiprocessing.set_start_method("forkserver", force=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    resource_tracker.ensure_running()  # which takes the signals that it blocks back from our mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        forkserver.ensure_running()  # it is born with them blocked, until it can ignore them
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context
