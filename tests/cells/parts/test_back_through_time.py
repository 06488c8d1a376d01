"""The kernels of cells with a way back written by hand: what they save, refuse and leave alone."""

import copy
import pickle

import pytest
import torch
from torch import nn

from recurbench.cells.base import HiddenState
from recurbench.cells.gru import GRU
from recurbench.cells.gru_blended_reset import GRUBlendedReset
from recurbench.cells.indrnn import IndRNN
from recurbench.cells.lem import LEM
from recurbench.cells.ligru import LiGRU
from recurbench.cells.lstm import LSTM
from recurbench.cells.mgu import MGU
from recurbench.cells.orthogonal_rnn import OrthogonalRNN
from recurbench.cells.parts import native
from recurbench.cells.rnn import RNN
from recurbench.cells.slstm import SLSTM

I, H, B, T = 3, 5, 4, 7

CELLS = [
    pytest.param(GRU, {}, id="gru"),
    pytest.param(GRU, {"reset_after": False}, id="gru-before"),
    pytest.param(LSTM, {}, id="lstm"),
    pytest.param(LSTM, {"peepholes": True, "coupled": True}, id="lstm-coupled"),
    pytest.param(RNN, {}, id="rnn"),
    pytest.param(RNN, {"nonlinearity": "relu"}, id="rnn-relu"),
    pytest.param(MGU, {}, id="mgu"),
    pytest.param(LiGRU, {"normalise": False}, id="ligru"),
    pytest.param(IndRNN, {}, id="indrnn"),
    pytest.param(GRUBlendedReset, {}, id="gru_blended_reset"),
    pytest.param(LEM, {"dt": 0.5}, id="lem"),
    pytest.param(SLSTM, {"heads": 5}, id="slstm"),
    pytest.param(SLSTM, {"heads": 1, "forget": "exp"}, id="slstm-exp"),
    pytest.param(OrthogonalRNN, {"parametrisation": "cayley"}, id="orthogonal_rnn"),
]
every_cell = pytest.mark.parametrize(("cls", "knobs"), CELLS)
every_kernel = pytest.mark.parametrize("kernel", ["auto", "fused", "native"])


def pair(cls, knobs, kernel, dtype=torch.float64):
    """The cell by a kernel, and the same cell step by step."""
    cell = cls(I, H, kernel=kernel, **knobs).to(dtype)
    reference = cls(I, H, kernel="reference", **knobs).to(dtype)
    reference.load_state_dict(cell.state_dict())
    return cell, reference


@every_cell
@every_kernel
def test_a_training_by_any_kernel_is_the_references_up_to_rounding(cls, knobs, kernel):
    x, goal = torch.randn(B, T, I), torch.randn(B, T, H)
    trained = []
    for cell in pair(cls, knobs, kernel, torch.float32):
        optimizer = torch.optim.SGD(cell.parameters(), lr=0.1, momentum=0.9)
        for _ in range(10):
            optimizer.zero_grad()
            (cell(x.float())[0] - goal.float()).square().mean().backward()
            optimizer.step()
        trained.append(nn.utils.parameters_to_vector(cell.parameters()).detach())
    torch.testing.assert_close(*trained, rtol=1e-4, atol=1e-5)


@every_cell
@every_kernel
def test_zeros_are_run_and_gone_back_as_the_reference_does(cls, knobs, kernel, assert_equal):
    found = []
    for cell in pair(cls, knobs, kernel):
        x = torch.zeros(B, T, I, requires_grad=True)
        y, state = cell(x)
        found.append([y, *state, *torch.autograd.grad(y.exp().sum(), [x, *cell.parameters()])])
    assert_equal(*found)


@every_cell
@every_kernel
def test_the_same_batch_gives_the_same_bits_each_time(cls, knobs, kernel, gradients):
    cell, _ = pair(cls, knobs, kernel, torch.float32)
    x = torch.randn(B, T, I, dtype=torch.float32)
    runs = [gradients(cell(x)[:1], cell.parameters()) for _ in range(2)]
    assert all(torch.equal(*pairs) for pairs in zip(*runs, strict=True))


@every_cell
@every_kernel
def test_nothing_is_saved_without_a_gradient(cls, knobs, kernel):
    cell, saved = cls(I, H, kernel=kernel, **knobs), []

    def count(tensor):
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        with torch.no_grad():
            cell(torch.randn(B, T, I))
        assert not saved
        cell.requires_grad_(False)(torch.randn(B, T, I))
        assert not saved
        cell.requires_grad_(True)(torch.randn(B, T, I))
        assert saved


@pytest.mark.parametrize(("cls", "knobs"), CELLS[:-1])  # the last one saves what makes its matrix
@pytest.mark.parametrize("kernel", ["fused", "native"])
def test_what_is_saved_are_inputs_weights_states_and_what_a_step_keeps(cls, knobs, kernel):
    cell, saved = cls(I, H, kernel=kernel, **knobs), {}

    def note(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes() // tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        _, state = cell(torch.randn(B, T, I))
    features = I + cell.by_hand().kept * H + len(state) * H
    start = len(state) * B * H
    weights = sum(parameter.numel() for parameter in cell.parameters())
    assert sum(saved.values()) <= B * T * features + start + weights


@every_cell
@every_kernel
def test_second_derivatives_are_refused_in_words(cls, knobs, kernel):
    cell = cls(I, H, kernel=kernel, **knobs)
    loss = cell(torch.randn(B, T, I))[0].sum()
    with pytest.raises(RuntimeError, match="kernel=reference"):
        torch.autograd.grad(loss, list(cell.parameters()), create_graph=True)


@every_kernel
def test_outputs_may_be_changed_and_weights_may_not(kernel, assert_equal):
    cell = GRU(I, H, kernel=kernel)
    y, _ = cell(torch.randn(B, T, I))
    with torch.no_grad():
        cell.weight_hh.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    found, x = [], torch.randn(B, T, I)
    for change in (torch.relu, torch.relu_):
        y, _ = cell(x)
        found.append(torch.autograd.grad(change(y).square().sum(), list(cell.parameters())))
    assert_equal(*found)


@every_cell
@every_kernel
def test_the_graph_may_be_kept_and_gone_back_twice(cls, knobs, kernel, assert_equal):
    cell, reference = pair(cls, knobs, kernel)
    x = torch.randn(B, T, I, requires_grad=True)
    found = []
    for each in (cell, reference):
        y, _ = each(x)
        first = torch.autograd.grad(y[:, 2].sum(), x, retain_graph=True)
        found.append([*first, *torch.autograd.grad(y.square().sum(), [x, *each.parameters()])])
    assert_equal(*found)


@every_cell
@every_kernel
def test_a_final_state_alone_has_a_gradient(cls, knobs, kernel, assert_equal):
    found = []
    for cell in pair(cls, knobs, kernel):
        torch.manual_seed(1)
        x = torch.randn(B, T, I, requires_grad=True)
        _, state = cell(x)
        found.append(torch.autograd.grad(state[-1].sum(), [x, *cell.parameters()]))
    assert_equal(*found)


@pytest.mark.parametrize(("cls", "knobs"), CELLS[:-1])  # torch makes no such matrix in half
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_runs_by_the_reference(cls, knobs, dtype):
    cell, reference = pair(cls, knobs, "auto", dtype)
    x = torch.randn(B, T, I, dtype=dtype)
    assert cell.kernel_on(x.device, dtype) == "reference"
    assert torch.equal(cell(x)[0], reference(x)[0])


@every_cell
@every_kernel
def test_autocast_runs_by_the_reference(cls, knobs, kernel):
    cell, reference = pair(cls, knobs, kernel, torch.float32)
    x = torch.randn(B, T, I, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, expected = cell(x)[0], reference(x)[0]
    assert y.dtype == expected.dtype
    assert torch.equal(y, expected)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's own
@every_cell
def test_torch_func_sees_the_step(cls, knobs, assert_equal):
    cell, reference = pair(cls, knobs, "auto")
    x = torch.randn(3, B, T, I)
    assert_equal(torch.vmap(lambda each: cell(each)[0])(x), torch.stack([cell(e)[0] for e in x]))

    def loss(parameters, of):
        return torch.func.functional_call(of, parameters, (x[0],))[0].square().sum()

    found = [
        torch.func.grad(loss)(dict(each.named_parameters()), each) for each in (cell, reference)
    ]
    assert_equal(*(list(gradients.values()) for gradients in found))
    tangent = torch.ones_like(x[0])
    pairs = [
        torch.func.jvp(lambda e, of=of: of(e)[0], (x[0],), (tangent,)) for of in (cell, reference)
    ]
    assert_equal(*pairs)


@every_cell
@every_kernel
def test_a_functional_call_uses_the_weights_that_it_is_given(cls, knobs, kernel, assert_equal):
    cell, reference = pair(cls, knobs, kernel)
    x, found = torch.randn(B, T, I), []
    for each in (cell, reference):
        twice = {name: (2 * p.detach()).requires_grad_() for name, p in each.named_parameters()}
        y, _ = torch.func.functional_call(each, twice, (x,))
        found.append([y, *torch.autograd.grad(y.square().sum(), list(twice.values()))])
    assert_equal(*found)


@every_cell
@every_kernel
def test_copies_run_alike(cls, knobs, kernel, assert_equal):
    cell, x = cls(I, H, kernel=kernel, **knobs), torch.randn(B, T, I)
    y, _ = cell(x)  # has loaded what it needs
    for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert_equal(twin(x)[0], y)


def test_a_compiled_cell_gives_what_it_gives(assert_equal):
    cell, x = GRU(I, H), torch.randn(B, T, I)
    compiled = torch.compile(cell, backend="eager", fullgraph=True)
    assert_equal(compiled(x)[0], cell(x)[0])


@every_cell
def test_a_kernel_is_chosen_by_device_and_dtype_alone(cls, knobs):
    cpu, meta = torch.device("cpu"), torch.device("meta")
    fastest = "fused" if native.loops() is None else "native"
    for asked, expected in [
        ("auto", fastest), ("native", fastest), ("fused", "fused"), ("reference", "reference"),
    ]:  # fmt: skip
        cell = cls(I, H, kernel=asked, **knobs)
        assert cell.kernel_on(cpu, torch.float32) == expected
        assert cell.kernel_on(cpu, torch.float64) == expected
        assert cell.kernel_on(cpu, torch.bfloat16) == "reference"
        assert cell.kernel_on(meta, torch.float32) == "reference"


@every_kernel
def test_a_subclass_with_another_step_runs_by_it(kernel, assert_equal):
    class Halved(GRU):
        def recur(self, u, state):
            h = super().recur(u, state)[1].h / 2
            return h, HiddenState(h)

    class Deeper(Halved):
        pass

    for cls in (Halved, Deeper):
        cell, x = cls(I, H, kernel=kernel), torch.randn(B, T, I)
        state, y = cell.initial_state(B), []
        for x_t in x.unbind(1):
            y_t, state = cell.step(x_t, state)
            y.append(y_t)
        assert_equal(cell(x)[0], torch.stack(y, 1))
        assert cell.kernel_on(x.device, x.dtype) == "reference"


def test_a_subclass_without_another_step_keeps_its_kernel():
    class Named(GRU):
        name = "named"

    cpu = torch.device("cpu")
    assert Named(I, H).kernel_on(cpu, torch.float32) == GRU(I, H).kernel_on(cpu, torch.float32)
    assert Named(I, H, kernel="fused").kernel_on(cpu, torch.float32) == "fused"


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel must be one of auto, reference, fused, native"):
        GRU(I, H, kernel="cuda")
