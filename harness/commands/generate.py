"""`recurbench generate`: samples from the model of a run."""

import argparse
from pathlib import Path

from recurbench.harness.commands.arguments import add_number, add_results, add_run_id

HELP = "sample from the model of a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and how to sample."""
    parser.description = (
        "Continue a prompt with the model of a run that kept its checkpoint "
        "(train.keep_checkpoint=true)."
    )
    add_run_id(parser)
    parser.add_argument("--prompt", default="", help="what to continue, as the task writes it")
    add_number(parser, "length", int, 200, "steps to add, at most", at_least=1)
    add_number(parser, "temperature", float, 1.0, "0 takes the likeliest", at_least=0)
    add_number(parser, "top-k", int, None, "draw from this many of the likeliest", at_least=1)
    add_number(parser, "seed", int, 0, "of the draws", at_least=0)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    add_results(parser)


def call(options: argparse.Namespace) -> int:
    """Prints the continuation, or writes it to a file."""
    from recurbench.harness.commands.loaded.generate import Sampling, generate

    sampling = Sampling(
        options.prompt, options.length, options.temperature, options.top_k, options.seed
    )
    generate(options.results, options.run_id, sampling, options.output)
    return 0
