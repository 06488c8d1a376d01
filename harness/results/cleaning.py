"""What runs and sweeps that are over have left in a results folder."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recurbench.harness.results import leases
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.sweeps import all_sweeps

HALF_WRITTEN = ".*-????????.tmp"
"""Files that records are written to before they get their name."""

OLD_SECONDS = 3600.0
"""Such a file is nobody's any more after so long."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nobody needs, but for going on with a run.

    Attributes:
        what: what it is, in a few words.
    """

    path: Path
    what: str

    def remove(self) -> None:
        """Removes it."""
        if self.path.is_dir():
            leases.remove(self.path)
        else:
            self.path.unlink(missing_ok=True)


def leftovers(folder: ResultsFolder) -> Iterator[Leftover]:
    """All that is left, without what may be in use.

    An owner or a sweep on another host counts as alive: here nobody can tell.
    """
    for place, owner in leases.owned(folder.runs_under_way):
        if owner is None:
            saved = (place / leases.PROGRESS).exists()
            yield Leftover(place, "an interrupted run" if saved else "of a run that has died")
    for sweep in all_sweeps(folder.sweeps):
        found = sweep.sweep()
        if found is not None and found.alive is False:
            yield Leftover(sweep.root, "outcomes and logs of a sweep")
    for file in folder.root.glob(f"**/{HALF_WRITTEN}"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > OLD_SECONDS:
                yield Leftover(file, "half written")
