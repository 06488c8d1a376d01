"""A single run in this process."""

import time
from pathlib import Path

from recurbench.harness.config.sections import Config
from recurbench.harness.console import say
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.leases import WATCH
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.execute import execute
from recurbench.harness.run.stopping import stoppable

ASK_SECONDS = 1.0


def run_alone(config: Config) -> Outcome:
    """Runs a configuration, after another process that has the same run.

    Args:
        config: with all that can be left open still open.

    Raises:
        UserError: the configuration cannot work; nothing was written.
        StoppedError: the process was asked to stop; what was reached is saved.
    """
    with stoppable():
        outcome = execute(config)
        while outcome.status == "busy":
            assert outcome.run_id is not None
            place = ResultsFolder(Path(config.results_dir)).unfinished(outcome.run_id)
            say(f"{outcome.line}; waits for it")
            while WATCH.owner(place) is not None:
                time.sleep(ASK_SECONDS)
            outcome = execute(config)
        return outcome
