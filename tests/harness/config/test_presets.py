"""What is wrong in YAML files of a user's own is one line: the reason, the file and the line."""

from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import Source, register
from recurbench.harness.errors import UserError


@pytest.fixture(autouse=True)
def registered(config_store) -> None:
    """Our own groups, and of Hydra's launchers those without an extra, whatever is installed."""
    register()
    for name in ("joblib", "ray", "ray_aws", "submitit_local", "submitit_slurm"):
        config_store.repo["hydra"]["launcher"].pop(f"{name}.yaml", None)


def refusal(*overrides: str) -> str:
    """The one line that refuses a command line."""
    with pytest.raises(UserError) as caught:
        compose_jobs(list(overrides), multirun=False)
    line = str(caught.value)
    assert "\n" not in line
    return line


PRESETS = {
    "tab": ("train:\n\tmax_steps: 20", "3: a tab; YAML is indented with spaces"),
    "brace": ("train: {max_steps: 20", "3: not YAML: "),
    "twice": ("seed: 1\nseed: 2", "3: duplicate key seed"),
    "latin": ("study: grün".encode("latin-1"), "2: not UTF-8; save the file in that encoding"),
    "typo": ("train:\n  max_step: 20", "3: train has no option max_step; did you mean max_steps?"),
    "knob": ("cell:\n  hiden_size: 3", "3: cell has no option hiden_size; did you mean hidden_"),
    "section": ("sed: 3", "2: the configuration has no option sed; did you mean seed?"),
    "type": ("train:\n  max_steps: [1]", "3: train.max_steps: Value '[1]'"),
    "word": ("seed: many", "2: seed: Value 'many'"),
    "nowhere": ("study: ${nothing}", "2: study: Interpolation key 'nothing' not found"),
    "unclosed": ("study: ${seed", "2: study: cannot read the `${...}` in it"),
    "variable": ("study: ${oc.env:NO_SUCH}", "2: study: KeyError raised while resolving"),
    "choice": ("defaults:\n- override /cell: gruu", "2: defaults: no gruu in the group cell; did"),
    "relative": ("defaults:\n- cell: lstm", "2: defaults: no lstm in the group experiment/cell"),
    "group": (
        "defaults:\n- override /cel: gru",
        "2: defaults override cel, which is no group; did",
    ),
    "list": ("defaults: 3", "2: defaults must be a list"),
    "launcher": ("defaults:\n- override /hydra/launcher: ray", "2: defaults: no ray in the group"),
}
"""Presets that are wrong, and what is said of them after the name of the file."""


@pytest.mark.parametrize(("text", "said"), PRESETS.values(), ids=PRESETS)
def test_what_is_wrong_in_a_preset_is_said_with_its_file_and_line(text, said, workplace):
    file = workplace / "presets/experiment/mine.yaml"
    file.parent.mkdir(parents=True)
    content = text if isinstance(text, bytes) else text.encode()
    file.write_bytes(b"# @package _global_\n" + content + b"\n")
    line = refusal(f"hydra.searchpath=[file://{workplace}/presets]", "experiment=mine")
    assert line.startswith(f"presets/experiment/mine.yaml:{said}")


def test_a_preset_of_a_cell_is_blamed_too(workplace):
    (workplace / "cell").mkdir()
    (workplace / "cell/mine.yaml").write_text("defaults: [gru, _self_]\nhiden_size: 3\n")
    line = refusal(f"hydra.searchpath=[file://{workplace}]", "cell=mine")
    assert line.startswith("cell/mine.yaml:2: cell has no option hiden_size; did you mean hidden_")


@pytest.mark.parametrize("text", ["- a\n- b\n", "train: {max_steps: 2}\n"], ids=["list", "package"])
def test_a_preset_without_its_package_is_refused_with_the_line_to_add(text, workplace):
    (workplace / "experiment").mkdir()
    (workplace / "experiment/mine.yaml").write_text(text)
    line = refusal(f"hydra.searchpath=[file://{workplace}]", "experiment=mine")
    assert "# @package _global_" in line


def test_a_folder_of_presets_that_is_not_there_is_refused(workplace):
    line = refusal("hydra.searchpath=[file:///no/such]")
    assert line == "hydra.searchpath: no such folder: /no/such"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defaults: [config]\nseed: 7\n", "mine.yaml:1: defaults lack `_self_`"),
        ("seed: 7\n", "the primary configuration has no cell; let it begin with"),
        (
            "defaults: [config, _self_]\nsed: 7\n",
            "mine.yaml:2: the configuration has no",
        ),
        ("defaults: [config, {cell: lstm}, _self_]\n", "mine.yaml:1: Multiple values for cell"),
        ("defaults: [config, _self_]\nseed: [7\n", "mine.yaml:3: not YAML"),
    ],
)
def test_a_primary_configuration_of_ones_own_is_refused_in_one_line(text, said, workplace):
    (workplace / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        resolve(compose_jobs([], False, Source("mine", Path()))[0][0])
    assert str(caught.value).startswith(said)


def test_a_primary_configuration_of_ones_own_begins_with_ours(workplace):
    (workplace / "mine.yaml").write_text("defaults: [config, _self_]\nseed: 7\n")
    (composed,), _ = compose_jobs(["cell=lstm"], False, Source("mine", Path()))
    assert (composed.seed, composed.cell.name) == (7, "lstm")


@pytest.mark.parametrize(
    ("override", "extra"),
    [
        ("hydra/launcher=ray", "ray"),
        ("hydra/launcher=submitit_slurm", "slurm"),
        ("hydra/launcher=submitit_local", "slurm"),
        ("hydra/launcher=joblib", "joblib"),
        ("hydra/sweeper=optuna", "optuna"),
    ],
)
def test_a_launcher_that_is_not_installed_says_how_to_install_it(override, extra, monkeypatch):
    group, _, choice = override.partition("=")
    options_of = ConfigLoaderImpl.get_group_options

    def without(self, group_name, *rest, **more):  # whatever is installed here
        return ["basic"] if group_name == group else options_of(self, group_name, *rest, **more)

    monkeypatch.setattr(ConfigLoaderImpl, "get_group_options", without)
    monkeypatch.setattr("recurbench.harness.config.compose.compose", fail_to_find)
    assert refusal(override) == f"{group}={choice}; install it: pip install 'recurbench[{extra}]'"


@pytest.mark.parametrize(
    ("preset", "extra"),
    [("all_cores", "joblib"), ("ray_local", "ray"), ("ray_cluster", "ray"), ("slurm", "slurm")],
)
def test_a_preset_of_ours_whose_launcher_is_not_installed_says_it_too(preset, extra):
    line = refusal(f"hydra/launcher={preset}")
    assert line.startswith(f"hydra/launcher/{preset}: defaults: no ")
    assert line.endswith(f"; install it: pip install 'recurbench[{extra}]'")


def fail_to_find(*_, **__):
    raise ValueError("not found")
