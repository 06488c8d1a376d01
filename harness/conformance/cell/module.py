"""Properties of the cell as an `nn.Module`: no side effects, copies, devices, precision.

Legend: B batch, T time.
"""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.cells.base import CellError
from recurbench.harness.conformance.cell.compare import require_equal, require_finite
from recurbench.harness.conformance.cell.subject import (
    LENGTHS,
    B,
    Cell,
    Subject,
    differentiable,
    inputs,
    leaves_of,
    pack,
    visited_state,
)
from recurbench.harness.conformance.findings import ViolationError, require

AUTOCAST_TOLERANCE = 0.05
"""Largest difference between bf16 autocast and float32, relative to 1 + the largest output."""

DTYPE_TOLERANCE = 32
"""Largest difference to double precision, in units of the dtype's precision, relative as above."""

Duplicate = Callable[[Cell], Cell]
DUPLICATES: dict[str, Duplicate] = {
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda cell: pickle.loads(pickle.dumps(cell)),  # noqa: S301 - it is our own
}


def no_side_effects(subject: Subject) -> None:
    """The state and input passed in are not modified, and nothing is remembered between calls."""
    cell, x = subject.make_generic(), inputs()
    state = visited_state(cell)
    given = {"the input": x, **leaves_of(state), **cell.state_dict()}
    before = {name: tensor.clone() for name, tensor in given.items()}
    calls: dict[str, Callable[[], object]] = {
        "forward": lambda: cell(x, state),
        "packed forward": lambda: cell(pack(x, LENGTHS), state),
        "step": lambda: cell.step(x[:, 0], state),
    }
    for name, call in calls.items():
        with torch.no_grad():
            call()
        now = {"the input": x, **leaves_of(state), **cell.state_dict()}
        for what, tensor in now.items():
            require(
                torch.equal(tensor, before[what]),
                seen=f"{name} changed {what}",
                expected="as it was before the call",
                cause="an in-place operation (`+=`, `mul_`, indexing), or running statistics",
            )
    first, _ = cell(x)
    cell(inputs(B - 1))
    expected = "the same as before another batch ran"
    cause = "something is kept on `self` between calls"
    axes = ("row", "step", "feature")
    again, _ = cell(x)
    require_equal("outputs", again, first, expected=expected, cause=cause, axes=axes)
    from_initial, _ = cell(x, cell.initial_state(B))
    expected = "what `initial_state` gives when no state is passed"
    require_equal("outputs", first, from_initial, expected=expected, cause=cause, axes=axes)


def named_parameters(subject: Subject) -> None:
    """What `undecayed` and `own_rate` name are parameters of the cell."""
    cell = subject.make()
    known = {name for name, _ in cell.named_parameters()}
    absent = {name for name, tensor in cell._parameters.items() if tensor is None}
    for attribute in ("undecayed", "own_rate"):
        named = getattr(cell, attribute)
        require(
            isinstance(named, frozenset) and named <= known | absent,
            seen=f"{attribute} is {named!r}",
            expected=f"a frozenset of some of {', '.join(sorted(known))}",
            cause="a parameter that was renamed, or a text in place of a set of texts",
        )


def portable(subject: Subject) -> None:
    """Equal seeds give equal cells; copies, state_dict and devices work."""
    _check_seed(subject)
    _check_copies(subject)
    _check_devices(subject)


def _check_seed(subject: Subject) -> None:
    first, second = subject.make(seed=1).state_dict(), subject.make(seed=1).state_dict()
    for name, tensor in first.items():
        require(
            torch.equal(tensor, second[name]),
            seen=f"{name} differs between two cells of one seed",
            expected="equal, bit by bit",
            cause="initial values from another generator than torch's global one",
        )


def _check_copies(subject: Subject) -> None:
    cell, x = subject.make_generic(), inputs()
    state = cell.initial_state(B)
    y, _ = cell(x, state)
    other = subject.make(seed=1)
    other.load_state_dict(cell.state_dict())
    require_equal(
        "outputs after load_state_dict",
        other(x, state)[0],
        y,
        expected="those of the cell whose state_dict was loaded",
        cause="a parameter or buffer that is not registered, such as one in a list",
    )
    for how, duplicate in DUPLICATES.items():
        try:
            twin = duplicate(cell)
        except Exception as error:  # whatever a cell's own hooks raise
            raise _fails(how, error, "a closure or parametrisation on `self`") from error
        expected, cause = "those of the original", "something is lost in the copy"
        require_equal(f"outputs after {how}", twin(x, state)[0], y, expected=expected, cause=cause)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.zero_()
        expected, cause = "untouched by changes to the copy", "the copy shares tensors"
        require_equal(f"outputs after {how}", cell(x, state)[0], y, expected=expected, cause=cause)


def _check_devices(subject: Subject) -> None:
    cell = subject.make()
    for owner, attribute, tensor in _plain_tensors(cell):
        require(
            False,
            seen=f"{owner}.{attribute}, a plain tensor of shape {tuple(tensor.shape)}",
            expected="moved with the cell by .to(device)",
            cause="assigned as an attribute; use register_buffer(..., persistent=False)",
        )
    with torch.device("meta"):
        meta = subject.construct(hidden_size=subject.hidden_size)
        built = {**dict(meta.named_parameters()), **dict(meta.named_buffers())}
        built |= leaves_of(meta.initial_state(B))
    for name, tensor in built.items():
        require(
            tensor.is_meta,
            seen=f"{name} is on {tensor.device} when the cell is built on the meta device",
            expected="meta, which a parameter budget needs",
            cause="a tensor made from numbers or with an explicit device",
        )
    for name, parameter in cell.named_parameters():
        shape = tuple(dict(meta.named_parameters())[name].shape)
        require(
            shape == tuple(parameter.shape),
            seen=f"{name} has shape {shape} on the meta device",
            expected=str(tuple(parameter.shape)),
            cause="a size that is computed from values",
        )
    for device in ["meta", *(["cuda"] if torch.cuda.is_available() else [])]:
        try:
            y, final = subject.make().to(device)(inputs().to(device))
        except Exception as error:  # torch raises many kinds
            raise _fails(f"forward after .to({device!r})", error, "a tensor left behind") from error
        for name, tensor in {"output": y, **leaves_of(final)}.items():
            require(
                tensor.device.type == device,
                seen=f"{name} is on {tensor.device} after .to({device!r})",
                expected=device,
                cause="a tensor made without a device",
            )


def _fails(how: str, error: Exception, cause: str) -> ViolationError:
    return ViolationError(f"{how} raises {type(error).__name__}: {error}", "no error", cause)


def _plain_tensors(cell: nn.Module) -> Iterator[tuple[str, str, Tensor]]:
    """Tensors on modules that are neither parameters nor buffers."""
    for path, module in cell.named_modules():
        for attribute, value in vars(module).items():
            if isinstance(value, Tensor):
                yield path or "self", attribute, value


def dtypes(subject: Subject) -> None:
    """Outputs and states keep their dtype and are right in all four precisions, or it refuses."""
    for kernel in subject.kernels:
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
            _check_dtype(subject, kernel, dtype)


def _check_dtype(subject: Subject, kernel: dict[str, Any], dtype: torch.dtype) -> None:
    what = "".join(f" kernel={value}" for value in kernel.values()) + f" in {dtype}"
    cell, x = subject.make_generic(**kernel).to(dtype), inputs().to(dtype)
    start = cell.initial_state(B)
    try:
        y, final = cell(x, start)
        y_t, after = cell.step(x[:, 0], start)
    except CellError as refused:
        if dtype.itemsize >= 4:
            raise _fails(f"a cell{what}", refused, "a dtype that is written out") from refused
        return
    kept = {"output": y, "output of step": y_t}
    kept |= differentiable(start) if dtype.itemsize >= 4 else {}
    pairs = [(name, tensor, dtype) for name, tensor in kept.items()]
    for when, state in (("at the end", final), ("after a step", after)):
        for (name, leaf), given in zip(leaves_of(state).items(), start, strict=True):
            pairs.append((f"{name} {when}", leaf, given.dtype))
    for name, tensor, expected in pairs:
        require(
            tensor.dtype == expected,
            seen=f"{name}{what} is {tensor.dtype}",
            expected=str(expected),
            cause="a tensor that is neither parameter nor buffer, or a dtype that is written out",
        )
    reference = subject.make(**kernel)
    reference.load_state_dict(cell.state_dict())  # weights that are rounded in the same way
    require_equal(
        f"outputs{what}",
        y,
        reference(x.double())[0],
        expected="those of the same weights in double precision",
        cause="sums or exponentials in half precision; compute them in float32",
        axes=("row", "step", "feature"),
        tolerance=DTYPE_TOLERANCE * torch.finfo(dtype).eps,
    )


def autocast(subject: Subject) -> None:
    """bf16 autocast stays within 0.05 of float32, keeps the state's dtype, and trains."""
    for kernel in subject.kernels:
        cell, x = subject.make(dtype=torch.float32, **kernel), inputs().float()
        reference = _in_two_chunks(cell, x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = _in_two_chunks(cell, x).float()
        require_equal(
            "outputs under bf16 autocast",
            y,
            reference,
            expected="those in float32",
            cause="sums or exponentials in bf16; compute them in float32",
            axes=("row", "step", "feature"),
            tolerance=AUTOCAST_TOLERANCE,
        )
        y.sum().backward()
        for name, parameter in cell.named_parameters():
            if parameter.grad is not None:
                cause = "an overflow in bf16"
                require_finite(f"gradient of {name} under autocast", parameter.grad, cause=cause)


def _in_two_chunks(cell: Cell, x: Tensor) -> Tensor:
    """Outputs `(B, T, O)`; the state between is in the dtype of the initial one."""
    start = cell.initial_state(len(x))
    first, state = cell(x[:, :3], start)
    for name, leaf in leaves_of(state).items():
        require(
            leaf.dtype == leaves_of(start)[name].dtype,
            seen=f"{name} is {leaf.dtype} after a chunk",
            expected=f"{leaves_of(start)[name].dtype}, as initial_state gives, under autocast too",
            cause="`forward` is overridden and returns the state as autocast left it",
        )
    second, _ = cell(x[:, 3:], state)
    return torch.cat((first, second), 1)
