"""Plots of forecasts, by matplotlib, which need not be installed."""

import io
from collections.abc import Sequence
from importlib.util import find_spec

from torch import Tensor

from recurbench.tasks.base import TaskError

PLOTTED = 4
"""How many windows are shown, and at most how many columns."""


def require_matplotlib() -> None:
    """Refuses to plot without it.

    Raises:
        TaskError: says how to install it.
    """
    if find_spec("matplotlib") is None:
        raise TaskError("plot=true needs matplotlib: pip install 'recurbench[plot]'")


def plot_forecasts(
    windows: Tensor, answers: Tensor, forecasts: Tensor, columns: Sequence[str]
) -> bytes:
    """A PNG with a panel for each window (across) and column (down).

    Args:
        windows: what was seen, `(windows, W, columns)`.
        answers: what came then, `(windows, H, columns)`.
        forecasts: what was said to come, of the same shape.
        columns: their names; the first `PLOTTED` are shown.
    """
    from matplotlib.figure import Figure

    columns = columns[:PLOTTED]
    figure = Figure((3.2 * len(windows), 2.2 * len(columns)), layout="constrained")
    panels = figure.subplots(len(columns), len(windows), sharex=True, sharey="row", squeeze=False)
    seen, until = windows.shape[1], windows.shape[1] + answers.shape[1]
    for column, name in enumerate(columns):
        for number, panel in enumerate(panels[column]):
            came = [*windows[number, :, column].tolist(), *answers[number, :, column].tolist()]
            panel.plot(range(until), came, color="0.5", label="series")
            said = forecasts[number, :, column].tolist()
            panel.plot(range(seen, until), said, color="tab:red", label="forecast")
            panel.axvline(seen - 0.5, color="0.8", linewidth=0.8)
        panels[column][0].set_ylabel(name.replace("$", r"\$"))
    panels[0][0].legend(fontsize="small")
    for panel in panels[-1]:
        panel.set_xlabel("rows")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    return picture.getvalue()
