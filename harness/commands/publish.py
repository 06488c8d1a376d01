"""`recurbench publish`: the leaderboard in Weights & Biases."""

import argparse
from pathlib import Path

from recurbench.harness.commands.arguments import add_filters, add_records, filter_of, records_of
from recurbench.harness.commands.leaderboard import load_runs
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.board import build_board
from recurbench.harness.results.index import uncollected

HELP = "put the leaderboard into wandb"

MODES = ("online", "offline", "disabled")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to publish, and where."""
    parser.description = (
        "Put the leaderboard into wandb, as a run with a table of all entries and an artifact with "
        "the leaderboard in Markdown, CSV and JSON."
    )
    add_filters(parser)
    parser.add_argument("--project", default="recurbench", help="default: recurbench")
    parser.add_argument("--entity", help="the user or team of the project (default: wandb's own)")
    parser.add_argument(
        "--mode",
        help=f"{', '.join(MODES)}; by default WANDB_MODE, or what login and network allow",
    )
    parser.add_argument("--curves", action="store_true", help="add a table of the learning curves")
    add_records(parser)


def call(options: argparse.Namespace) -> int:
    """Publishes the leaderboard, and says where it is or how to upload it."""
    if options.mode is not None and options.mode not in MODES:
        raise UserError(f"--mode {options.mode}{nearest(options.mode, MODES)}")
    with uncollected():
        board = build_board(filter_of(options).of(load_runs(records_of(options))))
    from recurbench.harness.run.publish import publish

    publish(
        board,
        Path(options.results),
        options.project,
        options.entity,
        options.mode,
        curves=options.curves,
    )
    return 0
