"""Where everything lies in a results folder, and in the user's cache."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from recurbench.harness.results.sweeps import SweepFolder

BEST = "best.ckpt"
"""A run's best checkpoint, while it trains and where it is kept."""


@dataclass(frozen=True)
class ResultsFolder:
    """The paths of a results folder, such as `results`; making one touches no file.

    Attributes:
        root: the folder itself.
    """

    root: Path

    @property
    def runs(self) -> Path:
        """The records, in files or archives."""
        return self.root / "runs"

    @property
    def archives(self) -> Path:
        """The archives of all records; outside of `runs`, where every run would be read twice."""
        return self.root / "archives"

    @property
    def known(self) -> Path:
        """What is known of data that was loaded; it may be deleted at any time."""
        return self.root / "known.sqlite"

    def record(self, task: str, cell: str, run_id: str) -> Path:
        """The file of a run's record."""
        return self.runs / safe_name(task) / safe_name(cell) / f"{safe_name(run_id)}.json"

    def picture(self, record: Path, name: str) -> Path:
        """A picture that belongs to a record, beside it."""
        return record.with_name(f"{record.stem}.{name}.png")

    @property
    def runs_under_way(self) -> Path:
        """The folders of runs that have an owner, or had one."""
        return self.root / "unfinished"

    def unfinished(self, run_id: str) -> Path:
        """The place of what a run saves while it trains, for `leases`."""
        return self.runs_under_way / run_id

    def kept(self, run_id: str) -> Path:
        """The checkpoint of a run, if it is kept."""
        return self.root / "checkpoints" / run_id / BEST

    @property
    def probes(self) -> Path:
        """The cards of cells."""
        return self.root / "probes"

    def log(self, logger: str, run_id: str) -> Path:
        """The folder of what a logger writes about a run."""
        return self.root / "logs" / logger / run_id

    @property
    def sweeps(self) -> Path:
        """What sweeps leave: their outcomes and logs."""
        return self.root / "sweeps"

    def sweep(self, name: str) -> SweepFolder:
        """The folder of a sweep."""
        return SweepFolder(self.sweeps / name)

    def search(self, name: str) -> Path:
        """The database of a search's trials."""
        return self.root / "searches" / f"{safe_name(name)}.sqlite"


def user_cache() -> Path | None:
    """Our folder in the user's cache; None where there is no home."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return cache / "recurbench"


def safe_name(name: str) -> str:
    """A name as it may stand in a path, on any system and whoever chose it.

    A plain name stays as it is. Of another one the odd characters are replaced, and a hash tells it
    from those that look alike then.
    """
    kept = re.sub(r"[^A-Za-z0-9._+=, -]", "_", name)[:100].strip(". ")
    reserved = re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", kept, re.IGNORECASE)
    if kept == name and kept and not reserved:
        return name
    code = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"_{kept}-{code}"


def make_writable(folder: Path) -> None:
    """Makes a folder and proves that files can be written there; root's permissions say little.

    Raises:
        OSError: they cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
