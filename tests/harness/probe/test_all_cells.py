"""Every registered cell has a card, whatever its state is made of."""

from typing import Any, NamedTuple

import msgspec
import pytest
import torch
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.plugins.registry import registry
from recurbench.harness.probe.card import Card, probe
from recurbench.harness.probe.drive import Drive
from recurbench.harness.probe.lyapunov import push_forward
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.spectrum import SMALL, jacobian
from recurbench.harness.probe.states import advance, flatten, rows_of, unflatten

CELLS = {
    name: plugin.cls
    for name, plugin in sorted(registry().plugins["cell"].items())
    if plugin.cls.__module__.startswith("recurbench.cells.")
}
EACH = pytest.mark.parametrize("name", CELLS)


def build(name: str, hidden_size: int = 8) -> RecurrentCell[Any]:
    torch.manual_seed(0)
    cell: RecurrentCell[Any] = CELLS[name](3, hidden_size)
    return cell


def test_there_are_as_many_cells_as_the_zoo_has() -> None:
    assert len(CELLS) >= 23


@EACH
def test_every_cell_has_a_card(name: str, small: Settings) -> None:
    cell = build(name)
    before = {key: value.clone() for key, value in cell.state_dict().items()}
    random = torch.random.get_rng_state()
    card = probe(cell, lambda size: CELLS[name](3, size), small)
    assert msgspec.json.decode(msgspec.json.encode(card), type=Card) == card, "all is finite"
    assert card.reach.norms[0] > 0
    numbers = card.cost.state_numbers
    assert numbers == sum(x.numel() for x in cell.initial_state(1) if x.is_floating_point())
    assert len(card.spectrum.moduli) == min(numbers, SMALL)
    assert len(card.lyapunov.exponents) == min(numbers, 2)
    assert card.capacity.output.features == cell.output_size
    assert card.capacity.state.features == numbers
    assert card.sensitivity.weights > 0
    assert list(card.cost.parameters) == [8]
    assert card.cost.parameters[8] == sum(p.numel() for p in cell.parameters())
    assert all(torch.equal(value, before[key]) for key, value in cell.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.parametrize("name", [name for name in CELLS if name != "feedforward"])
def test_the_jacobian_is_what_differences_say(name: str) -> None:
    cell = build(name, 4).double().requires_grad_(False)
    drive = Drive(3, 0)
    state = advance(cell, drive.vectors(1, 30), cell.initial_state(1))
    x = drive.vectors(1, 1)[:, 0]
    flat, after = flatten(state), []
    n, small = flat.shape[1], 1e-6
    for sign in (1, -1):
        moved = flat + sign * small * torch.eye(n, dtype=flat.dtype)
        rows = torch.zeros(n, dtype=torch.long)
        after.append(flatten(cell.step(x[rows], unflatten(moved, rows_of(state, rows)))[1]))
    found = jacobian(cell, x, state)
    torch.testing.assert_close(found, (after[0] - after[1]).T / (2 * small), rtol=1e-5, atol=1e-7)

    tangents = drive.normal(1, n, 2)
    pushed, following = push_forward(cell, x, state, tangents)
    torch.testing.assert_close(pushed[0], found @ tangents[0])
    torch.testing.assert_close(following, cell.step(x, state)[1])


def test_a_cell_without_memory_has_no_reach_beyond_its_step(small: Settings) -> None:
    card = probe(build("feedforward"), lambda size: CELLS["feedforward"](3, size), small)
    assert set(card.reach.norms[1:]) == {0.0}
    assert card.spectrum.moduli == card.lyapunov.exponents == []
    assert card.capacity.state.linear == card.capacity.state.quadratic == 0


def test_a_window_reaches_as_far_as_it_is_wide(small: Settings) -> None:
    card = probe(build("local_attention"), lambda size: CELLS["local_attention"](3, size), small)
    assert min(card.reach.norms[:16]) > 0
    assert set(card.reach.norms[16:]) == {0.0}
    assert card.lyapunov.exponents == [None, None]


def test_an_orthogonal_cell_of_the_zoo_has_an_exponent_of_nearly_zero(small: Settings) -> None:
    cell = build("orthogonal_rnn")
    card = probe(cell, lambda size: CELLS["orthogonal_rnn"](3, size), small)
    assert card.lyapunov.exponents[0] == pytest.approx(0, abs=1e-3)


def test_two_implementations_of_a_gru_have_one_card(small: Settings) -> None:
    cells = {name: build(name) for name in ("gru", "torch_gru")}
    cells["torch_gru"].load_state_dict(cells["gru"].state_dict())
    found = [
        probe(cell, lambda size, name=name: CELLS[name](3, size), small)
        for name, cell in cells.items()
    ]
    for part in ("reach", "spectrum", "lyapunov"):
        ours, theirs = (msgspec.to_builtins(getattr(card, part)) for card in found)
        for key in ours:
            assert ours[key] == pytest.approx(theirs[key]), key


def test_a_card_is_the_same_each_time_but_for_its_timing(small: Settings) -> None:
    first, second = (
        msgspec.to_builtins(probe(build("lstm"), lambda size: CELLS["lstm"](3, size), small))
        for _ in range(2)
    )
    del first["cost"], second["cost"]
    assert first == second


class Mixed(NamedTuple):
    count: Tensor
    turned: Tensor
    pair: Tensor


def test_a_state_of_anything_is_a_vector_and_back() -> None:
    state = Mixed(
        torch.tensor([3, 4]),
        torch.randn(2, 3, dtype=torch.complex128),
        torch.randn(2, 2, 2, dtype=torch.float64),
    )
    flat = flatten(state)
    assert flat.shape == (2, 10)
    torch.testing.assert_close(unflatten(flat, state), state)
    doubled = unflatten(2 * flat, state)
    torch.testing.assert_close(doubled, Mixed(state.count, 2 * state.turned, 2 * state.pair))


def test_a_drive_draws_from_what_a_model_has_seen_along_where_it_varies_most() -> None:
    pool = torch.tensor([[1.0, 5.0], [1.0, 9.0]])
    drive = Drive(2, 0, pool)
    vectors = drive.vectors(20, 30)
    assert vectors.dtype == torch.float64
    assert {tuple(row) for row in vectors.flatten(0, 1).tolist()} == {(1, 5), (1, 9)}
    along = drive.along(drive.scalars(100, 100))
    torch.testing.assert_close(along[..., 0], torch.ones(100, 100, dtype=torch.float64))
    assert along[..., 1].mean().item() == pytest.approx(7, abs=0.1)
    assert along[..., 1].std().item() == pytest.approx(2, abs=0.1)
