"""A knob that is set once goes with all cells or tasks that a sweep chooses."""

from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.schema import Source, register
from recurbench.harness.errors import UserError


@pytest.mark.parametrize(
    "overrides",
    [
        ["cell=lstm,lstm_peephole", "cell.forget_bias=3"],
        ["task=parity,memory_capacity", "task.length=120"],
        ["cell=lstm,lstm_coupled", "task=parity,dyck", "cell.forget_bias=3", "task.length=40"],
    ],
)
def test_a_knob_goes_with_the_plugins_that_a_sweep_chooses(
    overrides: list[str], config_store: ConfigStore
) -> None:
    """Also where the default plugin has none such."""
    register()
    configs, multirun = compose_jobs(overrides, multirun=True)
    assert multirun
    for config in configs:
        assert config.cell.get("forget_bias", 3) == 3
        assert config.task.get("length", 120) in (120, 40)
    with pytest.raises(UserError, match=r"cell \(gru\) has no option forget_bias"):
        compose_jobs(["cell=lstm,gru", "cell.forget_bias=3"], multirun=True)


def test_a_knob_goes_with_the_cells_that_an_experiment_sweeps(
    tmp_path: Path, config_store: ConfigStore
) -> None:
    register()
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        "      cell: lstm,lstm_peephole\n"
    )
    source = Source(directory=tmp_path)
    configs, _ = compose_jobs(["experiment=mine", "cell.forget_bias=3"], False, source)
    assert [config.cell.forget_bias for config in configs] == [3, 3]
    with pytest.raises(UserError, match="has no option forgot"):
        compose_jobs(["experiment=mine", "cell.forgot=3"], False, source)
