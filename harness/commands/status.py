"""`recurbench status`: how the sweeps under way stand."""

import argparse
import json

from recurbench.harness.commands.arguments import add_results
from recurbench.harness.console import say, showable
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.plain import LINE, plain
from recurbench.harness.results.status import Standing, Status, status_of

HELP = "how the sweeps under way stand"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The results folder and the format."""
    parser.description = (
        "say what runs at this moment, on this host or another that shares the folder, and what "
        "was stopped before it was done"
    )
    add_results(parser)
    parser.add_argument("--format", choices=["text", "json"], default="text")


def call(options: argparse.Namespace) -> int:
    """Says it."""
    status = status_of(ResultsFolder(options.results))
    if options.format == "json":
        say(json.dumps(status.as_json(), indent=1))
    else:
        for line in _lines(status):
            say(showable(plain(line, LINE)))
    return 0


def _lines(status: Status) -> list[str]:
    """The whole in lines."""
    lines = []
    for standing in status.sweeps:
        lines += _of_sweep(standing)
    lines += [f"running: {run.title}  {run.state} ({run.where})" for run in status.alone]
    if status.saved:
        lines.append(
            f"{len(status.saved)} interrupted runs are saved; the command that started them goes "
            "on, and `recurbench clean` removes them"
        )
    return lines or ["nothing runs, and nothing waits to be gone on with"]


def _of_sweep(standing: Standing) -> list[str]:
    sweep, runs = standing.sweep, standing.running
    where = f"process {sweep.pid} on {sweep.node}"
    if standing.alive is False:
        return [f"sweep {sweep.name}: stopped, {standing.tally}", f"  goes on: {standing.command}"]
    doubt = "" if standing.alive else ", if that is still alive"
    lines = [f"sweep {sweep.name}: {standing.tally} ({where}{doubt})"]
    return lines + [f"  {run.title}  {run.state}" for run in runs]
