"""Encoders fit their inputs, and a causal convolution sees the steps before it and no others."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.errors import UserError
from recurbench.harness.model.encoders import CausalConv, ConvState, make_encoder, resolve_encoder
from recurbench.harness.run.execute import execute
from recurbench.harness.run.prepare import prepare
from recurbench.tasks.base import TaskSpec

WIDTH = 5
LENGTHS = [3, 1, 6, 2, 6]
TOKENS = TaskSpec(7, tokens=True, output_size=2, scope="step")
FEATURES = TaskSpec(3, tokens=False, output_size=2, scope="step")

every_kernel = pytest.mark.parametrize("kernel_size", [1, 2, 4])


def convolution(kernel_size: int) -> CausalConv:
    torch.manual_seed(0)
    return CausalConv(WIDTH, kernel_size).double()


def sequences(lengths: list[int]) -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    return [torch.randn(t, WIDTH, dtype=torch.float64, generator=source) for t in lengths]


def windows(rows: int, kernel_size: int) -> list[ConvState]:
    source = torch.Generator().manual_seed(1)
    shape = rows, kernel_size - 1, WIDTH
    return [ConvState(torch.randn(shape, dtype=torch.float64, generator=source))]


def encoded(name: str, embedding_size: int = WIDTH) -> ModelConfig:
    return ModelConfig(encoder=name, embedding_size=embedding_size)


@pytest.mark.parametrize(
    ("name", "spec", "resolved"),
    [
        ("auto", TOKENS, "embedding"),
        ("auto", FEATURES, "linear"),
        ("embedding", TOKENS, "embedding"),
        ("linear", FEATURES, "linear"),
        ("causal_conv", TOKENS, "causal_conv"),
        ("causal_conv", FEATURES, "causal_conv"),
    ],
)
def test_auto_becomes_the_encoder_that_fits_the_inputs_and_others_stay(name, spec, resolved):
    assert resolve_encoder(encoded(name), spec) == encoded(resolved)


def test_without_an_encoder_the_width_is_that_of_the_features():
    assert resolve_encoder(encoded("none"), FEATURES) == encoded("none", FEATURES.input_size)


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        ("embedding", FEATURES, "model.encoder=embedding: the task's inputs are features; use aut"),
        ("linear", TOKENS, "inputs are tokens; use auto, embedding or causal_conv"),
        ("none", TOKENS, "model.encoder=none: the task's inputs are tokens"),
    ],
)
def test_an_encoder_that_does_not_fit_the_inputs_is_refused(name, spec, words):
    with pytest.raises(UserError, match=words):
        resolve_encoder(encoded(name), spec)


def test_tokens_are_embedded_and_features_projected_or_left_alone():
    assert isinstance(make_encoder(TOKENS, encoded("embedding")), nn.Embedding)
    assert isinstance(make_encoder(FEATURES, encoded("linear")), nn.Linear)
    assert isinstance(make_encoder(FEATURES, encoded("none")), nn.Identity)


@every_kernel
def test_a_causal_convolution_is_torchs_depthwise_one_with_zeros_before_the_start(kernel_size):
    made, x = convolution(kernel_size), torch.stack(sequences([6, 6]))
    padded = F.pad(x.transpose(1, 2), (kernel_size - 1, 0))
    weight = made.weight.flip(0).T[:, None]  # torch's kernels have the oldest step first
    expected = F.silu(F.conv1d(padded, weight, made.bias, groups=WIDTH)).transpose(1, 2)
    torch.testing.assert_close(made(x, None)[0], expected)


@pytest.mark.parametrize("given", [False, True], ids=["fresh", "carried"])
@every_kernel
def test_a_packed_batch_is_each_of_its_sequences_alone(kernel_size, given):
    made, alone = convolution(kernel_size), sequences(LENGTHS)
    state = windows(len(LENGTHS), kernel_size) if given else None
    y, (final,) = made(pack_sequence(alone, enforce_sorted=False), state)
    for row, found in enumerate(unpack_sequence(y)):
        own = [ConvState(state[0].window[row, None])] if state else None
        expected, (own_final,) = made(alone[row][None], own)
        torch.testing.assert_close(found, expected[0])
        assert torch.equal(final.window[row], own_final.window[0])


@every_kernel
def test_gradients_of_a_packed_batch_are_those_of_its_sequences(kernel_size):
    made, alone = convolution(kernel_size), sequences(LENGTHS)
    packed = made(pack_sequence(alone, enforce_sorted=False), None)[0].data
    together = torch.autograd.grad(packed.square().sum(), list(made.parameters()))
    one_by_one = sum(made(row[None], None)[0].square().sum() for row in alone)
    apart = torch.autograd.grad(one_by_one, list(made.parameters()))
    for found, expected in zip(together, apart, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("cuts", [[3, 1, 3], [1] * 7, [6, 1]], ids=str)
@every_kernel
def test_chunks_and_single_steps_equal_the_whole(kernel_size, cuts):
    made, x = convolution(kernel_size), torch.stack(sequences([7, 7]))
    whole, (final,) = made(x, None)
    for take in (made, lambda chunk, state: _by_steps(made, chunk, state)):
        state, chunks = made.initial_state(2), []
        for chunk in x.split(cuts, 1):
            y, state = take(chunk, state)
            chunks.append(y)
        torch.testing.assert_close(torch.cat(chunks, 1), whole)
        assert torch.equal(state[0].window, final.window)


def _by_steps(made: CausalConv, chunk: Tensor, state: list[ConvState]):
    outputs = []
    for x in chunk.unbind(1):
        y, state = made.step(x, state)
        outputs.append(y)
    return torch.stack(outputs, 1), state


@every_kernel
def test_a_step_sees_itself_and_the_kernel_size_minus_one_before_it(kernel_size):
    made, x = convolution(kernel_size), torch.stack(sequences([9]))
    changed = x.clone()
    changed[:, 3] += 1
    different = (made(x, None)[0] != made(changed, None)[0]).any(-1)[0]
    assert different.nonzero()[:, 0].tolist() == list(range(3, 3 + kernel_size))


def test_channels_do_not_mix():
    made, x = convolution(3), torch.stack(sequences([4]))
    changed = x.clone()
    changed[..., 2] += 1
    different = (made(x, None)[0] != made(changed, None)[0]).any(1)[0]
    assert different.nonzero()[:, 0].tolist() == [2]


def test_the_state_passed_in_is_not_modified():
    made, state = convolution(3), windows(2, 3)
    before = state[0].window.clone()
    made(torch.stack(sequences([4, 4])), state)
    made.step(torch.ones(2, WIDTH, dtype=torch.float64), state)
    assert torch.equal(state[0].window, before)


@pytest.mark.parametrize(("task", "encoder"), [("copying", "embedding"), ("forecasting", "linear")])
def test_a_run_is_identified_by_the_encoder_that_auto_becomes(
    task: str, encoder: str, configure: Callable, small: list
) -> None:
    auto, named, other = (
        prepare(configure(f"task={task}", f"model.encoder={name}", *small)).identity
        for name in ("auto", encoder, "causal_conv")
    )
    assert auto == named
    assert auto.track.model["encoder"] == auto.sections["model"]["encoder"] == encoder
    assert other.track.id != auto.track.id


def test_without_an_encoder_the_cell_reads_the_features_themselves(
    configure: Callable, small: list, workplace: Path, read_records: Callable
) -> None:
    wanted = configure("task=forecasting", "model.encoder=none", *small)
    prepared = prepare(wanted)
    features = prepared.task.spec.input_size
    assert prepared.model.cells[0].input_size == features
    assert execute(wanted).status == "completed"
    (record,) = read_records()
    assert record["track"]["model"]["embedding_size"] == features


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("copying", ["model.encoder=linear"], "model.encoder=linear: the task's inputs are tokens"),
        ("forecasting", ["model.encoder=embedding"], "inputs are features"),
        ("copying", ["model.readout=mean"], "copying predicts at every step"),
        ("copying", ["model.readout=attention"], "leave model.readout=last"),
    ],
)
def test_a_model_that_does_not_fit_the_task_is_refused_before_it_is_built(
    task: str, options: list, words: str, configure: Callable, small: list
) -> None:
    with pytest.raises(UserError, match=words):
        prepare(configure(f"task={task}", *options, *small))


@pytest.mark.parametrize(
    "options",
    [["model.encoder=causal_conv"], ["model.readout=attention"]],
    ids=" ".join,
)
def test_a_budget_counts_all_that_stands_around_the_cell(
    options: list, configure: Callable
) -> None:
    wanted = ["task=variable_length", "task.alphabet=8", "budget.parameters=20000", "cell=gru"]
    plain, richer = (prepare(configure(*wanted, *more)).model for more in ([], options))
    for model in (plain, richer):
        count = sum(parameter.numel() for parameter in model.parameters())
        assert count == pytest.approx(20000, rel=0.02)
    assert richer.cells[0].hidden_size < plain.cells[0].hidden_size
