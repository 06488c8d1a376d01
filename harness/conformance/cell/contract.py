"""Properties of the cell's interface: shapes, refusals, signature and docstring.

Legend: B batch, T time, I input size, O output size.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from recurbench.cells.base import CellError, RecurrentCell, map_state
from recurbench.harness.conformance.cell.compare import require_equal
from recurbench.harness.conformance.cell.subject import (
    LENGTHS,
    B,
    I,
    State,
    Subject,
    inputs,
    leaves_of,
    pack,
    refusal,
)
from recurbench.harness.conformance.findings import require
from recurbench.harness.errors import PluginError
from recurbench.harness.plugins.registry import describe


def shapes(subject: Subject) -> None:
    """Outputs are `(B, T, output_size)`; the state is a flat NamedTuple, batch first."""
    cell = subject.make()
    start = cell.initial_state(B)
    require(
        isinstance(start, tuple)
        and hasattr(start, "_fields")
        and all(isinstance(leaf, Tensor) for leaf in start),
        seen=f"initial_state gives {type(start).__name__}",
        expected="a NamedTuple of tensors",
        cause="a plain tensor, tuple or list, or a nested one",
    )
    expected = _layout(start)
    for name, leaf in leaves_of(start).items():
        require(
            leaf.dim() > 0 and len(leaf) == B,
            seen=f"{name} of shape {tuple(leaf.shape)} for {B} rows",
            expected="(B, ...)",
            cause="the batch is not the first dimension",
        )
    for steps in (1, 2, 23):
        y, final = cell(inputs(steps=steps))
        require(
            tuple(y.shape) == (B, steps, cell.output_size),
            seen=f"outputs of shape {tuple(y.shape)} for {B} rows and {steps} steps",
            expected=f"{(B, steps, cell.output_size)}, as output_size says",
            cause="`output_size` is not what `recur` gives",
        )
        require(
            type(final) is type(start) and _layout(final) == expected,
            seen=f"after {steps} steps a {type(final).__name__} with {_layout(final)}",
            expected=f"{type(start).__name__} with {expected}, as initial_state gives",
            cause="a leaf that grows with time, changes its dtype or loses a dimension",
        )


def _layout(state: State) -> str:
    kinds = (
        f"{name.removeprefix('state ')} {tuple(leaf.shape)} {leaf.dtype}"
        for name, leaf in leaves_of(state).items()
    )
    return ", ".join(kinds)


def refusals(subject: Subject) -> None:
    """Sizes, inputs and states that cannot fit are refused by a `CellError`."""
    H, multiple = subject.hidden_size, subject.make().hidden_multiple
    hidden_sizes = [0] + ([multiple + 1] if multiple > 1 else [])
    for hidden_size in hidden_sizes:
        _require_refusal(
            f"hidden_size={hidden_size}",
            refusal(subject.construct, hidden_size=hidden_size),
            "`super().__init__(input_size, hidden_size)` is not called, or called before "
            "`hidden_multiple` is set",
        )
    refused = refusal(subject.construct, 0, hidden_size=H)
    _require_refusal("input_size=0", refused, "`super().__init__` gets another size")

    cell, x = subject.make(), inputs()
    wide = torch.cat((x, x[..., :1]), -1)
    for what, given in (
        (f"an input of {I + 1} features", wide),
        (f"a packed input of {I + 1} features", pack(wide, LENGTHS)),
        ("an input without a batch", x[0]),
        ("an input without steps", x[:, :0]),
    ):
        _require_refusal(what, refusal(cell, given), "`forward` is overridden without its checks")
    state = cell.initial_state(B - 1)
    for what, batch in (("", x), ("packed ", pack(x, LENGTHS))):
        _require_refusal(
            f"a state of {B - 1} rows for {what}input of {B} rows",
            refusal(cell, batch, state),
            "`forward` is overridden without its checks",
        )


def _require_refusal(what: str, error: BaseException | None, cause: str) -> None:
    seen = "accepted" if error is None else f"{type(error).__name__}: {error}"
    require(
        isinstance(error, CellError),
        seen=f"{what}: {seen}",
        expected="a CellError that says what was wrong",
        cause=cause,
    )


class ForeignState(NamedTuple):
    """A state of no cell."""

    foreign: Tensor


SINGLE = 1e-5
"""How far results may be off that were computed from inputs in single precision."""


def foreign_inputs(subject: Subject) -> None:
    """Inputs and states of other types, dtypes or shapes work or are refused by a `CellError`."""
    cell, x = subject.make_generic(), inputs()
    right = cell.initial_state(B)
    calls: dict[str, Callable[[Any, Any], Any]] = {
        "forward": lambda x, state: cell(x, state)[0],
        "packed forward": lambda x, state: cell(_repack(x), state)[0].data,
        "step": lambda x, state: cell.step(x[:, 0] if isinstance(x, Tensor) else x, state)[0],
    }
    for name, call in calls.items():
        y = call(x, right)
        for what, given in _other_inputs(x):
            _require_right_or_refused(f"{name} with {what}", y, partial(call, given, right))
        for what, state in _other_states(right):
            _require_right_or_refused(f"{name} with {what}", y, partial(call, x, state))
        for what, state in _unfit_states(right):
            error = refusal(call, x, state)
            cause = "`forward` or `step` is overridden without the checks of the base class"
            _require_refusal(f"{name} with {what}", error, cause)


def _repack(x: Any) -> Any:
    """A sequence packed; what is none stays as it is."""
    return pack(x, LENGTHS) if isinstance(x, Tensor) else x


def _other_inputs(x: Tensor) -> Iterator[tuple[str, Any]]:
    """Inputs that a cell in double precision may take or refuse."""
    yield "a list", x.tolist()
    yield "a numpy array", x.numpy()
    yield "an input in single precision", x.float()
    yield "an input in half precision", x.half()


def _other_states(state: State) -> Iterator[tuple[str, Any]]:
    """States with the right numbers that a cell in double precision may take or refuse."""
    yield "a plain tuple as state", tuple(state)
    yield "a list as state", list(state)
    yield "a state in single precision", map_state(_single, state)
    yield "a state of numpy arrays", type(state)(*(leaf.numpy() for leaf in state))


def _single(leaf: Tensor) -> Tensor:
    return leaf.float() if leaf.is_floating_point() else leaf


def _unfit_states(state: State) -> Iterator[tuple[str, Any]]:
    """States that cannot be meant."""
    yield "a tensor as state, as torch's layers take it", state[0][None]
    yield "a tuple of tensors (1, B, ...) as state", tuple(leaf[None] for leaf in state)
    yield "a state of other widths", map_state(_wider, state)
    yield "a state of one row for all", map_state(lambda leaf: leaf[:1], state)
    yield "a tensor too many in the state", (*state, state[0])
    yield "a dict as state", dict(leaves_of(state))
    yield "another cell's state", ForeignState(state[0])
    yield "a state on another device", map_state(lambda leaf: leaf.to("meta"), state)


def _wider(leaf: Tensor) -> Tensor:
    return leaf.new_zeros(*leaf.shape[:-1], leaf.shape[-1] + 1)


def _require_right_or_refused(what: str, expected: Tensor, call: Callable[[], Tensor]) -> None:
    cause = "`forward` or `step` is overridden without the checks of the base class"
    try:
        y = call()
    except CellError:
        return
    except Exception as error:  # torch raises many kinds
        _require_refusal(what, error, cause)
        raise
    words = "what the right type gives, or a CellError"
    require_equal(f"outputs of {what}", y, expected, expected=words, cause=cause, tolerance=SINGLE)


def signature_and_docstring(subject: Subject) -> str | None:
    """The constructor is a configuration; the docstring has equations, shapes and a citation."""
    try:
        describe("cell", subject.cls, origin="")
    except PluginError as error:
        require(
            False,
            seen=str(error),
            expected="a constructor that a configuration can be made from",
            cause="a knob without a type or a default",
        )
    found = inspect.cleandoc(vars(subject.cls).get("__doc__") or "")
    require(
        re.search(r"^\s+\S+\s+= ", found, re.MULTILINE) is not None,
        seen="the class's docstring has no equation",
        expected="for example `    h' = (1 - z) * n + z * h`",
        cause="the docstring of another cell, or none",
    )
    require(
        any(re.search(r"\((B|N|\.\.\.), ", text) for text in (found, *_docstrings(subject.cls))),
        seen="no shape in the docstrings of the class and its methods",
        expected="for example `(B, T, I)` or `(..., 3H)`",
        cause="`project` and `recur` do not say what they take and give",
    )
    if re.search(r"\b(19|20)\d\d\b|https?://", found):
        return None
    return "note: no citation in the docstring, which is right for an idea of one's own"


def _docstrings(cls: type) -> Iterator[str]:
    """Those of the methods of the class and its bases, the contract's own left out."""
    for base in cls.__mro__[: cls.__mro__.index(RecurrentCell)]:
        for member in vars(base).values():
            if inspect.isfunction(member):
                yield inspect.getdoc(member) or ""
