"""A card as a table for the terminal."""

from collections.abc import Iterator

from rich.table import Column, Table

from recurbench.harness.probe.card import Card
from recurbench.harness.probe.document import Document
from recurbench.harness.probe.spread import Spread

BACK = (1, 4, 16, 64, 256)
"""Steps back at which the table shows the gradient."""


def table_of(document: Document) -> Table:
    """A row for each measure, a column for each set of weights."""
    cards = [document.initial, *([document.trained] if document.trained else [])]
    headings = ["initial", "trained"][: len(cards)]
    table = Table(
        "measure",
        *(Column(heading, justify="right") for heading in headings),
        title=document.title,
        title_justify="left",
    )
    for lines in zip(*map(lines_of, cards), strict=True):
        if lines[0] is None:
            table.add_section()
        else:
            table.add_row(lines[0][0], *(line[1] for line in lines if line))
    return table


def lines_of(card: Card) -> Iterator[tuple[str, str] | None]:
    """What a card says, as name and value; None stands between sections."""
    norms = card.reach.norms
    for k in BACK:
        share = f"{norms[k] / norms[0]:.2g}" if k < len(norms) and norms[0] else "-"
        yield f"gradient {k} step{'s' * (k > 1)} back", share
    yield "its half-life, steps", number(card.reach.half_life, len(norms) - 1)
    yield None
    spectrum = card.spectrum
    radius = "state too large" if spectrum.too_large else quartiles(spectrum.radius, "no state")
    yield "largest |eigenvalue| of a step", radius
    yield "eigenvalues' timescale, steps", quartiles(spectrum.timescales, "-")
    yield "largest Lyapunov exponent", exponent(card)
    yield None
    for name, capacity in (("output", card.capacity.output), ("state", card.capacity.state)):
        for kind in ("linear", "quadratic"):
            found = (
                f"{getattr(capacity, kind):.1f} of {capacity.features}"
                if capacity
                else "state too large"
            )
            yield f"{kind} capacity, {name}", found
    yield None
    units = card.units
    bounded = "no bound" if units.saturated is None else f"{100 * units.saturated:.1f} %"
    lags = len(units.autocorrelation) - 1
    yield "outputs' timescale, steps", quartiles(units.timescales, "-", lags)
    yield "outputs above 0.9", bounded
    yield "largest output", f"{units.largest:.2g}"
    yield "outputs that never change", f"{100 * units.silent:.1f} %"
    yield "change by noise in inputs", _times(card.sensitivity.inputs)
    yield "change by noise in weights", _times(card.sensitivity.weights)
    yield None
    cost = card.cost
    yield "a streaming step, µs", quartiles(cost.step_microseconds, "-")
    yield "state, bytes in float32", f"{cost.state_bytes:,}"
    for size, parameters in cost.parameters.items():
        yield f"parameters, hidden size {size}", f"{parameters:,}"


def exponent(card: Card) -> str:
    """The largest Lyapunov exponent with its standard error."""
    found = card.lyapunov
    if not found.exponents:
        return "no state"
    if found.exponents[0] is None:
        return "minus infinity"
    error = "" if found.standard_error is None else f" ± {found.standard_error:.1g}"
    return f"{found.exponents[0]:z.4f}{error}"


def quartiles(spread: Spread | None, without: str, beyond: int | None = None) -> str:
    """The median with its quartiles in brackets."""
    if spread is None:
        return without
    limit = "∞" if beyond is None else f">{beyond}"
    lower, median, upper = (
        limit if value is None else f"{value:.3g}"
        for value in (spread.lower, spread.median, spread.upper)
    )
    return f"{median} ({lower} to {upper})"


def number(value: float | None, beyond: int) -> str:
    """A number, of which None is beyond the largest that was looked for."""
    return f">{beyond}" if value is None else f"{value:.3g}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
