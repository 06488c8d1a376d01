"""The model around a cell treats every cell alike, and every sequence as if it were alone."""

import pytest
import torch
from model_kit import KINDS, LENGTHS, F, H, O, V, every_kind, model, sequences  # noqa: F401
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from recurbench.harness.model.packing import positionwise, with_data
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.tasks.base import valid_steps


def leaves(state) -> list[Tensor]:
    """The tensors of a state: of every layer, direction and part."""
    return [leaf for layer in state for direction in layer for leaf in direction]


@pytest.mark.parametrize(
    "options",
    [
        {"scope": "step"},
        {"scope": "step", "tokens": True},
        {"scope": "step", "bidirectional": True},
        {"scope": "sequence", "readout": "last"},
        {"scope": "sequence", "readout": "mean", "tokens": True},
        {"scope": "sequence", "readout": "last", "bidirectional": True},
        {"scope": "sequence", "readout": "mean", "bidirectional": True},
        {"scope": "sequence", "readout": "attention", "encoder": "causal_conv"},
        {"scope": "sequence", "readout": "attention", "bidirectional": True, "tokens": True},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
@every_kind
def test_a_packed_batch_is_each_of_its_sequences_alone(cell, options):
    made = model(cell, depth=2, residual=True, norm="layer", **options)
    alone = sequences(tokens=made.spec.tokens)
    packed = pack_sequence(alone, enforce_sorted=False)
    outputs, state = made(packed)
    if made.spec.scope == "step":
        outputs = unpack_sequence(with_data(packed, outputs))
    for row, sequence in enumerate(alone):
        expected, final = made(sequence[None])
        expected = expected if made.spec.scope == "step" else expected[0]
        torch.testing.assert_close(outputs[row], expected)
        for leaf, of_row in zip(leaves(state), leaves(final), strict=True):
            torch.testing.assert_close(leaf[row], of_row[0])


@every_kind
def test_a_dense_batch_is_each_of_its_rows_alone(cell):
    made = model(cell, depth=2)
    batch = torch.stack(sequences([5, 5, 5]))
    outputs, _ = made(batch)
    expected = torch.cat([made(row[None])[0] for row in batch])
    assert outputs.shape == (15, O)
    torch.testing.assert_close(outputs, expected)


@pytest.mark.parametrize("tokens", [True, False])
@every_kind
def test_single_steps_equal_the_whole(cell, tokens):
    options = {"depth": 2, "residual": True, "norm": "layer", "encoder": "causal_conv"}
    made = model(cell, tokens=tokens, **options)
    batch = torch.stack(sequences([5, 5], tokens=tokens))
    whole, final = made(batch)
    state, outputs = None, []
    for inputs in batch.unbind(1):
        output, state = made.step(inputs, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1).flatten(0, 1), whole)
    for leaf, expected in zip(leaves(state), leaves(final), strict=True):
        torch.testing.assert_close(leaf, expected)


def test_steps_go_on_from_what_was_read_at_once():
    made = model("lstm", encoder="causal_conv")
    batch = torch.stack(sequences([7, 7]))
    _, state = made(pack_sequence(list(batch[:, :6]), enforce_sorted=False))
    output, _ = made.step(batch[:, 6], state)
    torch.testing.assert_close(output, made(batch)[0].unflatten(0, (2, 7))[:, -1])


def test_a_step_of_a_last_readout_predicts_for_a_sequence_that_ends_there():
    made = model("gru", scope="sequence")
    batch = torch.stack(sequences([3, 3]))
    _, state = made(batch[:, :2])
    torch.testing.assert_close(made.step(batch[:, 2], state)[0], made(batch)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"bidirectional": True},
        {"scope": "sequence", "readout": "mean"},
        {"scope": "sequence", "readout": "attention"},
    ],
    ids=str,
)
def test_a_model_that_needs_whole_sequences_takes_no_single_steps(options):
    with pytest.raises(ValueError, match="whole sequences"):
        model("gru", **options).step(torch.zeros(2, F, dtype=torch.float64))


def test_dropout_acts_in_training_alone():
    made = model("gru", depth=2, dropout=0.5)
    batch = torch.stack(sequences([5, 5]))
    assert torch.equal(made(batch)[0], made(batch)[0])
    made.train()
    assert not torch.equal(made(batch)[0], made(batch)[0])


def test_dropout_acts_on_the_inputs_of_every_layer_and_of_the_head():
    made = model("gru", depth=3, dropout=0.5).train()
    hit: list[str] = []
    for name, module in made.named_modules():
        if isinstance(module, torch.nn.Dropout):
            module.register_forward_hook(
                lambda _, inputs, output, name=name: (
                    hit.append(name) if not torch.equal(inputs[0], output) else None
                )
            )
    made(torch.stack(sequences([9, 9])))
    assert hit == ["layers.0.dropout", "layers.1.dropout", "layers.2.dropout", "dropout"]


def test_without_dropout_training_predicts_as_evaluation_does():
    made = model("lstm", depth=2, norm="layer", residual=True)
    batch = torch.stack(sequences([5, 5]))
    assert torch.equal(made(batch)[0], made.train()(batch)[0])


@pytest.mark.parametrize("tokens", [True, False])
@every_kind
def test_chunks_with_their_state_carried_over_equal_the_whole(cell, tokens):
    made = model(cell, depth=2, residual=True, norm="layer", tokens=tokens)
    batch = torch.stack(sequences([7, 7], tokens=tokens))
    whole, final = made(batch)
    state, chunks = None, []
    for chunk in batch.split([3, 1, 3], dim=1):
        outputs, state = made(chunk, state)
        chunks.append(outputs.unflatten(0, chunk.shape[:2]))
    torch.testing.assert_close(torch.cat(chunks, dim=1).flatten(0, 1), whole)
    for leaf, expected in zip(leaves(state), leaves(final), strict=True):
        torch.testing.assert_close(leaf, expected)


@every_kind
def test_the_state_that_is_carried_over_makes_a_difference(cell):
    made = model(cell, depth=2)
    batch = torch.stack(sequences([4, 4]))
    _, state = made(batch)
    carried = not torch.allclose(made(batch, state)[0], made(batch)[0])
    assert carried == (cell != "feedforward")


@pytest.mark.parametrize("packed", [True, False])
@every_kind
def test_the_last_readout_of_two_directions_is_each_cells_state_after_its_whole_pass(cell, packed):
    made = model(cell, scope="sequence", bidirectional=True)
    forward, backward = made.cells
    alone = sequences(LENGTHS if packed else [4, 4, 4])
    batch = pack_sequence(alone, enforce_sorted=False) if packed else torch.stack(alone)
    for sequence, found in zip(alone, made(batch)[0], strict=True):
        x = made.encoder(sequence)[None]
        passes = [forward(x)[0][0, -1], backward(x.flip(1))[0][0, -1]]
        torch.testing.assert_close(found, made.head(torch.cat(passes)))


@every_kind
def test_one_direction_never_looks_ahead_and_two_do(cell):
    batch = torch.stack(sequences([5, 5]))
    changed = batch.clone()
    changed[:, 3] += 1
    for bidirectional in (False, True):
        made = model(cell, depth=2, bidirectional=bidirectional)
        before, after = (made(x)[0].unflatten(0, (2, 5))[:, :3] for x in (batch, changed))
        looks_ahead = bidirectional and cell != "feedforward"  # which looks nowhere
        assert torch.allclose(before, after, rtol=0, atol=0) is not looks_ahead


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ({"embedding_size": H}, [True, True]),
        ({"embedding_size": H + 1}, [False, True]),
        ({"embedding_size": 2 * H, "bidirectional": True}, [True, True]),
        ({"embedding_size": H, "bidirectional": True}, [False, True]),
    ],
    ids=str,
)
def test_a_residual_is_added_where_the_widths_agree(options, added):
    made = model("gru", depth=2, residual=True, **options)
    for layer, expected in zip(made.layers, added, strict=True):
        x = torch.randn(2, 4, layer.cells[0].input_size, dtype=torch.float64)
        y, _ = layer(x, None)
        layer.residual = False
        plain, _ = layer(x, None)
        assert torch.equal(y, plain + x if expected else plain)


def test_norms_stand_before_every_cell_and_before_the_head():
    def norms(made: SequenceModel) -> list[str]:
        return [n for n, m in made.named_modules() if isinstance(m, torch.nn.LayerNorm)]

    assert norms(model("gru", depth=2)) == []
    assert norms(model("gru", depth=2, norm="layer")) == ["layers.0.norm", "layers.1.norm", "norm"]


def test_all_cells_are_listed_layer_after_layer():
    made = model("gru", depth=2, bidirectional=True)
    assert made.cells == [*made.layers[0].cells, *made.layers[1].cells]
    assert [cell.input_size for cell in made.cells] == [H, H, 2 * H, 2 * H]


def test_valid_steps_are_all_positions_of_a_dense_batch_row_after_row():
    batch = torch.arange(6).reshape(2, 3)
    assert valid_steps(batch).tolist() == [0, 1, 2, 3, 4, 5]
    packed = pack_sequence([torch.tensor([0, 1]), torch.tensor([2, 3, 4])], enforce_sorted=False)
    assert valid_steps(packed).tolist() == [2, 0, 3, 1, 4]


def test_a_positionwise_function_keeps_the_layout():
    packed = pack_sequence(sequences(), enforce_sorted=False)
    doubled = unpack_sequence(positionwise(lambda data: 2 * data, packed))
    for found, sequence in zip(doubled, sequences(), strict=True):
        assert torch.equal(found, 2 * sequence)
