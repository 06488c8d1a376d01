"""The jobs of a sweep are composed from what they share, each exactly as Hydra composes it."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, ListConfig
from omegaconf.base import Node

from recurbench.harness.config import compose as composing
from recurbench.harness.config import shared
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.schema import OURS, Source, register
from recurbench.harness.errors import UserError
from recurbench.harness.plugins.registry import registry

EXPERIMENTS = sorted(p.stem for p in (Path(__file__).parents[3] / "conf/experiment").glob("*.yaml"))

PRESETS = {
    "cell/before.yaml": "defaults: [gru, _self_]\nreset_after: false",
    "cell/wide.yaml": "defaults: [before, _self_]\nhidden_size: 96",
    "cell/deep.yaml": "# @package _global_\ndefaults: [/cell/rnn@cell, _self_]\nmodel: {depth: 2}",
    "task/long.yaml": "defaults: [copying, _self_]\ndelay: 30",
    "task/odd.yaml": "defaults: [copying, /optimizer/rmsprop@_global_.optimizer, _self_]",
    "task/same.yaml": "defaults: [adding, {override /cell@_global_.cell: gru}, _self_]",
    "task/tied.yaml": "defaults: [adding, {override /cell@_global_.cell: lstm}, _self_]",
    "optimizer/free.yaml": "name: adam\nlr: 0.5",
    "model/equal.yaml": "defaults: [default, _self_]\nembedding_size: ${cell.hidden_size}",
    "trainer/named.yaml": "# @package trainer\ndefaults: [cpu]\nthreads: 2",
    "experiment/plain.yaml": "# @package _global_\ntrain: {max_steps: 3}\ncell: {hidden_size: 7}",
    "experiment/across.yaml": (
        "# @package _global_\nstudy: ${cell.name}_on_${task.name}\nmodel:\n  depth: ${seed}"
    ),
    "experiment/whole.yaml": (
        "# @package _global_\ndefaults: [override /model: equal, override /cell: wide]\n"
        "hydra: {sweeper: {params: {seed: '1,2', cell: 'gru,before'}}}"
    ),
    "experiment/listed.yaml": "# @package _global_\ndefaults: [override /logger: [csv, wandb]]",
    "pair/gru_long.yaml": "# @package _global_\ntrain: {max_steps: 77}",
    "own.yaml": "defaults: [config, _self_]\nseed: 9\noptimizer: {lr: 0.25}",
    "mixed.yaml": "defaults: [config, optional pair: '${cell}_${task}', _self_]\nseed: 8",
    "bound.yaml": "defaults: [config, _self_]\ntrain:\n  batch_size: ${seed}\nseed: 4",
}
"""What people may write: presets that stay in their section, and some that do not."""

COLUMNS = [
    *[f"cell={name}" for name in ("gru", "lstm", "rnn", "before", "wide", "deep", "lru")],
    *[f"task={name}" for name in ("copying", "adding", "long", "odd", "same", "tied")],
    *[f"optimizer={name}" for name in ("adam", "sgd", "free")],
    *[f"model={name}" for name in ("default", "equal")],
    *[f"experiment={name}" for name in ("plain", "across", "whole", "listed", "demo")],
    *["logger=none", "logger=csv", "logger=[csv,wandb]", "trainer=named", "trainer=cpu"],
    *["train=default", "budget=none", "hydra/launcher=basic"],
    *["seed=1", "seed=2", "seed=${model.depth}", "study=x", "study='a b'", "study=null"],
    *["cell.hidden_size=4", "cell.hidden_size=${task.delay}", "cell.bias=false", "+cell.odd=1"],
    *["++cell.hidden_size=6", "~cell.bias", "model.depth=2", "model.dropout=0.5", "model.no=1"],
    *["task.delay=3", "task.alphabet=4", "optimizer.lr=0.1", "optimizer.lr=1e-3"],
    *["optimizer={lr: 0.125}", "budget.parameters=999", "budget.parameters=null", "rerun=true"],
    *["train.max_steps=5", "train.patience=${seed}", "hydra.job.name=x", "+hydra.job.env_set.X=1"],
]
"""Overrides, of which each may be one value of several."""


@pytest.fixture(autouse=True)
def registered(config_store) -> None:
    register()


@pytest.fixture(scope="module")
def presets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("presets")
    for name, text in PRESETS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{text}\n")
    return folder


def anatomy(node: Any) -> Any:
    """All that there is to a configuration: content, types and flags, nothing resolved.

    Only the time that `${now:...}` gives is left out: Hydra gives all jobs of a sweep one.
    """
    if not isinstance(node, Node):
        return node
    content = node._value()
    if isinstance(node, DictConfig) and isinstance(content, dict):
        content = {key: anatomy(value) for key, value in content.items()}
    elif isinstance(node, ListConfig) and isinstance(content, list):
        content = [anatomy(value) for value in content]
    about = {name: value for name, value in vars(node._metadata).items() if "cache" not in name}
    return type(node), content, about


def composed(overrides: list[str], source: Source) -> list[Any] | str:
    """The anatomy of each job, or why there are none."""
    try:
        found, _ = compose_jobs(overrides, multirun=True, source=source)
    except UserError as error:
        return str(error)
    return [anatomy(job) for job in found]


def require_as_by_hydra(overrides: list[str], source: Source = OURS) -> int:
    """Composes a sweep, and then some of its jobs by Hydra; gives the number of jobs."""
    quick = composed(overrides, source)
    step = len(quick) // 4 + 1 if isinstance(quick, list) else 1
    count = itertools.count()
    compose_quickly = shared.Composer.compose

    def leave_some_to_hydra(self: shared.Composer, job: list[str]) -> DictConfig | None:
        return compose_quickly(self, job) if next(count) % step else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.Composer, "compose", leave_some_to_hydra)
        assert composed(overrides, source) == quick
    return len(quick) if isinstance(quick, list) else 0


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment(experiment):
    assert require_as_by_hydra([f"experiment={experiment}", "cell=gru,lstm_coupled", "seed=0"])


@pytest.mark.parametrize(
    ("jobs_in_all", "overrides"),
    [
        (6, ["cell=glob(torch_*)", "seed=range(0,2)"]),
        (4, ["cell=choice(rnn,gru_cho)", "train.max_steps=choice(3,4)"]),
        (6, ["cell=gru,lstm,lstm_peephole", "cell.hidden_size=3,5", "task.delay=3"]),
        (4, ["cell=gru,lstm", "cell.hidden_size=${seed}", "seed=3,4"]),
        (4, ["experiment=long_adding,long_copying", "cell=gru,lstm", "seed=0"]),
        (4, ["logger=csv,[csv,tensorboard]", "optimizer=sgd,adamw", "optimizer.lr=0.1"]),
        (2, ["++cell.hidden_size=3,4"]),
        (2, ["+hydra.job.env_set.X=1", "seed=1,2"]),
        (2, ["hydra/launcher=basic", "hydra.job.name=x", "seed=1,2"]),
        (2, ["study='a,b',null"]),
        (2, ["optimizer={lr: 0.125}", "cell=gru,rnn"]),
    ],
)
def test_a_sweep(jobs_in_all, overrides):
    assert require_as_by_hydra(overrides) == jobs_in_all


@pytest.mark.parametrize(
    "overrides",
    [
        ["cell=gru,lstm", "cell.peepholes=true"],
        ["cell=gru,lsm"],
        ["cell=gru,lstm", "cell.hidden_size=1,wide"],
        ["+cell.odd=1,2"],
        ["seed=1,2", "+sed=3"],
        ["~budget.parameters", "cell=gru,rnn"],
        ["task=copying,adding", "task.delay=3,4"],
    ],
)
def test_what_is_wrong_is_said_as_ever(overrides):
    assert require_as_by_hydra(overrides) == 0


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("config", ["cell=gru,before,wide,lstm", "task=long,copying", "seed=1,2"]),
        ("own", ["cell=gru,before,wide,lstm", "task=long,copying", "seed=1,2"]),
        ("mixed", ["cell=lstm,gru", "task=copying,long", "seed=1,2"]),
        ("bound", ["cell=gru,lstm", "logger=none,csv", "seed=1,2"]),
        ("config", ["cell=gru,wide,deep", "task=copying,same,tied", "optimizer=adam,free"]),
        ("own", ["task=copying,same,tied", "optimizer=adam,free"]),
        ("config", ["experiment=plain", "cell=gru,lstm,before", "cell.bias=true,false"]),
        ("own", ["experiment=across,plain", "cell=gru,lstm", "task=copying,adding"]),
        ("config", ["experiment=whole"]),
        ("own", ["experiment=whole,listed", "cell=gru,wide", "model=default,equal", "seed=1"]),
        ("config", ["task=long,odd", "cell=gru,lstm", "optimizer=sgd,adam"]),
        ("config", ["trainer=named,cpu", "seed=1,2", "cell=gru,rnn"]),
    ],
)
def test_presets_of_a_folder_of_ones_own(name, overrides, presets):
    assert require_as_by_hydra(overrides, Source(name, presets))


def test_presets_found_by_the_search_path(presets):
    path = f"hydra.searchpath=[file://{presets}]"
    assert require_as_by_hydra([path, "cell=gru,before", "experiment=plain,across"]) == 4


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_sweep(data, presets):
    """Up to four keys with up to three values each, in any order, from any primary file."""
    by_key = {key: list(group) for key, group in _grouped()}
    keys = data.draw(st.lists(st.sampled_from(sorted(by_key)), unique=True, max_size=4))
    overrides = []
    for key in keys:
        values = data.draw(
            st.lists(st.sampled_from(by_key[key]), unique=True, min_size=1, max_size=3)
        )
        overrides.append(f"{key}={','.join(values)}")
    name = data.draw(st.sampled_from(["config", "own", "mixed", "bound"]))
    require_as_by_hydra(overrides, Source(name, presets))


def _grouped():
    pairs = sorted(override.partition("=")[::2] for override in COLUMNS)
    for key, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
        yield key, [value for _, value in group]


def test_a_cross_product_costs_hydra_a_sum(monkeypatch):
    """Hydra composes what all jobs share, and the first job's choices; no others."""
    asked = []

    def counted(name, overrides, **how):
        asked.append(overrides)
        return compose(name, overrides, **how)

    monkeypatch.setattr(composing, "compose", counted)
    monkeypatch.setattr(shared, "compose", counted)
    cells = sorted(registry().plugins["cell"])
    found, _ = compose_jobs(
        [f"cell={','.join(cells)}", "task=copying,adding", "optimizer=adam,sgd", "seed=0,1"], True
    )
    assert len(found) == 8 * len(cells)
    assert asked == [[], [f"cell={cells[0]}", "task=copying", "optimizer=adam"]]


def test_jobs_share_nothing_that_can_be_changed():
    first, second = compose_jobs(["seed=0,1"], multirun=True)[0]
    first.cell.hidden_size = 12345
    assert second.cell.hidden_size != 12345
