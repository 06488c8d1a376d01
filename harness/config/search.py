"""What `hydra/sweeper=optuna` asks for: a search's options, and what it may choose from."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

from annotated_types import Ge
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recurbench.harness.config.compose import compose_shared
from recurbench.harness.config.groups import parse
from recurbench.harness.config.schema import OURS, Source, node_of, opened
from recurbench.harness.errors import UserError, first_words
from recurbench.limits import complaint

TARGET = "recurbench.optuna"
"""What the preset names as its sweeper: Hydra is not asked for one."""


@dataclass(frozen=True)
class SearchOptions:
    """The options of a search (conf/hydra/sweeper/optuna.yaml)."""

    n_trials: Annotated[int, Ge(1)]
    n_jobs: Annotated[int, Ge(1)]
    seeds: list[Annotated[int, Ge(0)]]
    sampler: Literal["tpe", "random"]
    sampler_seed: Annotated[int, Ge(0)]
    study_name: str | None


@dataclass(frozen=True)
class SearchRequest:
    """A search.

    Attributes:
        fixed: the overrides that all its trials share.
        space: the overrides that it chooses values from, by their options.
    """

    options: SearchOptions
    fixed: list[str]
    space: dict[str, Override]


def find_search(overrides: list[str], source: Source = OURS) -> SearchRequest | None:
    """The search that the command line of a sweep asks for; None if it asks for all combinations.

    Raises:
        UserError: an option of it is wrong, or there is nothing to choose from.
    """
    with opened(source):
        _, parsed, whole = compose_shared(overrides, source)
        sweeper: Any = OmegaConf.to_container(whole.hydra.sweeper, resolve=True)
        if sweeper.pop("_target_") != TARGET:
            return None
        parsed = parse([f"{key}={value}" for key, value in sweeper.pop("params").items()]) + parsed
    options = _checked(sweeper)
    space = {o.get_key_element().lstrip("+"): o for o in parsed if o.is_sweep_override()}
    for name in space:
        if name == "seed":
            raise UserError("a search averages over its seeds: hydra.sweeper.seeds=[0,1,2]")
        if name.partition(".")[0] in ("task", "results_dir", "study", "sweep"):
            raise UserError(f"{name}: a search has one value of it")
    if not space:
        raise UserError("nothing to search: give optimizer.lr='tag(log,interval(1e-4,1e-1))'")
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    return SearchRequest(options, fixed, space)


def _checked(found: dict[str, Any]) -> SearchOptions:
    try:
        typed: Any = OmegaConf.merge(OmegaConf.structured(node_of(SearchOptions)), found)
        values: Any = OmegaConf.to_container(typed, throw_on_missing=True)
        options = SearchOptions(**values)
    except OmegaConfBaseException as error:
        raise UserError(f"hydra.sweeper.{error.full_key}: {first_words(error)}") from error
    for name, hint in get_type_hints(SearchOptions, include_extras=True).items():
        if reason := complaint(f"hydra.sweeper.{name}", getattr(options, name), hint):
            raise UserError(reason)
    if not options.seeds or len(set(options.seeds)) < len(options.seeds):
        raise UserError(f"hydra.sweeper.seeds={options.seeds}: give one seed or more, each once")
    return options
