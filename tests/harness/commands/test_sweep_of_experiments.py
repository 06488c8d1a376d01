"""Several experiments in one sweep: they share what all of them sweep over."""

from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

from recurbench.harness.commands.loaded.run import run_jobs as run
from recurbench.harness.errors import UserError

TWO = """# @package _global_
defaults:
  - override /task: {task}
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      seed: 0,1
      cell: gru,lstm
"""


@pytest.fixture(autouse=True)
def in_empty_folder(workplace: Path, config_store: ConfigStore) -> None:
    """Every test runs in a folder of its own and leaves Hydra's store as it was."""


@pytest.mark.parametrize("experiments", ["demo,zoo", "etth1,zoo", "glob(bai2018_*)"])
def test_experiments_that_do_not_sweep_alike_are_refused(experiments: str) -> None:
    with pytest.raises(UserError, match=r"experiment=.*: \w+ does not sweep over .*; run one"):
        run(["-m", f"experiment={experiments}"])


def test_a_pattern_that_nothing_matches_is_said() -> None:
    with pytest.raises(UserError, match=r"experiment=glob\(no\*\): this is no value at all"):
        run(["-m", "experiment=glob(no*)"])


def test_experiments_that_sweep_alike_share_their_sweep(
    small: list, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    for task in ("copying", "adding"):
        preset = workplace / f"mine/experiment/two_{task}.yaml"
        preset.parent.mkdir(parents=True, exist_ok=True)
        preset.write_text(TWO.format(task=task))
    search = f"hydra.searchpath=[file://{workplace}/mine]"
    chosen = [search, "experiment=two_copying,two_adding", "cell=rnn", *small]
    assert run(["-m", *chosen, "--dry-run"]) == 0
    *listed, total = capsys.readouterr().out.splitlines()
    assert total.startswith("4 runs")
    assert sorted("copying" in line for line in listed) == [False, False, True, True]
    assert all("rnn" in line for line in listed)
