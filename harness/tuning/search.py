"""A search: trials that Optuna proposes one after another, kept in a file so that it can resume.

The plugin hydra-optuna-sweeper is not used: it runs `n_trials` more each time instead of the ones
that are missing, forgets trials that were cut off, takes the direction from the user instead of the
metric, knows no seeds, raises when all trials fail, and needs an Optuna of 2021.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.types import Override, Transformer
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from recurbench.harness.config.search import SearchOptions
from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError, first_line

STREAM = 1_000_003
"""Apart are the seeds of two samplers' trials."""


class Search:
    """The trials of a search, finished ones and those to come.

    Each trial has a sampler of its own, seeded by its number, so that a search that was stopped
    proposes what it would have proposed.

    Args:
        path: the database; made if it is not there.
        name: of the study in it.
        content: tells it from other searches, all of whose trials would be scored otherwise.
        space: what is searched, by the options' names.
        higher_is_better: of the score.
        options: how many trials, and how they are chosen.

    Raises:
        UserError: the database holds another search, or none.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        content: str,
        space: Mapping[str, Override],
        higher_is_better: bool,
        options: SearchOptions,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.options = options
        self.space = {option: distribution_of(override) for option, override in space.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._study = optuna.create_study(
                storage=f"sqlite:///{path}",
                study_name=name,
                direction="maximize" if higher_is_better else "minimize",
                load_if_exists=True,
            )
        except Exception as error:  # of Optuna, SQLAlchemy or SQLite
            raise UserError(f"{path}: no search can be read: {first_line(error)}") from error
        if self._study.user_attrs.get("searches", content) != content:
            raise UserError(f"study_name={name}: has trials of another search; give another name")
        self._study.set_user_attr("searches", content)

    def trials(self) -> Iterator[list[FrozenTrial]]:
        """The trials that are still to be run, so many at a time, those that were cut off first.

        Each must be told of before the next are asked for.
        """
        cut_off = self._study.get_trials(states=(TrialState.RUNNING,))
        while True:
            missing = self.options.n_trials - len(self._study.get_trials(deepcopy=False))
            fresh = min(missing, self.options.n_jobs - len(cut_off))
            batch = [*cut_off, *(self._ask() for _ in range(fresh))]
            cut_off = []
            if not batch:
                return
            yield batch

    def tell(self, trial: FrozenTrial, score: float | None) -> None:
        """Notes the score of a trial; None for one that failed or diverged."""
        state = TrialState.FAIL if score is None else TrialState.COMPLETE
        self._study.tell(trial.number, score, state)

    @property
    def finished(self) -> int:
        """Trials that have ended, failed ones too."""
        states = (TrialState.COMPLETE, TrialState.FAIL)
        return len(self._study.get_trials(deepcopy=False, states=states))

    @property
    def best(self) -> FrozenTrial | None:
        """The trial with the best score; None while none completed."""
        completed = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self._study.best_trial if completed else None

    def _ask(self) -> FrozenTrial:
        number = len(self._study.get_trials(deepcopy=False))
        seed = (self.options.sampler_seed * STREAM + number) % 2**32
        if self.options.sampler == "tpe":
            self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        else:
            self._study.sampler = optuna.samplers.RandomSampler(seed=seed)
        asked = self._study.ask(self.space)
        return self._study.get_trials(deepcopy=False)[asked.number]


def distribution_of(override: Override) -> BaseDistribution:
    """What a sweep override lets a search choose from.

    Raises:
        UserError: an interval cannot be on a logarithmic scale, or is empty.
    """
    if override.is_discrete_sweep():
        values = override.sweep_iterator(transformer=Transformer.encode)
        return CategoricalDistribution([str(value) for value in values])
    interval: Any = override.value()  # of any other sweep than these, there is none
    low, high, log = interval.start, interval.end, "log" in interval.tags
    try:
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(float(low or 0), float(high or 0), log=log)
    except ValueError as error:
        raise UserError(f"{override.input_line}: {error}") from error


def as_overrides(trial: FrozenTrial) -> list[str]:
    """A trial's values as they are written on the command line."""
    return [
        f"{name}={value if isinstance(value, str) else as_override(value)}"
        for name, value in trial.params.items()
    ]


def mean_score(scores: Sequence[float | None]) -> float | None:
    """The score of a trial over its seeds; None if any of them has none."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if len(known) == len(scores) else None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps a search to one process at a time.

    Raises:
        UserError: another one has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f"{path}: another process runs this search") from None
    except OSError:  # there are no locks here
        pass
    try:
        yield
    finally:
        os.close(handle)
