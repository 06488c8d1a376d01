"""The process that isolated runs are forked from: it imports torch and Lightning once for all."""

import multiprocessing
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

PRELOADED = ["recurbench.harness.sweep.preloaded"]


@cache
def forking() -> ForkServerContext:
    """Starts that process in the background at the first call; gives what starts runs from it."""
    # A new process is told the way that this one was started; joblib's own it would not know.
    multiprocessing.set_start_method("forkserver", force=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()
    return context
