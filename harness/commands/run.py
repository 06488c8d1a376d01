"""`recurbench run`: trains, or sweeps."""

import argparse

from recurbench.harness.commands.completion import add_completed_overrides

HELP = "train; -m sweeps"

DESCRIPTION = """\
train, or with -m sweep over the cross product of comma-separated values

  recurbench run cell=lstm task=language train.max_steps=500
  recurbench run -m cell=gru,lstm,rnn task=copying,language seed=0,1,2
  recurbench run --cfg job          show the whole configuration (--resolve: with ${...} followed,
                                    --package cell: a section of it; --info: where it comes from)
  recurbench run -m experiment=zoo --dry-run             list the runs of a sweep, run nothing
  recurbench run --config-dir DIR experiment=mine        choose among presets of your own
  recurbench run --config-dir DIR --config-name mine     begin with DIR/mine.yaml
  recurbench list                   show all cells and tasks with their knobs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All arguments are Hydra's."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    action = parser.add_argument("arguments", nargs="*", help="Hydra overrides and flags")
    add_completed_overrides(parser, action)


def call(options: argparse.Namespace) -> int:
    """Runs what the command line asks for; 1 if a run did not complete."""
    if {"-m", "--multirun"} & set(options.arguments):
        from recurbench.harness.sweep.forking import forking

        forking()  # imports what runs need while this process imports the same
    from recurbench.harness.commands.loaded.run import run_jobs

    return run_jobs(options.arguments)
