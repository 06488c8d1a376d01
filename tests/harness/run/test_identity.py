"""A run's identity holds what determines its result, a track's what makes results comparable."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run import first_defaults, identity
from recurbench.harness.run.first_defaults import FIRST_DEFAULTS
from recurbench.harness.run.identity import identify

RUN_IDS = Path(__file__).parents[2] / "golden" / "run_ids.json"

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
    "study=a_name",
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
        assert changed.track.id != usual.track.id


@pytest.mark.parametrize("override", INDIFFERENT)
def test_what_does_not_determine_the_result_leaves_the_run_as_it_is(configure, override):
    config = configure(override)
    assert config != configure()
    assert identify(config, "data") == identify(configure(), "data")


@pytest.mark.parametrize("fingerprint", ["other data", None])
def test_other_data_makes_another_run_on_another_track(configure, fingerprint):
    changed, usual = identify(configure(), fingerprint), identify(configure(), "data")
    assert changed.run_id != usual.run_id
    assert changed.track.id != usual.track.id
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
    plugin = registry().plugins[kind][getattr(config, kind)["name"]]
    monkeypatch.setitem(vars(plugin), "version", "edited")
    changed = identify(config, "data")
    assert changed.run_id != usual.run_id
    assert (changed.entry, changed.track) == (usual.entry, usual.track)
    assert getattr(changed.code, kind) == "edited"


def test_another_protocol_of_the_harness_makes_another_run_of_the_same_entry(
    configure, monkeypatch
):
    usual = identify(configure(), "data")
    monkeypatch.setattr(identity, "PROTOCOL", 99)
    changed = identify(configure(), "data")
    assert changed.run_id != usual.run_id
    assert (changed.entry, changed.track) == (usual.entry, usual.track)


def test_a_machine_matters_to_runs_that_are_limited_by_seconds_alone(configure):
    here, there = {"hardware": "a", "threads": 1}, {"hardware": "b", "threads": 1}
    timed = configure("train.max_seconds=5")
    assert identify(timed, "data", here).run_id != identify(timed, "data", there).run_id
    assert identify(timed, "data", here).track.id != identify(timed, "data", there).track.id
    assert identify(configure(), "data", here) == identify(configure(), "data", there)


def test_a_hidden_size_that_a_budget_solved_is_a_result_and_no_knob(configure):
    small, large = (
        identify(configure("budget.parameters=20000", f"cell.hidden_size={size}"), "data")
        for size in (8, 64)
    )
    assert (small.run_id, small.entry, small.track) == (large.run_id, large.entry, large.track)
    assert small.entry.label == "gru"


def test_a_kernel_is_no_part_of_an_identity(configure):
    usual, other = configure("cell=min_gru"), configure("cell=min_gru", "cell.kernel=reference")
    assert identify(other, "data").run_id == identify(usual, "data").run_id
    assert identify(other, "data").entry == identify(usual, "data").entry


def test_every_option_has_a_first_default_or_is_said_to_change_no_result(configure):
    config = configure()
    for name, first in FIRST_DEFAULTS.items():
        options = set(asdict(getattr(config, name)))
        assert options == set(first) | first_defaults.INDIFFERENT.get(name, frozenset())
        assert not set(first) & first_defaults.INDIFFERENT.get(name, frozenset())


def test_a_new_option_with_its_default_changes_no_run(configure, monkeypatch):
    usual = identify(configure(), "data")

    @dataclass
    class Longer(type(configure().model)):
        gate_noise: float = 0.5

    config = replace(configure(), model=Longer(**asdict(configure().model)))
    monkeypatch.setitem(FIRST_DEFAULTS["model"], "gate_noise", 0.5)
    assert identify(config, "data").run_id == usual.run_id
    assert identify(config, "data").track.id == usual.track.id
    config.model.gate_noise = 0.25
    assert identify(config, "data").run_id != usual.run_id


def test_a_new_default_changes_no_run_but_means_another(configure, monkeypatch):
    """Runs with the value of old stay what they were; the default is now another run."""
    before = {depth: identify(configure(f"model.depth={depth}"), "data").run_id for depth in (1, 2)}
    changed = configure()
    changed = replace(changed, model=replace(changed.model, depth=2))  # as a new default gives it
    assert identify(changed, "data").run_id == before[2] != before[1]


def test_todays_runs_keep_their_ids(configure, monkeypatch):
    """Whoever changes one of these on purpose orphans every record that people have.

    The versions of code, which mark records as older on purpose, are held still.
    """
    monkeypatch.setattr(identity, "PROTOCOL", 1)
    for kind in ("cell", "task"):
        for plugin in registry().plugins[kind].values():
            monkeypatch.setitem(vars(plugin), "version", "1")
    kept = json.loads(RUN_IDS.read_text())
    found = {line: identify(configure(*line.split()), "data").run_id for line in kept}
    assert found == kept


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
    assert identify(configure(*overrides), "data").entry.label == label


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
    assert (changed.entry.id == usual.entry.id) is same


def test_a_track_says_all_that_its_runs_share(configure):
    track = identify(configure("task=language"), "data").track
    assert (track.data, track.precision, track.machine) == ("data", "32", None)
    assert track.model["depth"] == 1
    assert "file" not in track.task
