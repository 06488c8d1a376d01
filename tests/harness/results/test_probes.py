"""The page shows what was probed of a cell or a run, and nothing where nothing was."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from making import make_record
from page_kit import board_of, data_in

from recurbench.harness.cli import main
from recurbench.harness.results.page import as_html
from recurbench.harness.results.probes import read_probes
from recurbench.harness.results.record import Record, write
from recurbench.harness.results.report import View


def card(half_life: float | None, exponents: list[float | None]) -> dict[str, Any]:
    return {
        "reach": {"norms": [1.0, 0.4, 0.1], "half_life": half_life},
        "lyapunov": {"exponents": exponents, "standard_error": None},
        "capacity": {"output": {"features": 8, "linear": 2.25, "quadratic": 1.0}, "state": None},
        "units": {"autocorrelation": [1.0, 0.2], "timescales": {"lower": 1, "median": 1.5}},
    }


def document(record: Record, **changes: Any) -> dict[str, Any]:
    """What a probe of a record's cell leaves, as far as a board reads it."""
    fresh = {
        "cell": record.cell, "code": record.code.cell, "input_size": 3, "seed": 0,
        "run_id": None, "layer": 1, "initial": card(0.8, [-0.5]), "trained": None,
    }  # fmt: skip
    return fresh | changes


def shown(record: Record, folder: Path, *documents: dict[str, Any]) -> Any:
    """What the page shows of probes beside the entry of a record; None if nothing."""
    probes = folder / "probes"
    probes.mkdir()
    for number, found in enumerate(documents):
        (probes / f"{number}.json").write_text(json.dumps(found))
    board = replace(board_of([record], folder / "runs"), probes=read_probes(probes))
    return data_in(as_html(board, View()))["tracks"][0]["rows"][0].get("probes")


def sized(record: Record, hidden_size: int) -> dict[str, Any]:
    return {**record.cell, "hidden_size": hidden_size}


def test_an_entry_has_the_figures_of_its_cell(tmp_path: Path) -> None:
    record = make_record()
    ((title, figures),) = shown(record, tmp_path, document(record))
    assert title.endswith("3 inputs, seed 0, untrained")
    assert figures == [
        ["half-life of the gradient, steps", "0.8", None],
        ["largest Lyapunov exponent", "-0.5000", None],
        ["linear capacity of the output", "2.2 of 8", None],
        ["outputs' timescale, steps", "1.5", None],
    ]


def test_a_probe_of_a_run_comes_before_one_of_its_cell(tmp_path: Path) -> None:
    record = make_record()
    trained = document(record, run_id=record.run_id, trained=card(None, [None]))
    ((title, figures),) = shown(record, tmp_path, document(record), trained)
    assert title.endswith(f"layer 1 of run {record.run_id}")
    assert figures[0][1:] == ["0.8", "> 2"]
    assert figures[1][1:] == ["-0.5000", "-∞"]


def test_a_card_of_the_same_hidden_size_comes_before_others(tmp_path: Path) -> None:
    record = make_record()
    record.cell["hidden_size"] = 5
    (tmp_path / "one").mkdir()
    other, same = document(record, cell=sized(record, 64)), document(record)
    ((title, _),) = shown(record, tmp_path / "one", other, same)
    assert title.startswith("hidden size 5,")
    (tmp_path / "two").mkdir()
    ((title, _),) = shown(record, tmp_path / "two", other)
    assert title.startswith("hidden size 64,"), "another one is better than none, and says so"


def test_what_is_of_another_cell_code_or_run_or_is_damaged_is_not_shown(tmp_path: Path) -> None:
    record = make_record()
    found = shown(
        record,
        tmp_path,
        document(record, code="other"),
        document(record, cell={**record.cell, "knob": 1}),
        document(record, run_id="another"),
        document(record, initial=None),
        {"nothing": 1},
    )
    assert found is None


def test_without_a_card_the_page_is_the_same_to_the_byte(tmp_path: Path) -> None:
    record = make_record()
    write(tmp_path / "results" / "runs" / "one.json", record)
    probes = tmp_path / "results" / "probes"

    def page(name: str) -> bytes:
        command = ["leaderboard", "--results", str(tmp_path / "results")]
        assert main([*command, "--output", str(tmp_path / name)]) == 0
        return (tmp_path / name).read_bytes()

    without = page("a.html")
    probes.mkdir()
    (probes / "bad.json").write_text("{")
    (probes / "gru.png").write_bytes(b"")
    assert page("b.html") == without
    (probes / "cell.json").write_text(json.dumps(document(record)))
    assert page("c.html") != without
