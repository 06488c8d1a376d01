"""Properties of the cell's interface: shapes, refusals, signature and docstring.

Legend: B batch, T time, I input size, O output size.
"""

import inspect
import re
from collections.abc import Iterator

import torch
from torch import Tensor

from recurbench.cells.base import CellError, RecurrentCell
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


def _require_refusal(what: str, error: Exception | None, cause: str) -> None:
    seen = "accepted" if error is None else f"{type(error).__name__}: {error}"
    require(
        isinstance(error, CellError),
        seen=f"{what}: {seen}",
        expected="a CellError that says what was wrong",
        cause=cause,
    )


def signature_and_docstring(subject: Subject) -> None:
    """The constructor is a configuration; the docstring has citation, equations and shapes."""
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
    for what, pattern, example in (
        (
            "citation",
            r"\b(19|20)\d\d\b|https?://",
            "Cho et al. 2014, https://arxiv.org/abs/1406.1078",
        ),
        ("equation", r"^\s+\S+\s+= ", "    h' = (1 - z) * n + z * h"),
    ):
        require(
            re.search(pattern, found, re.MULTILINE) is not None,
            seen=f"the class's docstring has no {what}",
            expected=f"for example `{example}`",
            cause="the docstring of another cell, or none",
        )
    require(
        any(re.search(r"\((B|N|\.\.\.), ", text) for text in (found, *_docstrings(subject.cls))),
        seen="no shape in the docstrings of the class and its methods",
        expected="for example `(B, T, I)` or `(..., 3H)`",
        cause="`project` and `recur` do not say what they take and give",
    )


def _docstrings(cls: type) -> Iterator[str]:
    """Those of the methods of the class and its bases, the contract's own left out."""
    for base in cls.__mro__[: cls.__mro__.index(RecurrentCell)]:
        for member in vars(base).values():
            if inspect.isfunction(member):
                yield inspect.getdoc(member) or ""
