"""The jobs that a command line asks for, after refusing all that cannot work."""

from dataclasses import dataclass, replace

from omegaconf import DictConfig

from recurbench.harness.config.compose import BASIC_SWEEPER, compose_jobs, compose_whole
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import OURS, Source
from recurbench.harness.config.search import SearchRequest, find_search
from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.run.feasible import require_distinct, require_feasible
from recurbench.harness.tuning.plan import jobs

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


@dataclass(frozen=True)
class Plan:
    """What is to run.

    Attributes:
        configs: of the jobs as they are composed; of a search, what all its jobs share.
        tried: of the jobs with each trial of their tuning, by which they may be more.
        multirun: whether it is a sweep.
        search: what is searched, if it is a search, which chooses its jobs as it goes.
        elsewhere: whether a plugin of Hydra's starts the jobs, or chooses them.
        open_ended: whether it chooses them, so that nobody knows how many there will be.
        whole: what the jobs of a sweep share, with Hydra's own settings.
    """

    configs: list[Config]
    tried: list[Config]
    multirun: bool
    search: SearchRequest | None = None
    elsewhere: bool = False
    open_ended: bool = False
    whole: DictConfig | None = None

    @property
    def tuned(self) -> bool:
        """Whether its jobs are trials, and more may follow from how they end."""
        few = any(config.tuning.trial_seeds is not None for config in self.configs)
        return few or len(self.tried) > len(self.configs)

    @property
    def first(self) -> Config:
        """Any of the jobs, for what is the same in all."""
        return self.tried[0]


def plan(overrides: list[str], multirun: bool, source: Source = OURS) -> Plan:
    """Composes and checks every job.

    Args:
        overrides: as Hydra reads them.
        multirun: whether `-m` was given; a configuration may ask for it too.
        source: where the configuration begins.

    Raises:
        UserError: something cannot work; nothing was written.
    """
    composed, multirun = compose_jobs(overrides, multirun, source)
    configs = [resolve(config) for config in composed]
    tried = jobs(configs)
    require_feasible(tried)
    found = Plan(configs, tried, multirun)
    if not multirun:
        _require_one_run(found)
        return found
    require_distinct(tried)
    _require_one_device(tried)
    whole = compose_whole(overrides, source)
    hydra = whole.hydra
    search = find_search(overrides, source)
    chooses = search is None and hydra.sweeper._target_ != BASIC_SWEEPER
    starts = hydra.launcher._target_ != BASIC_LAUNCHER
    if starts and (search is not None or found.tuned):
        raise UserError(
            "tuning and searches run on this machine: workers=2, without hydra/launcher"
        )
    return replace(
        found, search=search, elsewhere=starts or chooses, open_ended=chooses, whole=whole
    )


def _require_one_device(configs: list[Config]) -> None:
    for config in configs:
        if config.trainer.devices > 1:
            raise UserError(
                f"trainer.devices={config.trainer.devices} is of a single run, without -m; a sweep "
                "gives each run one device: workers=2 makes two at a time"
            )


def _require_one_run(found: Plan) -> None:
    config = found.first
    if found.tuned:
        raise UserError(f"tuning={config.tuning.name}: several trials need `run -m`")
    for option in ("workers", "max_failures"):
        if getattr(config, option) != getattr(Config, option):
            raise UserError(f"{option} is of sweeps; add -m")
