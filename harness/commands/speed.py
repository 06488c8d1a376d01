"""`recurbench speed`: times cells against each other and against torch's layers."""

import argparse
from pathlib import Path

from recurbench.harness.commands.arguments import add_number, items, require_place
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.speed.grid import grid, read_range, read_shape, read_sizes, read_steps
from recurbench.harness.speed.rows import MEASURES

HELP = "time cells against each other and torch's layers"

CELLS = ("gru", "lstm", "rnn")
"""What is timed where no cell is asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to time, at which shapes, and where the numbers go."""
    parser.description = (
        "Time forward passes, training steps and single steps, in turn, after outputs and "
        "gradients were found equal in double precision. By default gru, lstm and rnn beside "
        "torch's layers, which takes less than a minute. Exit code 1 if a cell could not be timed, "
        "or does not compute what it should."
    )
    parser.add_argument(
        "--cell", action="append", metavar="NAME[,KNOB=VALUE..]",
        help="a cell with its knobs, such as gru,kernel=fused (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--against", action="append", default=[], metavar="WHAT",
        help="what each cell is compared with: torch (its layer of the same cell), reference (the "
        "same cell by kernel=reference), step (its steps in a loop), nn.GRU, nn.LSTM, nn.RNN, or "
        "another cell as in --cell (repeatable; default: torch, else reference, else nn.GRU)",
    )  # fmt: skip
    parser.add_argument(
        "--shape", action="append", type=read_shape, default=[], metavar="T,B,I,H",
        help="steps, rows, features and hidden units, such as 100,32,64,64; 10-100,32,64,64 is a "
        "packed batch of such lengths (repeatable)",
    )  # fmt: skip
    _add_list(parser, "T", read_steps("--T"), "a grid of shapes: steps")
    _add_list(parser, "B", read_sizes("--B"), "its rows; default: 32")
    _add_list(parser, "I", read_sizes("--I"), "its features; default: as many as hidden units")
    _add_list(parser, "H", read_sizes("--H"), "its hidden units; default: 64")
    _add_list(
        parser,
        "packed",
        read_range,
        "packed batches of such lengths, as 10-100, in a grid or beside --shape",
    )
    parser.add_argument(
        "--measure", action="extend", type=items, metavar="NAME,...",
        help=f"of {', '.join(MEASURES)}; default: all",
    )  # fmt: skip
    add_number(parser, "rounds", int, 9, "how often each is timed", at_least=2)
    add_number(parser, "threads", int, 1, "of torch", at_least=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    for name, what in (("json", "all numbers"), ("csv", "all numbers"), ("plot", "a picture")):
        parser.add_argument(
            f"--{name}", type=Path, metavar="FILE", help=f"write {what} to a file too"
        )


def call(options: argparse.Namespace) -> int:
    """Times and prints; 1 if a cell could not be timed."""
    for name in ("json", "csv", "plot"):
        if file := getattr(options, name):
            require_place(file, f"--{name}")
    if options.plot:
        from recurbench.harness.speed.plot import require_plot

        require_plot(options.plot)
    measures = options.measure or MEASURES
    for name in measures:
        if name not in MEASURES:
            raise UserError(f"--measure {name}{nearest(name, MEASURES)}")
    shapes = grid(options.shape, options.T, options.B, options.I, options.H, packed=options.packed)
    if "step" in options.against and any(shape.packed for shape in shapes):
        raise UserError("--against step: only dense batches are stepped; leave packed lengths out")
    from recurbench.harness.commands.loaded.speed import Files, time_cells

    return time_cells(
        options.cell or CELLS,
        options.against,
        shapes,
        [name for name in MEASURES if name in measures],
        options.rounds,
        options.threads,
        options.device,
        Files(options.json, options.csv, options.plot),
    )


def _add_list(parser: argparse.ArgumentParser, name: str, read: object, meaning: str) -> None:
    parser.add_argument(
        f"--{name}", action="extend", type=read, default=[], metavar="N,..",  # type: ignore[arg-type]
        help=meaning,
    )  # fmt: skip
