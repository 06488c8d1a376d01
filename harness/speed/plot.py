"""A picture of a measurement, by matplotlib, which need not be installed."""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from recurbench.harness.errors import UserError
from recurbench.harness.speed.rows import Row
from recurbench.harness.speed.table import NAMES

ENDINGS = (".png", ".svg", ".pdf")


def require_plot(file: Path) -> None:
    """Refuses a picture that could not be drawn, before anything is measured.

    Raises:
        UserError: matplotlib is not installed, or the file has no ending of a picture.
    """
    if file.suffix.lower() not in ENDINGS:
        raise UserError(f"--plot {file}: end it with {', '.join(ENDINGS)}")
    if find_spec("matplotlib") is None:
        raise UserError("--plot needs matplotlib: pip install 'recurbench[plot]'")


def as_picture(rows: Sequence[Row], form: str) -> bytes:
    """A panel for each measure: its time at each shape, a point for each cell with quartiles.

    Args:
        rows: at least one.
        form: `png`, `svg` or `pdf`.
    """
    from matplotlib.figure import Figure

    measures = list(dict.fromkeys(row.measure for row in rows))
    labels = list(dict.fromkeys(row.cell for row in rows))
    shapes = {m: list(dict.fromkeys(r.group for r in rows if r.measure == m)) for m in measures}
    width = sum(1.2 + 0.9 * len(groups) for groups in shapes.values()) + 2
    figure = Figure((max(6.4, width), 4.2), layout="constrained")
    panels = figure.subplots(
        1, len(measures), squeeze=False, width_ratios=[len(shapes[m]) + 1 for m in measures]
    )[0]
    named: set[str] = set()
    for measure, panel in zip(measures, panels, strict=True):
        groups, factor = shapes[measure], 1e6 if measure == "step" else 1e3
        for number, label in enumerate(labels):
            new = label not in named
            named.add(label)
            own = {r.group: r for r in rows if r.cell == label and r.measure == measure}
            places = [i for i, group in enumerate(groups) if group in own]
            found = [own[groups[i]] for i in places]
            shift = 0.6 * ((number + 0.5) / len(labels) - 0.5)
            below = [factor * (row.seconds - row.seconds_low) for row in found]
            above = [factor * (row.seconds_high - row.seconds) for row in found]
            panel.errorbar(
                [place + shift for place in places], [factor * row.seconds for row in found],
                yerr=[below, above], fmt="o", markersize=4, color=f"C{number % 10}",
                label=_literal(label) if new else None,
            )  # fmt: skip
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}")
        panel.set_xlim(-0.6, len(groups) - 0.4)
        panel.set_xticks(range(len(groups)), [_sizes(group) for group in groups], fontsize="small")
        panel.set_title(NAMES[measure])
        panel.set_ylabel("µs" if measure == "step" else "ms")
        panel.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format=form, dpi=120)
    return picture.getvalue()


def _sizes(group: tuple[object, ...]) -> str:
    measure, _, T, B, I, H = group
    steps = [] if measure == "step" else [f"T {T}"]
    return "\n".join([*steps, f"B {B}", f"I {I}", f"H {H}"])


def _literal(label: str) -> str:
    """A label without signs that matplotlib reads as formulas."""
    return label.replace("$", r"\$")
