"""A configuration is complete by default, and anything wrong in it is refused in one line."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from recurbench.harness.config.budgets import BUDGETS
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import knobs_of, plugin_of, resolve
from recurbench.harness.config.schema import register
from recurbench.harness.errors import UserError
from recurbench.harness.plugins.registry import registry

CELLS = sorted(registry().plugins["cell"])
TASKS = sorted(registry().plugins["task"])
CONF = Path(__file__).parents[3] / "conf"
CHOICES = [
    (group.name, choice.stem)
    for group in sorted(CONF.iterdir())
    if group.is_dir() and group.name != "experiment"
    for choice in sorted(group.glob("*.yaml"))
]


def refusal(configure, *overrides: str) -> str:
    """The one line that refuses a configuration."""
    with pytest.raises(UserError) as caught:
        configure(*overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture(scope="module")
def composed() -> DictConfig:
    """A default configuration, composed once for the tests of its values."""
    register()
    ((config,), _) = compose_jobs(["cell=lstm"], multirun=False)
    return config


@pytest.fixture
def change(composed):
    """`change("seed=3")`: the default configuration with an option changed."""
    return lambda option: resolve(OmegaConf.merge(composed, OmegaConf.from_dotlist([option])))


@pytest.mark.parametrize(("kind", "names"), [("cell", CELLS), ("task", TASKS)])
def test_every_plugin_composes_to_its_defaults(configure_sweep, kind, names):
    configs = configure_sweep(f"{kind}={','.join(names)}")
    assert [getattr(config, kind)["name"] for config in configs] == names
    for config in configs:
        section = getattr(config, kind)
        defaults = {knob.name: knob.default for knob in plugin_of(config, kind).knobs}
        assert knobs_of(section) == defaults, section["name"]


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_of_every_group_composes_to_what_its_file_says(configure, group, choice):
    section = getattr(configure(f"{group}={choice}"), group)
    values = section if isinstance(section, dict) else dataclasses.asdict(section)
    written = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text())
    written.pop("defaults", None)
    assert {key: values[key] for key in written} == written


def test_a_preset_sets_the_knobs_of_its_plugin_and_keeps_its_name(configure):
    assert configure("cell=gru_cho").cell == configure("cell=gru").cell | {"reset_after": False}
    assert configure("cell=gru_cho", "cell.hidden_size=5").cell["hidden_size"] == 5


def test_a_logger_is_chosen_none_or_several(configure):
    assert list(configure().logger) == ["wandb"]
    assert configure("logger=none").logger == {}
    assert list(configure("logger=[csv,tensorboard]").logger) == ["csv", "tensorboard"]


@pytest.mark.parametrize(
    ("override", "section", "option", "value"),
    [
        ("cell.hidden_size=7", "cell", "hidden_size", 7),
        ("cell.bias=false", "cell", "bias", False),
        ("cell.init=keras", "cell", "init", "keras"),
        ("task.delay=5", "task", "delay", 5),
        ("model.dropout=0.25", "model", "dropout", 0.25),
        ("optimizer.lr=1e-3", "optimizer", "lr", 0.001),
        ("train.gradient_clip=null", "train", "gradient_clip", None),
        ("train.max_seconds=9", "train", "max_seconds", 9.0),
        ("budget.parameters=12345", "budget", "parameters", 12345),
        ("trainer.threads=2", "trainer", "threads", 2),
    ],
)
def test_an_override_sets_its_option_with_its_type(configure, override, section, option, value):
    found = getattr(configure(override), section)
    found = found[option] if isinstance(found, dict) else getattr(found, option)
    assert found == value
    assert type(found) is type(value)


def test_list_knobs_are_plain_lists(configure):
    task = configure("task=forecasting", "task.columns=[a,b]").task
    assert task["columns"] == ["a", "b"]
    assert type(task["columns"]) is list


@pytest.mark.parametrize(
    ("override", "limit"),
    [
        ("seed=-1", "at least 0"),
        ("model.embedding_size=0", "at least 1"),
        ("model.depth=0", "at least 1"),
        ("model.dropout=-0.1", "at least 0"),
        ("model.dropout=1.0", "below 1"),
        ("optimizer.lr=0.0", "above 0"),
        ("optimizer.weight_decay=-0.1", "at least 0"),
        ("optimizer.momentum=-0.1", "at least 0"),
        ("optimizer.momentum=1.0", "below 1"),
        ("optimizer.warmup_steps=-1", "at least 0"),
        ("optimizer.plateau_factor=0.0", "above 0"),
        ("optimizer.plateau_factor=1.0", "below 1"),
        ("optimizer.plateau_patience=-1", "at least 0"),
        ("train.batch_size=0", "at least 1"),
        ("train.max_steps=0", "at least 1"),
        ("train.max_seconds=0.0", "above 0"),
        ("train.max_tokens=0", "at least 1"),
        ("train.eval_every=0", "at least 1"),
        ("train.patience=0", "at least 1"),
        ("train.gradient_clip=0.0", "above 0"),
        *((f"budget.{name}=0", "at least 1") for name in BUDGETS),
        ("budget.steps=0", "at least 1"),
        ("budget.seconds=0.0", "above 0"),
        ("budget.tokens=0", "at least 1"),
        ("trainer.threads=0", "at least 1"),
    ],
)
def test_a_number_beyond_its_limit_is_refused_with_the_limit(change, override, limit):
    option, _, value = override.partition("=")
    assert refusal(change, override) == f"{option} must be {limit}, not {value}"


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("model.norm=layr", "layer"),
        ("model.readout=meen", "mean"),
        ("optimizer.name=admaw", "adamw"),
        ("optimizer.schedule=cosin", "cosine"),
        ("trainer.accelerator=gpus", "gpu"),
        ("trainer.precision=bf61", "bf16"),
        ("cell.init=kreas", "keras"),
        ("task.score=recal", "recall"),
    ],
)
def test_an_unknown_choice_is_refused_with_the_nearest_and_all_valid_ones(
    change, override, nearest
):
    option, _, value = override.partition("=")
    line = refusal(change, override)
    assert line.startswith(f"{option} must be one of ")
    assert line.endswith(f", not {value}; did you mean {nearest}?")


def test_a_choice_that_resembles_nothing_is_refused_with_all_valid_ones(change):
    assert refusal(change, "model.norm=qqq") == "model.norm must be one of none, layer, not qqq"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "option", ["optimizer.lr", "optimizer.weight_decay", "train.max_seconds", "cell.forget_bias"]
)
def test_a_number_that_is_not_finite_is_refused(change, option, value):
    assert refusal(change, f"{option}={value}") == f"{option} must be finite, not {value}"


def test_training_without_an_end_is_refused(configure):
    line = refusal(configure, "train.max_steps=null")
    assert line == (
        "nothing ends the training; set budget.steps or budget.seconds or budget.tokens"
    )
    assert configure("train.max_steps=null", "train.max_seconds=3").train.max_steps is None


def test_a_cosine_schedule_needs_to_know_where_it_ends(configure):
    overrides = ["optimizer.schedule=cosine", "train.max_steps=null", "train.max_seconds=3"]
    assert refusal(configure, *overrides) == (
        "optimizer.schedule=cosine needs budget.steps or train.max_steps"
    )


@pytest.mark.parametrize("kind", ["cell", "task"])
def test_a_plugin_that_is_only_named_is_refused(configure, kind):
    other = {"cell": "lstm", "task": "language"}[kind]
    assert (
        refusal(configure, f"{kind}.name={other}") == f"{kind}.name={other}: write {kind}={other}"
    )
    line = refusal(configure, f"{kind}.name={other}x")
    assert line.startswith(f"{kind}.name={other}x: no such {kind}; did you mean {other}?")


@pytest.mark.parametrize(
    ("override", "option"),
    [
        ("model.depth=???", "model.depth"),
        ("seed=${nowhere}", "seed"),
        ("results_dir=${oc.env:NO_SUCH_VARIABLE}", "results_dir"),
    ],
)
def test_a_value_that_is_missing_is_refused_by_its_option(configure, override, option):
    assert refusal(configure, override).startswith(f"{option}: ")


def test_a_plugin_of_ones_own_is_configured_like_a_built_in(discover, configure):
    discover(
        own="""\
from typing import Literal
from recurbench.cells.gru import GRU


class Own(GRU):
    name = "own"

    def __init__(
        self, input_size: int, hidden_size: int = 5, *, sizes: list[int] = [1, 2],
        mode: Literal["fast", "slow"] = "slow", limit: float | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
"""
    )
    register()
    assert configure("cell=own", "cell.sizes=[3]", "cell.limit=0.5").cell == {
        "name": "own", "hidden_size": 5, "sizes": [3], "mode": "slow", "limit": 0.5,
    }  # fmt: skip
    assert refusal(configure, "cell=own", "cell.mode=fats") == (
        "cell.mode must be one of fast, slow, not fats; did you mean fast?"
    )
    assert refusal(configure, "cell=own", "cell.limit=inf") == (
        "cell.limit must be finite, not inf"
    )
