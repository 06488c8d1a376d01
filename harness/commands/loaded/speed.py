"""`recurbench speed`: chooses what is timed, and tells of it as it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch

from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import TrainerConfig
from recurbench.harness.config.single import configured
from recurbench.harness.console import complain, let_cells_speak, say, showable
from recurbench.harness.errors import UserError
from recurbench.harness.results.plain import LINE, plain
from recurbench.harness.results.record import Environment
from recurbench.harness.results.writing import write_whole
from recurbench.harness.run.environment import describe_environment
from recurbench.harness.run.memory import keep_freed_memory
from recurbench.harness.speed.contenders import LAYERS, Cell, Contender, Layer, rivals, split
from recurbench.harness.speed.grid import Shape
from recurbench.harness.speed.measure import Measurement, Plan
from recurbench.harness.speed.plot import as_picture
from recurbench.harness.speed.rows import Row, rows_as_csv, rows_as_json
from recurbench.harness.speed.table import as_text

SIZES = ("hidden_size", "input_size")


@dataclass(frozen=True)
class Files:
    """Where the numbers go beside the terminal."""

    json: Path | None
    csv: Path | None
    plot: Path | None


def time_cells(
    cells: Sequence[str],
    against: Sequence[str],
    shapes: Sequence[Shape],
    measures: Sequence[str],
    rounds: int,
    threads: int,
    device: str,
    files: Files,
) -> int:
    """Times cells and prints a table for each measure and shape as soon as it is there.

    Args:
        cells: with their knobs, as `gru,kernel=fused`.
        against: what each is compared with.
        shapes: of batches and cells.
        measures: what is timed of them.
        rounds: how often.
        threads: of torch.
        device: where, as torch names it.
        files: where the numbers go; after Ctrl-C those that are there.

    Returns:
        0, 1 if a cell could not be timed, or 130 after Ctrl-C.

    Raises:
        UserError: a cell, a knob, a size or a device does not exist.
    """
    place = _device(device)
    register()
    plan = Plan(_chosen(cells, against), shapes, measures, rounds, place)
    _require_sizes(plan)
    torch.set_num_threads(threads)
    keep_freed_memory()  # as runs do
    let_cells_speak()
    environment = describe_environment(place, TrainerConfig(accelerator="auto", threads=threads))
    say(showable(plain(f"{_machine(environment)}; medians of {rounds} rounds", LINE)))
    measurement = Measurement(plan, lambda line: complain(plain(line, LINE)))
    rows: list[Row] = []
    code = 0
    groups, done = len(plan.groups()), 0
    try:
        for found in measurement.rows():
            rows += found
            done += 1
            if found:
                say("\n" + as_text(found).rstrip())
    except KeyboardInterrupt:
        code = 130
        complain(f"interrupted; {done} of {groups} tables are there")
    about = {
        "environment": msgspec.to_builtins(environment),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "tables": {"timed": done, "asked_for": groups},
        "refused": measurement.refused,
    }
    _write(files, rows, about)
    return code or (1 if measurement.refused else 0)


def _write(files: Files, rows: Sequence[Row], about: dict[str, Any]) -> None:
    if files.json:
        _put("--json", files.json, rows_as_json(rows, about).encode())
    if files.csv:
        _put("--csv", files.csv, rows_as_csv(rows).encode())
    if files.plot and rows:
        _put("--plot", files.plot, as_picture(rows, files.plot.suffix.lower()[1:]))


def _put(option: str, file: Path, content: bytes) -> None:
    try:
        write_whole(file, content)
    except OSError as error:
        raise UserError(f"{option} {file}: {error.strerror}") from error


def _machine(environment: Environment) -> str:
    threads = "1 thread" if environment.threads == 1 else f"{environment.threads} threads"
    return f"{environment.hardware}, {threads}, torch {environment.torch}"


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"--device {name}: no such device; write cpu or cuda") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: only cpu and cuda can be timed")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: no such CUDA device is available; use --device cpu")
    return device


def _chosen(cells: Sequence[str], against: Sequence[str]) -> list[tuple[Cell, Sequence[Contender]]]:
    """Each cell with its rivals; a cell that is named twice comes once."""
    others: dict[str, Contender] = {}
    for text in against:
        if text in LAYERS:
            others[text] = Layer(text)
        elif text not in ("torch", "reference", "step"):
            others[text] = _cell("--against", text)
    chosen = {cell.label: cell for cell in (_cell("--cell", text) for text in cells)}
    return [(cell, rivals(cell, against, others)) for cell in chosen.values()]


def _cell(option: str, text: str) -> Cell:
    name, *knobs = split(text)
    for knob in knobs:
        if "=" not in knob:
            raise UserError(
                f"{option} {text}: {knob!r} is no KNOB=VALUE; give each cell an option of its own"
            )
        if knob.partition("=")[0] in SIZES:
            raise UserError(f"{option} {text}: --shape, --I and --H say the sizes")
    plugin, configuration = configured("cell", name, [f"cell.{knob}" for knob in knobs])
    return Cell(",".join([name, *knobs]), plugin, configuration)


def _require_sizes(plan: Plan) -> None:
    """Refuses sizes that a cell refuses, before anything is timed."""
    for I, H in {(shape.I, shape.H): None for shape in plan.shapes}:
        for cell, others in plan.cells:
            for contender in (cell, *others):
                contender.make(I, H)
