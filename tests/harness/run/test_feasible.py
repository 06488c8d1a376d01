"""What cannot work is refused before the first run of a sweep, and equal parts are tried once."""

from collections.abc import Callable

import pytest

from recurbench.harness.errors import UserError
from recurbench.harness.run import feasible
from recurbench.harness.run.feasible import require_feasible

SWEEP = ["cell=gru,lstm", "task=copying,parity,adding", "seed=0,1", "optimizer.lr=0.1,0.2"]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the cells and tasks that were made."""
    names: list[str] = []
    for kind in ("cell", "task"):
        function = {"cell": "make_cell", "task": "build_task"}[kind]
        make = getattr(feasible, function)

        def counted(config, *sizes, kind=kind, make=make):
            names.append(getattr(config, kind)["name"])
            return make(config, *sizes)

        monkeypatch.setattr(feasible, function, counted)
    return names


def test_equal_parts_are_tried_once(configure_sweep: Callable, tried: list) -> None:
    configs = configure_sweep(*SWEEP)
    require_feasible(configs)
    assert len(configs) == 24
    assert sorted(tried) == ["adding", "copying", "gru", "lstm", "parity"]


def test_a_part_is_tried_again_where_it_differs(configure_sweep: Callable, tried: list) -> None:
    require_feasible(configure_sweep("cell.hidden_size=8,9", "model.embedding_size=3,4"))
    assert tried.count("gru") == 4
    assert tried.count("copying") == 1


def test_the_first_job_that_cannot_work_is_the_one_that_is_refused(
    configure_sweep: Callable,
) -> None:
    configs = configure_sweep("cell=attention_gru", "cell.heads=1,3,5", "seed=0,1")
    with pytest.raises(UserError, match="64 is not a multiple of 3"):
        require_feasible(configs)
