"""Cards of many cells as pages of Markdown, and one table that sets the cells beside each other.

What differs from machine to machine, the time of a step, is on none of them.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from recurbench.harness.console import as_override
from recurbench.harness.plugins.registry import Plugin
from recurbench.harness.probe.card import Card
from recurbench.harness.probe.document import Document
from recurbench.harness.probe.sketch import sketch
from recurbench.harness.probe.table import exponent, lines_of, number, quartiles
from recurbench.harness.results.writing import write_whole

COMMAND = "recurbench probe --pages FOLDER"

COLUMNS = (
    "cell", "half-life", "gradient 16 back", "Lyapunov exponent", "eigenvalues' timescale",
    "outputs' timescale", "linear", "quadratic", "linear, state", "noise", "state, bytes",
    "parameters",
)  # fmt: skip


def write_pages(cards: Sequence[tuple[Plugin, Document]], folder: Path) -> list[Path]:
    """Writes a page and a picture for each cell, and `index.md`; gives their paths.

    Args:
        cards: cells at initial weights, all of one hidden size and one input size.
        folder: of the pages, `cells` beside a folder `reference` on our own site.
    """
    files = {"index.md": index([document for _, document in cards])}
    for plugin, document in cards:
        files[f"{plugin.name}.md"] = about(plugin) + figures(document)
        files[f"{plugin.name}.svg"] = sketch(document.initial)
    for name, text in files.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in files]


def about(plugin: Plugin) -> str:
    """The first half of a cell's page, which needs no probe: what it is, and its knobs."""
    docstring = inspect.getdoc(plugin.cls) or ""
    sources = dict.fromkeys(re.findall(r"https?://[^\s)>\]]+[^\s)>\].,;:]", docstring))
    module = plugin.cls.__module__.removeprefix("recurbench.").replace(".", "/")
    lines = [
        f"# {plugin.name}", "", _text(plugin.summary), "",
        f"`cell={plugin.name}` in `{module}.py`; "
        f"[its equations](../reference/cells.md#{plugin.name}).",
        *(["", f"Sources: {', '.join(f'<{source}>' for source in sources)}"] if sources else []),
        "", "## Knobs", "", "| knob | default | type |", "| --- | --- | --- |",
        *(
            f"| `cell.{knob.name}` | `{as_override(knob.default)}` | {_text(knob.type_name)} |"
            for knob in plugin.knobs
        ),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def figures(document: Document) -> str:
    """The second half: parameters, and what the probe found."""
    card, name = document.initial, document.cell["name"]
    sizes = card.cost.parameters
    lines = [
        "", "## Parameters", "",
        f"| hidden size | {' | '.join(str(size) for size in sizes)} |",
        f"| --- |{' --- |' * len(sizes)}",
        f"| parameters | {' | '.join(f'{count:,}' for count in sizes.values())} |",
        "", "## Memory at initialisation", "",
        f"Hidden size {document.cell['hidden_size']}, {document.input_size} inputs, seed "
        f"{document.seed}. [Probe a cell](../probe.md) says what each measure is; "
        "[the index](index.md) sets the cells beside each other.",
        "", f"![The card of {name}]({name}.svg)", "",
        "| measure | value |", "| --- | --- |",
        *(f"| {_text(line[0])} | {_text(line[1])} |" for line in lines_of(card)
          if line and not line[0].startswith(("a streaming step", "parameters"))),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def index(documents: Sequence[Document]) -> str:
    """The table of all cells, each with a link to its page."""
    first = documents[0]
    lines = [
        "# Cards of cells", "",
        "What kind of memory each cell is at its default knobs, before any training: "
        f"{first.cell['hidden_size']} units, {first.input_size} inputs, initial weights of seed "
        f"{first.seed}.",
        "",
        "Times are in steps. **half-life**: where the gradient of an output by past inputs falls "
        "to one half of that by the present one. **linear**, **quadratic**: the capacity of the "
        "output; **linear, state**: that of the state, of as many as it has numbers. **noise**: "
        "the change by noise in weights. **timescale**: medians. "
        "[Probe a cell](../probe.md) explains them all.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"| --- |{' ---: |' * (len(COLUMNS) - 1)}",
        *(f"| {' | '.join(row(document).values())} |" for document in documents),
        "",
        f"These pages are made by `{COMMAND}`.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def row(document: Document) -> Mapping[str, str]:
    """The line of a cell in the index, by column."""
    card, name = document.initial, document.cell["name"]
    values = [f"[`{name}`]({name}.md)", *_main(card), f"{card.cost.state_bytes:,}",
              f"{card.cost.parameters.get(document.cell['hidden_size'], 0):,}"]  # fmt: skip
    return dict(zip(COLUMNS, map(_text, values), strict=True))


def _main(card: Card) -> list[str]:
    norms, capacity = card.reach.norms, card.capacity
    share = f"{norms[16] / norms[0]:.1g}" if len(norms) > 16 and norms[0] else "-"
    state = f"{capacity.state.linear:.1f} of {capacity.state.features:,}" if capacity.state else "-"
    lags = len(card.units.autocorrelation) - 1
    return [
        number(card.reach.half_life, len(norms) - 1),
        share,
        exponent(card).partition(" ±")[0],
        quartiles(card.spectrum.timescales, "-").partition(" (")[0],
        quartiles(card.units.timescales, "-", lags).partition(" (")[0],
        f"{capacity.output.linear:.1f}",
        f"{capacity.output.quadratic:.1f}",
        state,
        "-" if card.sensitivity.weights is None else f"{card.sensitivity.weights:.3g}",
    ]


def _text(text: str) -> str:
    """A text as a cell of a table in Markdown has it."""
    return text.replace("|", "\\|")
