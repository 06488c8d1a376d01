"""A run of a sweep."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from recurbench.harness.config.sections import Config
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.identity import identify
from recurbench.harness.run.outcome import title_of


@dataclass(frozen=True)
class Job:
    """A run of a sweep.

    Attributes:
        number: its place in the sweep, from 0.
        config: with all that can be left open still open.
        log: the file of what it prints.
    """

    number: int
    config: Config
    log: Path

    @cached_property
    def title(self) -> str:
        """The run in a few words."""
        return title_of_job(self.config)

    @property
    def folder(self) -> ResultsFolder:
        """Where its results go."""
        return ResultsFolder(Path(self.config.results_dir))


def title_of_job(config: Config) -> str:
    """The run of a configuration in a few words, before its data is loaded."""
    return title_of(config, identify(config, None).entry.label)
