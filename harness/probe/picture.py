"""A card as a picture, by matplotlib, which need not be installed."""

import io
from importlib.util import find_spec
from typing import Any

from recurbench.harness.probe.card import Card
from recurbench.harness.probe.document import Document

COLOURS = {"initial": "0.5", "trained": "tab:red"}

FLOOR = 1e-9
"""A gradient that is a smaller share of the first is drawn as if it were this."""


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw(document: Document) -> bytes:
    """A PNG of six panels: reach, eigenvalues, capacity, autocorrelation, noise, parameters."""
    from matplotlib.figure import Figure

    figure = Figure((11, 6), layout="constrained")
    panels = figure.subplots(2, 3).flat
    cards = {"initial": document.initial}
    if document.trained is not None:
        cards["trained"] = document.trained
    for panel, paint in zip(
        panels, (_reach, _moduli, _capacity, _autocorrelation, _noise, _parameters), strict=True
    ):
        for label, card in cards.items():
            paint(panel, card, label)
    figure.suptitle(document.title.replace("$", r"\$"))
    if len(cards) > 1:
        figure.axes[0].legend(fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _reach(panel: Any, card: Card, label: str) -> None:
    first = card.reach.norms[0] or 1.0
    shares = [max(norm / first, FLOOR) for norm in card.reach.norms]
    panel.plot(shares, color=COLOURS[label], label=label)
    panel.set(yscale="log", ylim=(FLOOR, None), xlabel="steps back", title="gradient of the output")


def _moduli(panel: Any, card: Card, label: str) -> None:
    moduli = card.spectrum.moduli
    panel.plot(range(1, len(moduli) + 1), moduli, ".", color=COLOURS[label])
    panel.axhline(1, color="0.8", linewidth=0.8)
    panel.set(ylim=(0, None), xlabel="rank", title="|eigenvalues| of one step's Jacobian")


def _capacity(panel: Any, card: Card, label: str) -> None:
    for capacity, style in ((card.capacity.output, "-"), (card.capacity.state, ":")):
        if capacity is not None:
            panel.plot(capacity.profile, style, color=COLOURS[label])
    panel.set_xscale("symlog", linthresh=10)
    panel.set(xlabel="delay", title="linear capacity (dotted: of the state)")


def _autocorrelation(panel: Any, card: Card, label: str) -> None:
    panel.plot(card.units.autocorrelation, color=COLOURS[label])
    panel.set_xscale("symlog", linthresh=10)
    panel.set(xlabel="lag", title="autocorrelation of the outputs")


def _noise(panel: Any, card: Card, label: str) -> None:
    found = card.sensitivity
    shift = 0.2 if label == "trained" else -0.2
    places = [place + shift for place in (0, 1)]
    panel.bar(places, [found.inputs or 0, found.weights or 0], 0.4, color=COLOURS[label])
    panel.set_xticks([0, 1], ["inputs", "weights"])
    panel.set(xlim=(-1, 2), title="change of the outputs per noise")


def _parameters(panel: Any, card: Card, label: str) -> None:
    sizes = card.cost.parameters
    panel.plot(list(sizes), list(sizes.values()), "o-", color=COLOURS[label])
    panel.set(xscale="log", yscale="log", xlabel="hidden size", title="parameters")
    panel.set_xticks(list(sizes), [str(size) for size in sizes], minor=False)
    panel.set_xticks([], minor=True)
