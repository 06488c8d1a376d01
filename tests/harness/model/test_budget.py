"""A budget gives the nearest hidden size that a cell allows, or is refused."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from recurbench.cells.attention_gru import AttentionGRU
from recurbench.cells.base import CellError
from recurbench.cells.gru import GRU
from recurbench.harness.config.budgets import BUDGETS, LIMITS
from recurbench.harness.config.measures import count_parameters
from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.errors import UserError
from recurbench.harness.model.budget import TOLERANCE, solve_hidden_size
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.execute import execute
from recurbench.harness.run.prepare import prepare
from recurbench.tasks.base import TaskSpec

CELLS = {name: plugin.cls for name, plugin in registry().plugins["cell"].items()}
SPEC = TaskSpec(input_size=7, tokens=True, output_size=5, scope="step")
LARGEST = 20  # hidden sizes that the tests try one by one


class InFours(GRU):
    hidden_multiple = 4


VARIANTS: dict[str, tuple[Callable, dict, int]] = {
    **{name: (cls, {}, cls(1).hidden_multiple) for name, cls in CELLS.items()},
    "three heads": (AttentionGRU, {"heads": 3}, 3),
    "in fours": (InFours, {}, 4),
}


class Variant:
    """A cell with its knobs, and every model that the budget may ask for."""

    def __init__(self, name: str, **around: Any) -> None:
        self.cls, self.knobs, self.multiple = VARIANTS[name]
        self.around = around
        self.devices: set[str] = set()

    def cell(self, hidden_size: int, input_size: int = 3):
        cell = self.cls(input_size, hidden_size, **self.knobs)
        self.devices |= {p.device.type for p in cell.parameters()}
        return cell

    def model(self, hidden_size: int) -> nn.Module:
        config = ModelConfig(
            **{"embedding_size": 3, "depth": 2, "dropout": 0.0, "residual": False, "norm": "layer",
               "bidirectional": False, "readout": "last"} | self.around
        )  # fmt: skip
        model = SequenceModel(SPEC, lambda width: self.cell(hidden_size, width), config, seed=0)
        self.devices |= {p.device.type for p in model.parameters()}
        return model

    def solve(self, goal: int, budget: str = "parameters") -> int:
        return solve_hidden_size(budget, goal, self.cell, self.model)

    def measured(self, budget: str, hidden_size: int) -> int:
        with torch.device("meta"):
            return BUDGETS[budget](self.model(hidden_size))


@cache
def sizes_of(name: str) -> dict[int, int]:
    """Parameters of the model at every hidden size that a variant allows."""
    variant = Variant(name)
    with torch.device("meta"):
        return {
            hidden_size: count_parameters(variant.model(hidden_size))
            for hidden_size in range(variant.multiple, LARGEST * variant.multiple, variant.multiple)
        }


@pytest.mark.parametrize("name", VARIANTS)
def test_the_solved_size_is_the_nearest_of_all_and_within_two_percent_or_refused(name):
    sizes = sizes_of(name)
    variant = Variant(name)
    solved, refused = 0, 0
    smallest, *_, largest, _ = sizes.values()
    for wanted in range(smallest, largest, (largest - smallest) // 6):
        nearest = min(sizes, key=lambda hidden_size: abs(sizes[hidden_size] - wanted))
        if abs(sizes[nearest] - wanted) <= TOLERANCE * wanted:
            assert variant.solve(wanted) == nearest
            solved += 1
        else:
            with pytest.raises(UserError, match=rf"\(hidden_size={nearest}\)"):
                variant.solve(wanted)
            refused += 1
    assert solved
    assert refused


@pytest.mark.parametrize("name", VARIANTS)
def test_a_size_that_is_met_exactly_is_found(name):
    sizes = sizes_of(name)
    for hidden_size in list(sizes)[:2] + list(sizes)[-2:]:
        assert Variant(name).solve(sizes[hidden_size]) == hidden_size


@pytest.mark.parametrize("name", VARIANTS)
def test_a_large_budget_is_met_within_two_percent_and_solving_allocates_nothing(name):
    wanted = 300_007
    variant = Variant(name)
    solved = variant.solve(wanted)
    assert variant.devices == {"meta"}
    assert solved % variant.multiple == 0
    with torch.device("meta"):
        found = count_parameters(variant.model(solved))
        more = count_parameters(variant.model(solved + variant.multiple))
        fewer = count_parameters(variant.model(solved - variant.multiple))
    assert found == pytest.approx(wanted, rel=TOLERANCE)
    assert abs(found - wanted) <= min(abs(more - wanted), abs(fewer - wanted))


@pytest.mark.parametrize("around", [{"depth": 1}, {"bidirectional": True}], ids=str)
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", CELLS)
def test_every_budget_is_solved_for_every_cell_in_stacks_and_both_directions(name, budget, around):
    variant = Variant(name, **around)
    goal = variant.measured(budget, 8)
    if goal == 0:  # a cell without a state
        with pytest.raises(UserError, match=r"^budget\.state_size=9: it stays at 0 whatever "):
            variant.solve(9, budget)
    else:
        assert variant.solve(int(goal * (1 + TOLERANCE / 2)), budget) == 8
    assert variant.devices == {"meta"}


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_budget_that_nothing_comes_near_names_the_nearest_two(budget):
    variant = Variant("lstm")
    low, high = variant.measured(budget, 2), variant.measured(budget, 3)
    between = (low + high) // 2
    with pytest.raises(UserError) as caught:
        variant.solve(between, budget)
    assert str(caught.value) == (
        f"budget.{budget}={between}: no hidden size comes within 2%; the nearest give "
        f"{low:,} (hidden_size=2) or {high:,} (hidden_size=3)"
    )


def test_solving_draws_no_random_numbers():
    before = torch.get_rng_state()
    Variant("gru").solve(100_003)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["gru", "three heads"])
def test_a_budget_between_two_sizes_is_refused_with_both(name):
    sizes = sizes_of(name)
    multiple = Variant(name).multiple
    low, high = sizes[multiple], sizes[2 * multiple]
    wanted = (low + high) // 2
    with pytest.raises(UserError) as caught:
        Variant(name).solve(wanted)
    assert str(caught.value) == (
        f"budget.parameters={wanted}: no hidden size comes within 2%; the nearest give "
        f"{low:,} (hidden_size={multiple}) or {high:,} (hidden_size={2 * multiple})"
    )


@pytest.mark.parametrize("name", ["gru", "three heads"])
def test_a_budget_below_the_smallest_model_is_refused_with_its_size(name):
    smallest = sizes_of(name)[Variant(name).multiple]
    with pytest.raises(UserError, match=rf"the nearest give {smallest:,} \(hidden_size="):
        Variant(name).solve(smallest // 2)


def test_a_knob_that_no_size_suits_is_the_cells_own_error():
    variant = Variant("three heads")
    variant.knobs = {"window": 0}
    with pytest.raises(CellError, match="window must be at least 1, not 0"):
        variant.solve(100_003)


def test_another_budget_is_solved_by_what_it_measures(monkeypatch):
    monkeypatch.setitem(BUDGETS, "units", lambda model: sum(c.hidden_size for c in model.cells))
    variant = Variant("in fours")
    assert solve_hidden_size("units", 48, variant.cell, variant.model) == 24


def test_a_budget_that_no_size_changes_is_refused_instead_of_searched_for_ever(monkeypatch):
    monkeypatch.setitem(BUDGETS, "layers", lambda model: len(model.cells))
    variant = Variant("gru")
    with pytest.raises(UserError, match=r"^budget\.layers=9: it stays at 2 whatever "):
        solve_hidden_size("layers", 9, variant.cell, variant.model)


def test_a_shared_parameter_counts_once_and_a_frozen_one_not_at_all():
    tied, frozen = nn.Linear(3, 3), nn.Linear(3, 5)
    frozen.requires_grad_(False)
    assert count_parameters(nn.Sequential(tied, tied, frozen)) == 12


@pytest.mark.parametrize(
    "around", ["model.depth=2", "task=variable_length model.bidirectional=true model.depth=2"]
)
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_record_of_a_run_has_what_its_budget_asked_for(
    budget, around, configure, small, workplace, read_records
):
    goal = {"state_size": 96, "flops_per_token": 40_000}.get(budget, 60_000)
    assert execute(configure(f"budget.{budget}={goal}", *around.split(), *small)).ok
    (record,) = read_records()
    assert record["budget"] == dict.fromkeys((*BUDGETS, *LIMITS)) | {budget: goal}
    assert record["cost"][budget] == pytest.approx(goal, rel=TOLERANCE)
    assert record["entry"]["label"] == "gru"


@pytest.mark.parametrize("other", ["recurrent_parameters", "state_size", "flops_per_token"])
def test_two_budgets_for_one_hidden_size_are_refused(other, configure):
    config = configure("budget.parameters=20000", f"budget.{other}=20000")
    with pytest.raises(UserError, match=r"^budget\.\w+ and budget\.\w+: one hidden size cannot "):
        prepare(config)


@pytest.mark.parametrize("cell", ["cell=lstm", "cell=attention_gru cell.heads=3"])
def test_a_run_with_a_budget_has_the_solved_size_in_its_model_and_identity(configure, cell):
    config = configure(*cell.split(), "budget.parameters=200000", "task.eval_sequences=9")
    prepared = prepare(config)
    hidden_size = prepared.config.cell["hidden_size"]
    assert count_parameters(prepared.model) == pytest.approx(200_000, rel=TOLERANCE)
    assert {made.hidden_size for made in prepared.model.cells} == {hidden_size}
    assert "hidden_size" not in prepared.identity.entry.label
    assert prepared.identity.sections["cell"]["hidden_size"] == hidden_size
    assert {p.device.type for p in prepared.model.parameters()} == {"cpu"}
