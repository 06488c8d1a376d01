"""A knob of a cell or task changes the model or the data, or it is refused.

Another knob would make two entries, or two tracks, of what is one.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import torch
import variants
from alternatives import alternatives

from recurbench.cells.base import CellError
from recurbench.harness.plugins.registry import registry
from recurbench.tasks.base import TaskError

REFUSED = object()
STEPS = 23


def cases(kind: str, variants: dict[str, list[dict]], left_out: Callable[[type], set]) -> list:
    """Each knob beside each variant of its plugin."""
    return [
        pytest.param(name, base, knob, id=f"{name}-{base}-{knob.name}")
        for name, plugin in registry().plugins[kind].items()
        for base in [{}, *variants.get(name, [])]
        for knob in plugin.knobs
        if knob.name not in left_out(plugin.cls) and knob.name not in base
    ]


def matters(outcome: Callable[..., Any], base: dict, knob: Any, same: Callable) -> bool:
    """Whether some other value has an effect, or every one is refused."""
    usual = outcome(**base)
    found = [outcome(**base, **{knob.name: value}) for value in alternatives(knob)]
    assert found
    kept = [other for other in found if other is not REFUSED]
    return not kept or any(not same(usual, other) for other in kept)


@pytest.mark.parametrize(
    ("name", "base", "knob"), cases("cell", variants.CELLS, lambda cls: {"kernel", "hidden_size"})
)
def test_every_knob_of_a_cell_changes_the_cell_or_is_refused(name, base, knob):
    cls = registry().plugins["cell"][name].cls

    def outcome(**knobs: Any) -> Any:
        torch.manual_seed(0)
        try:
            cell = cls(3, **({"hidden_size": 20} | knobs)).double()
        except CellError:
            return REFUSED
        x = torch.randn(2, STEPS, 3, generator=torch.Generator().manual_seed(1))
        return cell.state_dict(), cell(x.double())[0].detach()

    def same(one: Any, other: Any) -> bool:
        tensors = [[*state.values(), y] for state, y in (one, other)]
        return len(tensors[0]) == len(tensors[1]) and all(map(torch.equal, *tensors))

    assert matters(outcome, base, knob, same)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str | None]:
    """An example of a file that a task reads."""

    @lru_cache
    def example(name: str) -> str | None:
        cls = registry().plugins["task"][name].cls
        path = cls.example_file(tmp_path_factory.mktemp(name), 0)
        return None if path is None else str(path)

    return example


OF_THE_DATA = {"missing"}
"""Knobs that have an effect where the data has what they treat, as the data alone can tell."""

OWN: dict[str, list[dict]] = {
    name: [*variants.TASKS.get(name, []), *([{"dataset": "file"}] if own else [])]
    for name, plugin in registry().plugins["task"].items()
    for own in [any(knob.name == "dataset" for knob in plugin.knobs)]
}


@pytest.mark.parametrize(
    ("name", "base", "knob"), cases("task", OWN, lambda cls: {*cls.paths, "dataset", *OF_THE_DATA})
)
def test_every_knob_of_a_task_changes_the_data_or_is_refused(name, base, knob, files):
    if base.get("dataset") == "file":
        base = base | {"file": files(name)}
    cls = registry().plugins["task"][name].cls

    def outcome(**knobs: Any) -> Any:
        try:
            task = cls(**knobs)
        except TaskError:
            return REFUSED
        try:
            task.ready(batch_size=4, seed=0)
        except TaskError as error:  # the data does not do: the knob was read
            return str(error)
        return task.spec, task.fingerprint(), task.primary, task.references()

    assert matters(outcome, base, knob, lambda one, other: one == other)
