"""Imported once, by the process that all isolated runs are forked from, and by nobody else.

Where a whole job is signalled, as Slurm does it, that process must last as long as its runs, or
nobody would learn how they ended. What a user's plugins do when they are imported they do in the
process of a run.
"""

import gc
import signal
from contextlib import suppress

from recurbench.harness.errors import PluginError
from recurbench.harness.plugins.discovery import built_in
from recurbench.harness.run.stopping import SIGNALS
from recurbench.harness.sweep import child

__all__ = ["child"]

for number in SIGNALS:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # which kept it alive up to here
for source in built_in():
    with suppress(PluginError):  # the run will say it
        source.load()
gc.collect()
gc.freeze()  # a run that looks for garbage would copy every page of what is imported
