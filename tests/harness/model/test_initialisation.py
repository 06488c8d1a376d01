"""Where the weights of a model begin, and what its parts do to them."""

from itertools import combinations, pairwise

import pytest
import torch
from model_kit import KINDS, LENGTHS, F, H, O, V, every_kind, model, sequences  # noqa: F401
from torch.nn.utils.rnn import pack_sequence

from recurbench.harness.plugins.registry import registry

CELLS = sorted(registry().plugins["cell"])


every_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.mark.parametrize("tokens", [True, False])
def test_all_cells_of_one_seed_start_from_one_encoder_and_one_head(tokens):
    options = {"encoder": "causal_conv", "scope": "sequence", "readout": "attention"}
    models = [model(cell, tokens=tokens, depth=2, seed=3, **options) for cell in CELLS]
    for one, other in pairwise(models):
        for part in ("encoder", "convolutions", "readout", "head"):
            weights, others = (getattr(m, part).state_dict() for m in (one, other))
            assert weights.keys() == others.keys()
            assert all(torch.equal(weights[key], others[key]) for key in weights)


@every_cell
def test_what_surrounds_a_cell_does_not_move_its_initial_weights(cell):
    plain = model(cell, seed=3)
    others = [
        model(cell, tokens=True, seed=3),
        model(cell, depth=2, dropout=0.5, seed=3),
        model(cell, encoder="causal_conv", scope="sequence", readout="attention", seed=3),
    ]
    for other in others:
        for one, two in zip(plain.cells[0].parameters(), other.cells[0].parameters(), strict=True):
            assert torch.equal(one, two)


@every_cell
def test_a_seed_gives_the_same_weights_again_and_another_seed_others(cell):
    one, again, other = (model(cell, seed=seed, depth=2).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    for part in ("encoder.weight", "head.weight"):
        assert not torch.equal(one[part], other[part])
    assert any(not torch.equal(one[name], other[name]) for name in one if "cells" in name)


@pytest.mark.parametrize("options", [{"depth": 3}, {"bidirectional": True}], ids=str)
@every_kind
def test_the_cells_of_a_stack_and_of_two_directions_start_from_different_weights(cell, options):
    matrices = [
        [p for p in made.parameters() if p.dim() == 2] for made in model(cell, **options).cells
    ]
    assert len(matrices) >= 2
    for one, other in combinations(matrices, 2):
        drawn = [(a, b) for a, b in zip(one, other, strict=True) if a.any()]  # not zero by design
        assert drawn
        assert not any(torch.equal(a, b) for a, b in drawn)


def test_building_a_model_draws_nothing_from_the_global_generator():
    before = torch.get_rng_state()
    model("gru", depth=2, bidirectional=True)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "options",
    [{}, {"encoder": "causal_conv", "scope": "sequence", "readout": "attention"}],
    ids=["default", "causal_conv-attention"],
)
@every_kind
def test_every_parameter_learns(cell, options):
    made = model(cell, depth=2, norm="layer", bidirectional=True, tokens=True, **options).train()
    outputs, _ = made(pack_sequence(sequences(tokens=True), enforce_sorted=False))
    outputs.square().sum().backward()
    still = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
