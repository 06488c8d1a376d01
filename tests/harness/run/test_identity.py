"""A run's identity holds what determines its result, a track's what makes results comparable."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.identity import identify

DETERMINING = [
    "cell=lstm",
    "cell.hidden_size=7",
    "cell.reset_after=false",
    "task=variable_length",
    "task.delay=7",
    "model.depth=2",
    "model.dropout=0.1",
    "model.readout=mean",
    "model.encoder=causal_conv",
    "model.kernel_size=2",
    "optimizer=sgd",
    "optimizer.lr=0.0123",
    "optimizer.schedule=cosine",
    "train.max_steps=7",
    "train.batch_size=7",
    "train.gradient_clip=null",
    "budget.parameters=9999",
    "trainer.precision=bf16",
    "seed=1",
]
OF_A_TRIAL = ("cell", "optimizer", "seed")
INDIFFERENT = [
    "results_dir=elsewhere",
    "logger=none",
    "logger=[csv,wandb]",
    "logger.wandb.project=another",
    "trainer=auto",
    "trainer.threads=2",
    "sweep=a_name",
    "rerun=true",
    "train.keep_checkpoint=true",
    "train.save_every=5",
]


@pytest.fixture(scope="module")
def configure() -> Callable[..., Config]:
    """`configure("seed=3")`: composed once for all tests, none of which changes it."""
    register()

    @cache
    def compose(*overrides: str) -> Config:
        ((composed,), _) = compose_jobs(list(overrides), multirun=False)
        return resolve(composed)

    return compose


def test_the_same_configuration_is_the_same_run(configure):
    explicit = configure("cell=gru", "cell.hidden_size=64", "seed=0")
    assert identify(explicit, "data") == identify(configure(), "data")


@pytest.mark.parametrize("override", DETERMINING)
def test_what_determines_the_result_makes_another_run(configure, override):
    changed, usual = identify(configure(override), "data"), identify(configure(), "data")
    assert changed.run_id != usual.run_id
    if override.startswith(OF_A_TRIAL):
        assert changed.track == usual.track
    else:
        assert changed.track["id"] != usual.track["id"]


@pytest.mark.parametrize("override", INDIFFERENT)
def test_what_does_not_determine_the_result_leaves_the_run_as_it_is(configure, override):
    config = configure(override)
    assert config != configure()
    assert identify(config, "data") == identify(configure(), "data")


@pytest.mark.parametrize("fingerprint", ["other data", None])
def test_other_data_makes_another_run_on_another_track(configure, fingerprint):
    changed, usual = identify(configure(), fingerprint), identify(configure(), "data")
    assert changed.run_id != usual.run_id
    assert changed.track["id"] != usual.track["id"]
    assert changed.entry == usual.entry


def test_where_a_file_lies_does_not_matter_but_its_data_does(configure):
    here, there = (configure("task=language", f"task.file=/{place}/a.txt") for place in "xy")
    assert identify(here, "data").run_id == identify(there, "data").run_id
    assert identify(here, "data").track == identify(there, "data").track
    assert identify(here, "data").run_id != identify(here, "other").run_id
    assert identify(here, "data").sections["task"]["file"] == "/x/a.txt"


@pytest.mark.parametrize("kind", ["cell", "task"])
def test_another_version_of_a_plugin_makes_another_run_of_the_same_entry(
    configure, monkeypatch, kind
):
    config = configure()
    usual = identify(config, "data")
    plugins = registry().plugins[kind]
    name = getattr(config, kind)["name"]
    monkeypatch.setitem(plugins, name, replace(plugins[name], version="99+edited"))
    changed = identify(config, "data")
    assert changed.run_id != usual.run_id
    assert (changed.entry["id"], changed.track) == (usual.entry["id"], usual.track)
    assert (changed.entry["version"] == "99+edited") == (kind == "cell")


def test_a_preset_is_the_knobs_it_stands_for(configure):
    preset, knob = configure("cell=gru_cho"), configure("cell.reset_after=false")
    assert identify(preset, "data") == identify(knob, "data")


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        (["cell=gru"], "gru"),
        (["cell=gru", "cell.hidden_size=64"], "gru"),
        (["cell=gru_cho"], "gru reset_after=false"),
        (["cell=gru", "cell.init=keras", "cell.hidden_size=7"], "gru hidden_size=7 init=keras"),
        (["cell=lstm", "cell.forget_bias=2"], "lstm forget_bias=2.0"),
        (["cell=attention_gru", "cell.heads=3"], "attention_gru heads=3"),
    ],
)
def test_a_label_has_the_knobs_that_are_not_at_their_defaults(configure, overrides, label):
    assert identify(configure(*overrides), "data").entry["label"] == label


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("seed=5", True),
        ("optimizer=sgd", True),
        ("model.depth=2", True),
        ("cell.bias=false", False),
    ],
)
def test_an_entry_is_a_cell_with_its_knobs(configure, override, same):
    changed, usual = identify(configure(override), "data"), identify(configure(), "data")
    assert (changed.entry["id"] == usual.entry["id"]) is same


def test_a_track_says_all_that_its_runs_share(configure):
    track = identify(configure("task=language"), "data").track
    assert set(track) == {"id", "task", "data", "model", "train", "budget", "precision"}
    assert (track["data"], track["precision"]) == ("data", "32")
    assert "file" not in track["task"]
