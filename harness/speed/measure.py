"""Times every cell and its rivals at every shape, once they were found to compute the same.

Legend: B batch, T time, I input size, H hidden size, N valid steps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.harness.errors import PLUGIN_ERRORS, first_line
from recurbench.harness.model.streams import seeded
from recurbench.harness.speed.alternating import Way, alternate, quartiles, ratios
from recurbench.harness.speed.batches import Sequences, make_batch, rows_of, values
from recurbench.harness.speed.contenders import Cell, Contender, Stepped
from recurbench.harness.speed.equality import DiffersError, require_same, require_steps
from recurbench.harness.speed.floor import forward_floor, gates_of, training_floor
from recurbench.harness.speed.grid import Shape
from recurbench.harness.speed.memory import peak_bytes, saved_bytes
from recurbench.harness.speed.rows import Row


@dataclass(frozen=True)
class Plan:
    """What is to be timed.

    Attributes:
        cells: each with its rivals.
        shapes: of batches and cells.
        measures: of `MEASURES`.
        rounds: how often each is timed, at least twice.
        device: where.
    """

    cells: Sequence[tuple[Cell, Sequence[Contender]]]
    shapes: Sequence[Shape]
    measures: Sequence[str]
    rounds: int
    device: torch.device

    def groups(self) -> list[tuple[Shape, str]]:
        """What is timed together: a measure at a shape. Single steps have no T, and come once."""
        found, stepped = [], set()
        for shape in self.shapes:
            for measure in self.measures:
                sizes = shape.B, shape.I, shape.H
                if measure != "step" or sizes not in stepped:
                    found.append((shape, measure))
                    stepped |= {sizes} if measure == "step" else set()
        return found


@dataclass
class _Ready:
    """A contender at a shape: checked, and made in single precision."""

    contender: Contender
    module: nn.Module
    same: list[str]
    gates: int | None


@dataclass
class Measurement:
    """The rows of a plan, group by group.

    Attributes:
        plan: what is timed.
        refused: what could not be timed, and why, a line each; told to `tell` at once.
    """

    plan: Plan
    tell: Callable[[str], None]
    refused: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[list[Row]]:
        """The rows of each group as soon as it is timed."""
        shape_before, ready = None, {}
        for shape, measure in self.plan.groups():
            if shape != shape_before:
                x = make_batch(shape, self.plan.device)
                ready, shape_before = self._ready(shape, x), shape
            yield self._timed(shape, measure, x, ready)

    def _ready(self, shape: Shape, x: Sequences) -> dict[str, _Ready]:
        """The contenders that can be timed at a shape, by their labels."""
        found: dict[str, _Ready] = {}
        every = {c.label: c for cell, others in self.plan.cells for c in (cell, *others)}
        for label, contender in every.items():
            try:
                found[label] = self._checked(contender, shape, x)
            except DiffersError as error:
                self._refuse(f"{label} at {shape} is not timed: {error}")
            except PLUGIN_ERRORS as error:
                self._refuse(f"{label} cannot run {shape.layout} at {shape}: {first_line(error)}")
        return found

    def _checked(self, contender: Contender, shape: Shape, x: Sequences) -> _Ready:
        same = require_same(contender, shape, x)
        if "step" in self.plan.measures and isinstance(contender, Cell):
            require_steps(contender, shape, _dense(shape, x))
        with seeded(0, "speed weights"):
            module = contender.make(shape.I, shape.H).to(self.plan.device)
        train(contender, module, x)()
        return _Ready(contender, module, same, gates_of(module, shape.I, shape.H))

    def _refuse(self, line: str) -> None:
        self.refused.append(line)
        self.tell(line)

    def _timed(
        self, shape: Shape, measure: str, x: Sequences, ready: dict[str, _Ready]
    ) -> list[Row]:
        named = {
            label: one
            for label, one in ready.items()
            if measure != "step" or not isinstance(one.contender, Stepped)
        }
        rows = [shape.B] if measure == "step" else rows_of(x)
        ways: dict[str | int, Way] = {
            label: WAYS[measure](one.contender, one.module, x) for label, one in named.items()
        }
        floor = training_floor if measure == "train" else forward_floor
        for gates in {one.gates for one in named.values()} - {None}:
            assert gates is not None
            ways[gates] = floor(rows, shape.I, shape.H, gates, self.plan.device)
        found = alternate(list(ways.values()), self.plan.rounds, self._wait)
        times = dict(zip(ways, found, strict=True))
        whole: dict[str, Any] = {
            "measure": measure,
            "layout": "step" if measure == "step" else shape.layout,
            "T": "1" if measure == "step" else str(shape.steps),
            "B": shape.B,
            "I": shape.I,
            "H": shape.H,
            "tokens": sum(rows),
        }
        own = {
            label: self._alone(measure, one, x, times, sum(rows)) for label, one in named.items()
        }
        return [
            Row(**whole, **own[label], **_beside(times, label, rival))
            for label, rival in self._pairs(named)
        ]

    def _pairs(self, named: dict[str, _Ready]) -> Iterator[tuple[str, str | None]]:
        """Each contender beside each of its rivals; those of none stand alone."""
        own = {cell.label: [r.label for r in others] for cell, others in self.plan.cells}
        for label in named:
            there = [rival for rival in own.get(label, ()) if rival in named]
            yield from [(label, rival) for rival in there]
            if not there:
                yield label, None

    def _alone(
        self,
        measure: str,
        one: _Ready,
        x: Sequences,
        times: dict[str | int, list[float]],
        tokens: int,
    ) -> dict[str, Any]:
        """What a row says of a contender by itself."""
        contender, module, device = one.contender, one.module, self.plan.device
        taken = quartiles(times[contender.label])
        saved = peak = None
        if measure == "train":
            saved = saved_bytes(contender, module, x)
            peak = peak_bytes(train(contender, module, x), device)
        floor = None
        if one.gates is not None:
            floor = 100 * ratios(times[one.gates], times[contender.label]).median
        return {
            "cell": contender.label,
            "kernel": None if measure == "step" else contender.kernel(module, device),
            "seconds": taken.median,
            "seconds_low": taken.low,
            "seconds_high": taken.high,
            "tokens_per_second": tokens / taken.median,
            "saved_bytes": saved,
            "saved_bytes_per_token": None if saved is None else saved / tokens,
            "peak_memory_bytes": peak,
            "floor_percent": floor,
            "equal_to": "; ".join(one.same) or None,
        }

    def _wait(self) -> None:
        if self.plan.device.type == "cuda":
            torch.cuda.synchronize(self.plan.device)


def _beside(times: dict[str | int, list[float]], label: str, rival: str | None) -> dict[str, Any]:
    """What a row says of a contender beside its rival."""
    if rival is None:
        return dict.fromkeys(("against", "ratio", "ratio_low", "ratio_high"))
    low, median, high = ratios(times[rival], times[label])
    return {"against": rival, "ratio": median, "ratio_low": low, "ratio_high": high}


def forward(contender: Contender, module: nn.Module, x: Sequences) -> Way:
    """A forward pass without gradients."""

    def way() -> None:
        with torch.no_grad():
            contender.outputs(module, x)

    return way


def train(contender: Contender, module: nn.Module, x: Sequences) -> Way:
    """A forward and a backward pass to all weights."""
    weights = list(module.parameters())

    def way() -> None:
        y = contender.outputs(module, x)
        torch.autograd.grad(y.square().mean(), weights, allow_unused=True)

    return way


def step(contender: Contender, module: nn.Module, x: Sequences) -> Way:
    """A step without gradients, which goes on from the one before."""
    rows = rows_of(x)[0]
    x_t = x[:, 0] if isinstance(x, Tensor) else x.data[:rows]
    with torch.no_grad():
        state = contender.start(module, rows)

    def way() -> None:
        nonlocal state
        with torch.no_grad():
            _, state = contender.step(module, x_t, state)

    return way


WAYS = {"forward": forward, "train": train, "step": step}


def _dense(shape: Shape, x: Sequences) -> Tensor:
    """A dense batch of the shape's sizes."""
    if isinstance(x, Tensor):
        return x
    steps = shape.steps._replace(shortest=None)
    return values(make_batch(Shape(steps, shape.B, shape.I, shape.H), x.data.device))
