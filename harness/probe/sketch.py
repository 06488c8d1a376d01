"""A small picture of a card as SVG, which needs no library and is the same on each machine.

It has three panels: the gradient's reach, the eigenvalues of a step, the capacity by delay.
"""

import math
from collections.abc import Sequence

from recurbench.harness.probe.card import Card

WIDTH, HEIGHT, GAP = 200, 130, 40
"""Of a panel and between panels, in pixels."""

FLOOR = -9
"""The power of ten below which a share of the gradient is drawn as if it were this."""

LINE = 10
"""Delays up to this one are as far apart as the first two; beyond, the scale is logarithmic."""


def sketch(card: Card) -> str:
    """The picture of a card."""
    panels = (_reach(card), _moduli(card), _capacity(card))
    width, height = 3 * WIDTH + 3 * GAP + GAP // 2, HEIGHT + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        x = GAP + number * (WIDTH + GAP)
        parts += [f'<g transform="translate({x},26)">', *panel, "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _reach(card: Card) -> list[str]:
    norms = card.reach.norms
    first = norms[0] or 1.0
    heights = [max(math.log10(norm / first), FLOOR) if norm > 0 else float(FLOOR) for norm in norms]
    top = max(1.0, *heights)
    places = _delays(len(norms))
    ticks = [("1", 0.0), ("1e-9", float(FLOOR))]
    frame = _frame("gradient of the output, steps back", len(norms), ticks, FLOOR, top)
    return [*frame, _line(places, heights, FLOOR, top)]


def _moduli(card: Card) -> list[str]:
    moduli = card.spectrum.moduli
    top = 1.1 * max([1.0, *moduli])
    last = max(1, len(moduli) - 1)
    places = [WIDTH * place / last for place in range(len(moduli))]
    frame = _frame("|eigenvalues| of one step, by rank", None, [("1", 1.0), ("0", 0.0)], 0, top)
    return [*frame, _line(places, moduli, 0, top)]


def _capacity(card: Card) -> list[str]:
    profile = [max(0.0, part) for part in card.capacity.output.profile]
    places = _delays(len(profile))
    title = "linear capacity, by delay"
    frame = _frame(title, len(profile), [("1", 1.0), ("0", 0.0)], 0, 1.1)
    return [*frame, _line(places, profile, 0, 1.1)]


def _delays(count: int) -> list[float]:
    """Places of delays from 0, at first evenly and then by their logarithm."""
    return [WIDTH * _far(delay) / _far(max(1, count - 1)) for delay in range(count)]


def _far(delay: int) -> float:
    return delay / LINE if delay <= LINE else 1 + math.log10(delay / LINE)


def _frame(
    title: str, count: int | None, ticks: Sequence[tuple[str, float]], low: float, high: float
) -> list[str]:
    """A title, axes and ticks; delays are written below if there are `count` of them."""
    parts = [
        f'<text x="0" y="-10">{title}</text>',
        f'<path d="M0 0V{HEIGHT}H{WIDTH}" fill="none" stroke="#999"/>',
    ]
    for label, value in ticks:
        y = _height(value, low, high)
        parts.append(f'<text x="-4" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        parts.append(f'<path d="M0 {y:.1f}H{WIDTH}" stroke="#ddd"/>')
    for delay in (0, 10, 100) if count else ():
        if count and delay < count:
            x = WIDTH * _far(delay) / _far(max(1, count - 1))
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT + 16}" text-anchor="middle">{delay}</text>')
    return parts


def _line(places: Sequence[float], values: Sequence[float], low: float, high: float) -> str:
    points = " ".join(
        f"{x:.1f},{_height(value, low, high):.1f}" for x, value in zip(places, values, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="#0b5fa5" stroke-width="1.5"/>'


def _height(value: float, low: float, high: float) -> float:
    return HEIGHT * (high - value) / (high - low)
