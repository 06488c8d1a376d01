"""Every cell has its page in docs/cells, and the pages say what the probe gives."""

import re
from pathlib import Path

import pytest

from recurbench.harness.commands.loaded.probe import probe_cell
from recurbench.harness.plugins.registry import registry
from recurbench.harness.probe.pages import about, figures, row
from recurbench.harness.probe.sketch import sketch

FOLDER = Path(__file__).parents[1] / "docs" / "cells"
AGAIN = "`recurbench probe --pages docs/cells` makes the pages anew"
CELLS = {
    name: plugin
    for name, plugin in sorted(registry().plugins["cell"].items())
    if plugin.cls.__module__.startswith("recurbench.cells.")
}
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def same(one: str, other: str) -> bool:
    """Whether texts are the same but for what another machine rounds otherwise."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(
        float(a.replace(",", "")) == pytest.approx(float(b.replace(",", "")), rel=0.06, abs=2e-3)
        for a, b in pairs
    )


def test_every_cell_has_a_page_a_picture_and_a_line_of_the_table_and_nothing_else_has() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*CELLS, "index"}, AGAIN
    assert {path.stem for path in FOLDER.glob("*.svg")} == {*CELLS}, AGAIN
    linked = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.md\) ", (FOLDER / "index.md").read_text(), re.M)
    assert linked == [(name, name) for name in CELLS], AGAIN


@pytest.mark.parametrize("name", CELLS)
def test_a_page_has_the_knobs_of_today(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text().startswith(about(CELLS[name])), AGAIN


def test_the_figures_are_what_the_probe_gives(config_store: object) -> None:
    document = probe_cell(["rnn"], 1)
    page = (FOLDER / "rnn.md").read_text()
    assert same(page, about(CELLS["rnn"]) + figures(document)), AGAIN
    lines = (FOLDER / "index.md").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("| [`rnn`]"))
    assert same(line, f"| {' | '.join(row(document).values())} |"), AGAIN
    picture = sketch(document.initial)
    assert (FOLDER / "rnn.svg").read_text().count("\n") == picture.count("\n")


def test_texts_differ_by_more_than_rounding() -> None:
    assert same("4.75 of 64", "4.74 of 64")
    assert not same("4.75 of 64", "5.75 of 64")
    assert not same("4.75 of 64", "4.75 in 64")
