"""What is timed: cells, torch's layers, and a cell's own steps in a loop.

Legend: B batch, T time, I input size, H hidden size, O output size, N valid steps.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError
from recurbench.harness.plugins.errors import refusals_of
from recurbench.harness.plugins.registry import Plugin
from recurbench.harness.speed.batches import Sequences, values

LAYERS: dict[str, type[nn.RNNBase]] = {"nn.GRU": nn.GRU, "nn.LSTM": nn.LSTM, "nn.RNN": nn.RNN}

COUNTERPARTS = {
    "gru": "nn.GRU", "lstm": "nn.LSTM", "rnn": "nn.RNN",
    "torch_gru": "nn.GRU", "torch_lstm": "nn.LSTM", "torch_rnn": "nn.RNN",
}  # fmt: skip
"""The cells that torch has too, with their default knobs."""

SHARED = ("bias", "nonlinearity")
"""Knobs of these that torch's layers have too."""

NOT_OF_THE_FUNCTION = ("kernel", "init", "forget_bias")
"""Knobs of these that change how they run, or the weights they begin with, but no equation."""


class Contender(ABC):
    """A way to run sequences, and single steps.

    Attributes:
        label: its name in tables, by which it is the same as another.
    """

    label: str

    @abstractmethod
    def make(self, I: int, H: int) -> nn.Module:
        """A module of these sizes, with weights from torch's generator."""

    @abstractmethod
    def outputs(self, module: nn.Module, x: Sequences) -> Tensor:
        """`(B, T, I)` to `(B, T, O)`, or the data of packed sequences, `(N, I)` to `(N, O)`."""

    @abstractmethod
    def start(self, module: nn.Module, rows: int) -> Any:
        """The state before the first step."""

    @abstractmethod
    def step(self, module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step of streaming: `(B, I)` and a state to `(B, O)` and the next state."""

    def kernel(self, module: nn.Module, device: torch.device) -> str | None:
        """The kernel that it runs by in single precision, if it has a choice."""
        return None

    def equals(self) -> "Sequence[Contender]":
        """Others that compute the same, with the same weights."""
        return ()


class Cell(Contender):
    """A plugin with its knobs.

    Args:
        label: as it is named on the command line.
        plugin: the cell.
        knobs: all of them, but for the hidden size.
    """

    def __init__(self, label: str, plugin: Plugin, knobs: Mapping[str, Any]) -> None:
        self.label, self.plugin, self.knobs = label, plugin, dict(knobs)

    def make(self, I: int, H: int) -> nn.Module:
        """The cell.

        Raises:
            UserError: it refuses a size.
        """
        with refusals_of("cell", self.label):
            cell: nn.Module = self.plugin.cls(I, H, **self.knobs)
            return cell

    def outputs(self, module: nn.Module, x: Sequences) -> Tensor:
        """As the cell's `forward` gives them."""
        return values(module(x)[0])

    def start(self, module: Any, rows: int) -> Any:
        """The cell's initial state."""
        return module.initial_state(rows)

    def step(self, module: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The cell's `step`."""
        y, state = module.step(x, state)
        return y, state

    def kernel(self, module: Any, device: torch.device) -> str | None:
        """What the cell says; a kernel in C++ is built here if it was not before."""
        found: str | None = module.kernel_on(device, torch.float32)
        return found

    def equals(self) -> Sequence[Contender]:
        """Its kernel `reference`, and torch's layer where that is the same function."""
        return [other for other in (self.reference(), self.counterpart()) if other is not None]

    def reference(self) -> "Cell | None":
        """The cell by its kernel `reference`; None if it runs by it, or has no such choice."""
        choices = next((knob.choices for knob in self.plugin.knobs if knob.name == "kernel"), ())
        if "reference" not in choices or self.knobs["kernel"] == "reference":
            return None
        name, *others = [part for part in split(self.label) if not part.startswith("kernel=")]
        label = ",".join([name, *others, "kernel=reference"])
        return Cell(label, self.plugin, self.knobs | {"kernel": "reference"})

    def counterpart(self) -> "Layer | None":
        """The layer of torch's that computes the same, if there is one."""
        name = COUNTERPARTS.get(self.plugin.name)
        defaults = {knob.name: knob.default for knob in self.plugin.knobs}
        free = (*SHARED, *NOT_OF_THE_FUNCTION)
        own = [k for k, v in self.knobs.items() if k not in free and v != defaults[k]]
        if name is None or own:
            return None
        return Layer(
            name, {k: v for k, v in self.knobs.items() if k in SHARED and v != defaults[k]}
        )


class Layer(Contender):
    """One of torch's layers, called as torch has it.

    Args:
        name: of `LAYERS`.
        knobs: more arguments of its constructor.
    """

    def __init__(self, name: str, knobs: Mapping[str, Any] | None = None) -> None:
        self.cls, self.knobs = LAYERS[name], dict(knobs or {})
        self.label = ",".join([name, *(f"{k}={as_override(v)}" for k, v in self.knobs.items())])

    def make(self, I: int, H: int) -> nn.Module:
        """The layer."""
        return self.cls(I, H, batch_first=True, **self.knobs)  # type: ignore[arg-type]

    def outputs(self, module: nn.Module, x: Sequences) -> Tensor:
        """In one call."""
        return values(module(x)[0])

    def start(self, module: nn.Module, rows: int) -> Any:
        """None: the layer begins with zeros by itself."""
        return None

    def step(self, module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """A sequence of one step."""
        y, state = module(x.unsqueeze(1), state)
        return y.squeeze(1), state


class Stepped(Contender):
    """A cell's `step` folded over dense sequences, as who streams them runs it."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.label = f"{cell.label} by step"

    def make(self, I: int, H: int) -> nn.Module:
        """The cell."""
        return self.cell.make(I, H)

    def outputs(self, module: nn.Module, x: Sequences) -> Tensor:
        """Step after step; packed sequences are not for it."""
        assert isinstance(x, Tensor)
        state, found = self.start(module, len(x)), []
        for x_t in x.unbind(1):
            y, state = self.step(module, x_t, state)
            found.append(y)
        return torch.stack(found, 1)

    def start(self, module: nn.Module, rows: int) -> Any:
        """The cell's initial state."""
        return self.cell.start(module, rows)

    def step(self, module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The cell's `step`."""
        return self.cell.step(module, x, state)

    def equals(self) -> Sequence[Contender]:
        """The cell's own way to run a sequence."""
        return (self.cell,)


def rivals(cell: Cell, against: Sequence[str], others: Mapping[str, Contender]) -> list[Contender]:
    """What a cell is compared with.

    Args:
        cell: the cell.
        against: `torch`, `reference`, `step` and labels. If there are none: torch's layer of the
            same cell, else its kernel `reference`, else `nn.GRU`.
        others: contenders by the labels that may be among them.

    Raises:
        UserError: it has no kernel `reference`.
    """
    if not against:
        return [cell.counterpart() or cell.reference() or Layer("nn.GRU")]
    found: list[Contender | None] = []
    for name in against:
        if name == "torch":
            found.append(cell.counterpart())
        elif name == "step":
            found.append(Stepped(cell))
        elif name != "reference":
            found.append(others[name])
        elif cell.knobs.get("kernel") != "reference":
            reference = cell.reference()
            if reference is None:
                raise UserError(f"--against reference: cell={cell.label} has no kernel reference")
            found.append(reference)
    return [other for other in found if other is not None and other.label != cell.label]


def split(text: str) -> list[str]:
    """The parts of a list with commas; one in brackets belongs to its part."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if sign == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]
