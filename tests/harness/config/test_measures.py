"""FLOPs per token are those of the equations, whatever kernel, device and direction."""

import pytest
import torch
from torch import nn

from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.measures import flops_per_token
from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.registry import registry
from recurbench.tasks.base import TaskSpec

CELLS = registry().plugins["cell"]
F, E, H, O = 7, 6, 8, 5  # features or vocabulary, embedding size, hidden size, output size


def make(cell: str, *, tokens=False, scope="step", device="cpu", knobs=None, **around):
    config = {
        "encoder": "embedding" if tokens else "linear", "kernel_size": 3, "embedding_size": E,
        "depth": 1, "dropout": 0.3, "residual": False, "norm": "none", "bidirectional": False,
        "readout": "last",
    } | around  # fmt: skip
    spec = TaskSpec(F, tokens, O, scope)
    with torch.device(device):
        return SequenceModel(
            spec,
            lambda width: CELLS[cell].cls(width, H, **(knobs or {})),
            ModelConfig(**config),
            seed=0,
        )


def gates(count: int, width: int) -> int:
    """A multiply-add of each input and each hidden unit for each gate."""
    return 2 * count * H * (width + H)


GATES = {"rnn": 1, "gru": 3, "lstm": 4, "torch_rnn": 1, "torch_gru": 3, "torch_lstm": 4}
EACH = [*CELLS, *(f"{name} in a stack, both directions" for name in CELLS)]


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("cell", GATES)
def test_matrix_products_are_counted_exactly(cell, device):
    encoder, head = 2 * F * E, 2 * H * O
    count = GATES[cell]
    assert flops_per_token(make(cell, device=device)) == encoder + gates(count, E) + head
    assert (
        flops_per_token(make(cell, device=device, depth=2, bidirectional=True))
        == encoder + 2 * gates(count, E) + 2 * gates(count, 2 * H) + 2 * head
    )


@pytest.mark.parametrize("encoder", ["embedding", "causal_conv"])
def test_neither_a_look_up_nor_a_depthwise_convolution_is_a_matrix_product(encoder):
    assert flops_per_token(make("gru", tokens=True, encoder=encoder)) == gates(3, E) + 2 * H * O


@pytest.mark.parametrize("readout", ["last", "mean", "attention"])
def test_a_head_that_predicts_once_a_sequence_costs_a_further_step_nothing(readout):
    model = make("gru", scope="sequence", readout=readout)
    assert flops_per_token(model) == 2 * F * E + gates(3, E)


@pytest.mark.parametrize(("cell", "projections"), [("min_gru", 2), ("min_lstm", 3)])
def test_a_linear_recurrence_costs_its_projections(cell, projections):
    assert flops_per_token(make(cell)) == 2 * F * E + projections * 2 * E * H + 2 * H * O


@pytest.mark.parametrize("name", EACH)
def test_devices_and_kernels_agree_for_every_cell(name):
    cell, _, stacked = name.partition(" ")
    around = {"depth": 2, "bidirectional": True} if stacked else {}
    kernels = [{}]
    if any(knob.name == "kernel" for knob in CELLS[cell].knobs):
        kernels += [{"kernel": "reference"}, {"kernel": "fused"}]
    counted = {flops_per_token(make(cell, device="cpu", knobs=k, **around)) for k in kernels}
    counted.add(flops_per_token(make(cell, device="meta", **around)))
    (flops,) = counted
    assert flops > 0


def test_counting_leaves_a_model_as_it_was():
    model = make("gru", knobs={"kernel": "fused"}, depth=2).double()
    model.layers[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    random = torch.get_rng_state()
    flops_per_token(model)
    assert [module.training for module in model.modules()] == modes
    assert {cell.kernel for cell in model.cells} == {"fused"}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in model.parameters())


class Broken(RecurrentCell):
    """Raises at its first step."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.zeros(1))
        self.kernel = "fused"

    def initial_state(self, batch_size):
        raise ZeroDivisionError

    def project(self, x):
        return x

    def recur(self, u, state):
        return u, state


def test_a_cell_that_breaks_is_left_as_it_was_too():
    model = make("gru")
    model.layers[0].cells[0] = Broken(E, H)
    with pytest.raises(ZeroDivisionError):
        flops_per_token(model)
    assert model.training
    assert model.cells[0].kernel == "fused"
