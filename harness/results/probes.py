"""What a board shows of the documents that `recurbench probe` leaves. Imports no torch.

A document is read as far as it is shown. It belongs to the runs of its cell's code: to one run, if
it is about that, and else to all with the same knobs; the hidden size may be another, and is said.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from recurbench.harness.results.record import Record

LARGEST = 10_000_000
"""Bytes of a file beyond which it is no document of a probe."""


class _Reach(msgspec.Struct):
    norms: list[float]
    half_life: float | None


class _Lyapunov(msgspec.Struct):
    exponents: list[float | None]


class _Capacity(msgspec.Struct):
    features: int
    linear: float


class _Capacities(msgspec.Struct):
    output: _Capacity


class _Spread(msgspec.Struct):
    median: float | None


class _Units(msgspec.Struct):
    autocorrelation: list[float]
    timescales: _Spread | None


class _Card(msgspec.Struct):
    reach: _Reach
    lyapunov: _Lyapunov
    capacity: _Capacities
    units: _Units


class Probe(msgspec.Struct, kw_only=True):
    """A cell's cards, as `recurbench.harness.probe.document.Document` has more of them."""

    cell: dict[str, Any]
    code: str
    input_size: int
    seed: int
    run_id: str | None
    layer: int
    initial: _Card
    trained: _Card | None

    @property
    def title(self) -> str:
        """Which cell and weights were measured."""
        where = f", layer {self.layer} of run {self.run_id}" if self.run_id else ", untrained"
        return (
            f"hidden size {self.cell.get('hidden_size')}, {self.input_size} inputs, "
            f"seed {self.seed}{where}"
        )

    @property
    def figures(self) -> list[tuple[str, str, str | None]]:
        """The main measures: name, value at the initial weights, value at the trained ones."""
        after = dict(_figures(self.trained)) if self.trained else {}
        return [(name, value, after.get(name)) for name, value in _figures(self.initial)]


def read_probes(folder: Path) -> list[Probe]:
    """The documents of a folder, by their names; what is none is passed over."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            if path.is_file() and path.stat().st_size <= LARGEST:
                found.append(msgspec.json.decode(path.read_bytes(), type=Probe))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def probes_of(probes: Iterable[Probe], record: Record) -> list[Probe]:
    """Those about a run, else those about its cell before training, of its hidden size if any is.

    A document of other code than the run's belongs to none of it.
    """
    same = [probe for probe in probes if probe.code == record.code.cell]
    own = [probe for probe in same if probe.run_id == record.run_id]
    if own:
        return own
    alike = [
        probe
        for probe in same
        if probe.run_id is None and _apart(probe.cell) == _apart(record.cell)
    ]
    size = record.cell.get("hidden_size")
    return [probe for probe in alike if probe.cell.get("hidden_size") == size] or alike


def _apart(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell's section without its hidden size."""
    return {name: value for name, value in cell.items() if name != "hidden_size"}


def _figures(card: _Card) -> Iterator[tuple[str, str]]:
    yield (
        "half-life of the gradient, steps",
        _number(card.reach.half_life, len(card.reach.norms) - 1),
    )
    exponents = card.lyapunov.exponents
    exponent = "no state" if not exponents else "-∞"
    if exponents and exponents[0] is not None:
        exponent = f"{exponents[0]:z.4f}"
    yield "largest Lyapunov exponent", exponent
    output = card.capacity.output
    yield "linear capacity of the output", f"{output.linear:.1f} of {output.features}"
    scales, lags = card.units.timescales, len(card.units.autocorrelation) - 1
    yield "outputs' timescale, steps", "-" if scales is None else _number(scales.median, lags)


def _number(value: float | None, beyond: int) -> str:
    return f"> {beyond}" if value is None else f"{value:.3g}"
